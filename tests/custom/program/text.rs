//! The WGSL of a program.

use super::values::Type::{Bool, Float, Signed, Unsigned};
use super::values::{OPERATIONS, Type, Value};
use super::{Argument, Body, Statement, Tree};

/// The arguments of `value`.
pub(crate) const NAMES: [&str; 5] = ["p", "t", "q", "r", "s"];

fn type_text(kind: Type) -> &'static str {
    match kind {
        Float => "f32",
        Signed => "i32",
        Unsigned => "u32",
        Bool => "bool",
    }
}

impl Body {
    pub(super) fn text(&self, name: &str) -> String {
        let (mut arguments, mut names) = (Vec::new(), Vec::new());
        for (k, argument) in self.arguments.iter().enumerate() {
            let own = if name == "value" { NAMES[k].into() } else { format!("x{k}") };
            match argument {
                Argument::Number(kind) => {
                    arguments.push(format!("{own}: {}", type_text(*kind)));
                    names.push(own);
                }
                Argument::Vector(size) => {
                    arguments.push(format!("{own}: vec{size}<f32>"));
                    names
                        .extend(["x", "y", "z", "w"][..*size].iter().map(|k| format!("{own}.{k}")));
                }
            }
        }
        names.extend((names.len()..self.names.len()).map(|i| format!("x{i}")));
        format!(
            "fn {name}({}) -> f32 {{\n{}    return {};\n}}\n",
            arguments.join(", "),
            self.block_text(&self.statements, &names, 1),
            self.result.text(&names),
        )
    }

    fn block_text(&self, block: &[Statement], names: &[String], depth: usize) -> String {
        let indent = "    ".repeat(depth);
        let inner = |block: &[Statement]| self.block_text(block, names, depth + 1);
        let mut out = String::new();
        for statement in block {
            out += &match statement {
                Statement::Let(i, tree) => {
                    format!("{indent}let {} = {};\n", names[*i], tree.text(names))
                }
                Statement::Var(i, tree) => {
                    let kind = type_text(self.names[*i]);
                    format!("{indent}var {}: {kind} = {};\n", names[*i], tree.text(names))
                }
                Statement::Assign(i, tree) => {
                    format!("{indent}{} = {};\n", names[*i], tree.text(names))
                }
                Statement::If(condition, accept, reject) => format!(
                    "{indent}if ({}) {{\n{}{indent}}} else {{\n{}{indent}}}\n",
                    condition.text(names),
                    inner(accept),
                    inner(reject)
                ),
                Statement::For(i, rounds, goes_on, body) => {
                    let name = &names[*i];
                    format!(
                        "{indent}for (var {name} = 0; {name} < {rounds}; {name}++) {{\n{indent}    if ({}) {{ continue; }}\n{}{indent}}}\n",
                        goes_on.text(names),
                        inner(body)
                    )
                }
                Statement::Switch(selector, [first, second, other]) => format!(
                    "{indent}switch {} % 4 {{\n{indent}case 1, 2: {{\n{}{indent}}}\n{indent}case -1: {{\n{}{indent}}}\n{indent}default: {{\n{}{indent}}}\n{indent}}}\n",
                    selector.text(names),
                    inner(first),
                    inner(second),
                    inner(other)
                ),
                Statement::Return(condition, tree) => format!(
                    "{indent}if ({}) {{ return {}; }}\n",
                    condition.text(names),
                    tree.text(names)
                ),
            };
        }
        out
    }
}

impl Tree {
    fn text(&self, names: &[String]) -> String {
        match self {
            Self::Literal(Value::Float(x)) => format!("{x:?}"),
            Self::Literal(Value::Signed(x)) => x.to_string(),
            Self::Literal(Value::Unsigned(x)) => format!("{x}u"),
            Self::Literal(Value::Bool(x)) => x.to_string(),
            Self::Name(i) => names[*i].clone(),
            Self::Operation(i, of) => {
                let mut pieces = OPERATIONS[*i].2.split('$');
                let mut out: String = pieces.next().unwrap_or_default().into();
                for (x, piece) in of.iter().zip(pieces) {
                    out += &x.text(names);
                    out += piece;
                }
                out
            }
        }
    }
}
