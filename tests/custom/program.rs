//! Random programs: their trees, their WGSL, and what they come to.

use crate::common::Random;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Type {
    Float,
    Signed,
    Unsigned,
    Bool,
}

use Type::{Bool, Float, Signed, Unsigned};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Float(f64),
    Signed(i32),
    Unsigned(u32),
    Bool(bool),
}

impl Value {
    fn float(self) -> f64 {
        match self {
            Self::Float(x) => x,
            other => panic!("{other:?}"),
        }
    }

    fn signed(self) -> i32 {
        match self {
            Self::Signed(x) => x,
            other => panic!("{other:?}"),
        }
    }

    fn unsigned(self) -> u32 {
        match self {
            Self::Unsigned(x) => x,
            other => panic!("{other:?}"),
        }
    }

    fn holds(self) -> bool {
        match self {
            Self::Bool(x) => x,
            other => panic!("{other:?}"),
        }
    }
}

type Function = fn(&[Value]) -> Value;

/// An operation: what it gives and takes, its WGSL with a `$` for each operand, and the same in Rust.
struct Operation(Type, &'static [Type], &'static str, Function);

macro_rules! operation {
    ($to:ident, [$($from:ident),*], $text:expr, |$x:ident| $result:expr) => {
        Operation($to, &[$($from),*], $text, |$x| Value::$to($result))
    };
}

const OPERATIONS: &[Operation] = &[
    operation!(Float, [Float, Float], "($ + $)", |x| x[0].float() + x[1].float()),
    operation!(Float, [Float, Float], "($ - $)", |x| x[0].float() - x[1].float()),
    operation!(Float, [Float, Float], "(0.5 * $ * $)", |x| 0.5 * x[0].float() * x[1].float()),
    operation!(Float, [Float], "($ / 3.0)", |x| x[0].float() / 3.0),
    operation!(Float, [Float], "(1.0 / (1.5 + abs($)))", |x| 1.0 / (1.5 + x[0].float().abs())),
    operation!(Float, [Float], "tanh($)", |x| x[0].float().tanh()),
    operation!(Float, [Float], "softplus($)", |x| x[0].float().exp().ln_1p()),
    operation!(Float, [Float], "pow($, 2.0)", |x| x[0].float() * x[0].float()),
    operation!(Float, [Float], "(-$)", |x| -x[0].float()),
    operation!(Float, [Float, Float], "max($, $)", |x| x[0].float().max(x[1].float())),
    operation!(Float, [Float], "clamp($, -1.5, 2.0)", |x| x[0].float().clamp(-1.5, 2.0)),
    operation!(Float, [Float, Float, Bool], "select($, $, $)", |x| {
        if x[2].holds() { x[1].float() } else { x[0].float() }
    }),
    operation!(Float, [Signed], "f32($ % 8)", |x| f64::from(x[0].signed().wrapping_rem(8))),
    operation!(Float, [Unsigned], "f32($ & 7u)", |x| f64::from(x[0].unsigned() & 7)),
    operation!(Float, [Bool], "f32($)", |x| f64::from(u8::from(x[0].holds()))),
    operation!(Float, [Float, Float, Signed], "array<f32, 3>($, $, 2.0)[$]", |x| {
        [x[0].float(), x[1].float(), 2.0][place(x[2].signed().cast_unsigned(), 3)]
    }),
    operation!(Float, [Float, Float, Float], "dot(vec2($, $), vec2($, 0.5))", |x| {
        x[0].float() * x[2].float() + 0.5 * x[1].float()
    }),
    operation!(Float, [Float, Float, Bool], "select(vec2($, 1.0), vec2($, 2.0), vec2($)).x", |x| {
        if x[2].holds() { x[1].float() } else { x[0].float() }
    }),
    // What runs it is not in this table.
    Operation(Float, &[Float, Signed, Bool], HELPER, |_| Value::Float(f64::NAN)),
    operation!(Signed, [Signed, Signed], "($ + $)", |x| x[0].signed().wrapping_add(x[1].signed())),
    operation!(Signed, [Signed, Signed], "($ - $)", |x| x[0].signed().wrapping_sub(x[1].signed())),
    operation!(Signed, [Signed, Signed], "($ * $)", |x| x[0].signed().wrapping_mul(x[1].signed())),
    operation!(Signed, [Signed, Signed], "($ / ($ | 1))", |x| {
        x[0].signed().wrapping_div(x[1].signed() | 1)
    }),
    operation!(Signed, [Signed], "($ % 5)", |x| x[0].signed().wrapping_rem(5)),
    operation!(Signed, [Signed, Signed], "($ & $)", |x| x[0].signed() & x[1].signed()),
    operation!(Signed, [Signed, Signed], "($ ^ $)", |x| x[0].signed() ^ x[1].signed()),
    operation!(Signed, [Signed, Unsigned], "($ << ($ % 32u))", |x| {
        x[0].signed() << (x[1].unsigned() % 32)
    }),
    operation!(Signed, [Signed, Unsigned], "($ >> ($ % 32u))", |x| {
        x[0].signed() >> (x[1].unsigned() % 32)
    }),
    operation!(Signed, [Signed], "(-$)", |x| x[0].signed().wrapping_neg()),
    operation!(Signed, [Signed], "(~$)", |x| !x[0].signed()),
    operation!(Signed, [Signed], "abs($)", |x| x[0].signed().wrapping_abs()),
    operation!(Signed, [Signed, Signed], "min($, $)", |x| x[0].signed().min(x[1].signed())),
    operation!(Signed, [Signed], "clamp($, -100, 1000)", |x| x[0].signed().clamp(-100, 1000)),
    operation!(Signed, [Signed], "reverseBits($)", |x| x[0].signed().reverse_bits()),
    operation!(Signed, [Signed], "extractBits($, 3u, 9u)", |x| (x[0].signed() << 20) >> 23),
    operation!(Signed, [Signed, Signed, Bool], "select($, $, $)", |x| {
        if x[2].holds() { x[1].signed() } else { x[0].signed() }
    }),
    operation!(Signed, [Signed, Signed, Unsigned], "vec3<i32>($, $, 5)[$]", |x| {
        [x[0].signed(), x[1].signed(), 5][place(x[2].unsigned(), 3)]
    }),
    operation!(Signed, [Signed, Signed, Signed], "(vec2($, $) * vec2($, 3)).yx.y", |x| {
        x[0].signed().wrapping_mul(x[2].signed())
    }),
    operation!(Signed, [Float], "i32($)", |x| x[0].float() as i32),
    operation!(Signed, [Unsigned], "i32($)", |x| x[0].unsigned().cast_signed()),
    operation!(Signed, [Bool], "i32($)", |x| x[0].holds().into()),
    operation!(Unsigned, [Unsigned, Unsigned], "($ + $)", |x| {
        x[0].unsigned().wrapping_add(x[1].unsigned())
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ - $)", |x| {
        x[0].unsigned().wrapping_sub(x[1].unsigned())
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ * $)", |x| {
        x[0].unsigned().wrapping_mul(x[1].unsigned())
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ % ($ | 1u))", |x| {
        x[0].unsigned() % (x[1].unsigned() | 1)
    }),
    operation!(Unsigned, [Unsigned, Unsigned], "($ | $)", |x| x[0].unsigned() | x[1].unsigned()),
    operation!(Unsigned, [Unsigned, Unsigned], "($ >> ($ % 32u))", |x| {
        x[0].unsigned() >> (x[1].unsigned() % 32)
    }),
    operation!(Unsigned, [Unsigned], "countOneBits($)", |x| x[0].unsigned().count_ones()),
    operation!(Unsigned, [Unsigned], "countLeadingZeros($)", |x| x[0].unsigned().leading_zeros()),
    operation!(Unsigned, [Unsigned, Unsigned], "max($, $)", |x| {
        x[0].unsigned().max(x[1].unsigned())
    }),
    operation!(Unsigned, [Signed], "u32($)", |x| x[0].signed().cast_unsigned()),
    operation!(Unsigned, [Signed], "bitcast<u32>($)", |x| x[0].signed().cast_unsigned()),
    operation!(Unsigned, [Float], "u32($)", |x| x[0].float() as u32),
    operation!(Bool, [Float, Float], "($ < $)", |x| x[0].float() < x[1].float()),
    operation!(Bool, [Float, Float], "($ >= $)", |x| x[0].float() >= x[1].float()),
    operation!(Bool, [Signed, Signed], "($ == $)", |x| x[0] == x[1]),
    operation!(Bool, [Signed, Signed], "($ <= $)", |x| x[0].signed() <= x[1].signed()),
    operation!(Bool, [Unsigned, Unsigned], "($ > $)", |x| x[0].unsigned() > x[1].unsigned()),
    operation!(Bool, [Bool, Bool], "($ && $)", |x| x[0].holds() && x[1].holds()),
    operation!(Bool, [Bool, Bool], "($ || $)", |x| x[0].holds() || x[1].holds()),
    operation!(Bool, [Float, Float, Float], "any(vec2($, $) < vec2($, 0.25))", |x| {
        x[0].float() < x[2].float() || x[1].float() < 0.25
    }),
    operation!(Bool, [Signed, Signed], "all(vec2($, 4) != vec2($, 3))", |x| x[0] != x[1]),
    operation!(Bool, [Bool], "(!$)", |x| !x[0].holds()),
    operation!(Bool, [Bool, Bool], "($ != $)", |x| x[0] != x[1]),
    operation!(Bool, [Signed], "bool($ % 3)", |x| x[0].signed().wrapping_rem(3) != 0),
];

/// Where an index points to among so many: one outside is moved to the last.
fn place(index: u32, count: usize) -> usize {
    (index as usize).min(count - 1)
}

const HELPER: &str = "helper($, $, $)";

#[derive(Debug)]
enum Tree {
    Literal(Value),
    Name(usize),
    Operation(usize, Vec<Tree>),
}

#[derive(Debug)]
enum Statement {
    Let(usize, Tree),
    Var(usize, Tree),
    Assign(usize, Tree),
    If(Tree, Vec<Statement>, Vec<Statement>),
    /// A name that counts so many rounds, in which one more condition may go on to the next.
    For(usize, i32, Tree, Vec<Statement>),
    Switch(Tree, [Vec<Statement>; 3]),
    /// Returns where the condition holds.
    Return(Tree, Tree),
}

/// A function: its arguments are the first names.
#[derive(Debug)]
struct Body {
    arguments: Vec<Type>,
    /// The types of all names.
    names: Vec<Type>,
    statements: Vec<Statement>,
    result: Tree,
}

#[derive(Debug)]
pub(crate) struct Program {
    helper: Body,
    value: Body,
}

/// Noise of the size of float32's rounding.
pub(crate) struct Noise(Option<Random>);

impl Noise {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(seed: u64) -> Self {
        Self(Some(Random(seed + 1)))
    }

    fn near(&mut self, x: f64) -> f64 {
        self.0.as_mut().map_or(x, |random| x * (1.0 + (random.unit() - 0.5) * 2f64.powi(-21)))
    }
}

/// Makes one function.
struct Maker<'r> {
    random: &'r mut Random,
    names: Vec<Type>,
    /// The names in scope, and whether they can be assigned to.
    scope: Vec<(usize, bool)>,
    /// Whether there is a helper to call.
    helps: bool,
}

impl<'r> Maker<'r> {
    fn new(random: &'r mut Random, helps: bool) -> Self {
        Self { random, names: Vec::new(), scope: Vec::new(), helps }
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.random.unit() * count as f64) as usize).min(count - 1)
    }

    fn name_of(&mut self, kind: Type) -> Option<usize> {
        let known: Vec<usize> =
            self.scope.iter().map(|own| own.0).filter(|&i| self.names[i] == kind).collect();
        (!known.is_empty()).then(|| known[self.below(known.len())])
    }

    fn literal(&mut self, kind: Type) -> Tree {
        const INTEGERS: [i32; 6] = [1, 3, 7, 255, 1_664_525, i32::MAX];
        let integer = INTEGERS[self.below(6)];
        Tree::Literal(match kind {
            Float => Value::Float(f64::from(integer % 64) / 16.0),
            Signed => Value::Signed(integer),
            Unsigned => Value::Unsigned(integer.cast_unsigned()),
            Bool => Value::Bool(integer % 2 == 0),
        })
    }

    /// A number as this type, where no name has it: a literal would be a constant.
    fn converted(&mut self, kind: Type) -> Tree {
        let is_it = |operation: &Operation| operation.0 == kind && operation.1 == [Float];
        match (OPERATIONS.iter().position(is_it), self.name_of(Float)) {
            (Some(operation), Some(name)) if kind != Bool => {
                Tree::Operation(operation, vec![Tree::Name(name)])
            }
            _ => self.literal(kind),
        }
    }

    /// A tree of this type, which is no literal.
    fn tree(&mut self, kind: Type, levels: usize) -> Tree {
        if levels == 0 || self.below(6) == 0 {
            return match self.name_of(kind) {
                Some(name) => Tree::Name(name),
                None => self.converted(kind),
            };
        }
        let fitting: Vec<usize> = (0..OPERATIONS.len())
            .filter(|&i| OPERATIONS[i].0 == kind && (self.helps || OPERATIONS[i].2 != HELPER))
            .collect();
        let operation = fitting[self.below(fitting.len())];
        let kinds = OPERATIONS[operation].1;
        let mut of = Vec::new();
        for (i, &kind) in kinds.iter().enumerate() {
            // A literal alone would be a constant expression, which may not wrap.
            let literal = i == 1 && kind != Bool && self.below(4) == 0;
            of.push(if literal { self.literal(kind) } else { self.tree(kind, levels - 1) });
        }
        Tree::Operation(operation, of)
    }

    fn declared(&mut self, kind: Type, changes: bool) -> usize {
        self.names.push(kind);
        self.scope.push((self.names.len() - 1, changes));
        self.names.len() - 1
    }

    fn kind(&mut self) -> Type {
        [Float, Float, Float, Signed, Signed, Unsigned, Bool][self.below(7)]
    }

    fn statement(&mut self, levels: usize) -> Statement {
        let most = if levels == 0 { 6 } else { 11 };
        match self.below(most) {
            0 => {
                // A let of a literal stays what it is.
                let kind = self.kind();
                let tree = self.literal(kind);
                Statement::Let(self.declared(kind, false), tree)
            }
            1 | 2 => {
                let kind = self.kind();
                let tree = self.tree(kind, 3);
                Statement::Let(self.declared(kind, false), tree)
            }
            3 => {
                let kind = self.kind();
                let tree = self.tree(kind, 2);
                Statement::Var(self.declared(kind, true), tree)
            }
            4 | 5 => {
                let known: Vec<usize> =
                    self.scope.iter().filter(|own| own.1).map(|own| own.0).collect();
                let name = known[self.below(known.len())];
                Statement::Assign(name, self.tree(self.names[name], 3))
            }
            6 | 7 => {
                let condition = self.tree(Bool, 2);
                let accept = self.block(levels - 1);
                let reject = if self.below(2) == 0 { self.block(levels - 1) } else { Vec::new() };
                Statement::If(condition, accept, reject)
            }
            8 => {
                let rounds = self.below(4) as i32;
                let count = self.scope.len();
                let name = self.declared(Signed, false);
                let goes_on = self.tree(Bool, 1);
                let body = self.block(levels - 1);
                self.scope.truncate(count);
                Statement::For(name, rounds, goes_on, body)
            }
            9 => {
                let selector = self.tree(Signed, 2);
                Statement::Switch(selector, [0, 1, 2].map(|_| self.block(levels - 1)))
            }
            _ => Statement::Return(self.tree(Bool, 2), self.tree(Float, 2)),
        }
    }

    fn block(&mut self, levels: usize) -> Vec<Statement> {
        let count = self.scope.len();
        let statements = (0..1 + self.below(3)).map(|_| self.statement(levels)).collect();
        self.scope.truncate(count);
        statements
    }

    fn body(mut self, arguments: &[Type]) -> Body {
        for &kind in arguments {
            self.declared(kind, false);
        }
        let mut statements = Vec::new();
        // One of each type, to begin with.
        let scaled = |own: &mut Self, text: &str| {
            let place = OPERATIONS
                .iter()
                .position(|operation| operation.2 == text && operation.1 == [Float]);
            let x = own.tree(Float, 1);
            Tree::Operation(place.expect("an operation"), vec![x])
        };
        let n = scaled(&mut self, "i32($)");
        statements.push(Statement::Var(self.declared(Signed, true), n));
        let u = scaled(&mut self, "u32($)");
        statements.push(Statement::Let(self.declared(Unsigned, false), u));
        let b = self.tree(Bool, 1);
        statements.push(Statement::Let(self.declared(Bool, false), b));
        let y = self.tree(Float, 2);
        statements.push(Statement::Var(self.declared(Float, true), y));
        for _ in 0..6 {
            statements.push(self.statement(2));
        }
        let result = self.tree(Float, 4);
        Body { arguments: arguments.to_vec(), names: self.names, statements, result }
    }
}

impl Program {
    pub(crate) fn random(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let helper = Maker::new(&mut random, false).body(&[Float, Signed, Bool]);
        let value = Maker::new(&mut random, true).body(&[Float, Float]);
        Self { helper, value }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.helper.text("helper"), self.value.text("value"))
    }

    pub(crate) fn value(&self, x: &[f64], noise: &mut Noise) -> f64 {
        let arguments = x.iter().map(|&x| Value::Float(x)).collect();
        Run { body: &self.value, helper: Some(&self.helper), names: arguments, noise }.result()
    }
}

fn type_text(kind: Type) -> &'static str {
    match kind {
        Float => "f32",
        Signed => "i32",
        Unsigned => "u32",
        Bool => "bool",
    }
}

impl Body {
    fn text(&self, name: &str) -> String {
        let own = |i: usize| if name == "value" { ["p", "t"][i].into() } else { format!("x{i}") };
        let arguments: Vec<String> = (0..self.arguments.len())
            .map(|i| format!("{}: {}", own(i), type_text(self.arguments[i])))
            .collect();
        let names: Vec<String> = (0..self.names.len())
            .map(|i| if i < self.arguments.len() { own(i) } else { format!("x{i}") })
            .collect();
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

/// A function that runs.
struct Run<'r> {
    body: &'r Body,
    helper: Option<&'r Body>,
    names: Vec<Value>,
    noise: &'r mut Noise,
}

impl Run<'_> {
    fn result(mut self) -> f64 {
        self.names.resize(self.body.names.len(), Value::Bool(false));
        let body = self.body;
        let early = self.block(&body.statements);
        early.unwrap_or_else(|| self.tree(&body.result)).float()
    }

    fn tree(&mut self, tree: &Tree) -> Value {
        match tree {
            Tree::Literal(value) => *value,
            Tree::Name(i) => self.names[*i],
            Tree::Operation(i, of) => {
                let of: Vec<Value> = of.iter().map(|x| self.tree(x)).collect();
                let value = match self.helper {
                    Some(helper) if OPERATIONS[*i].2 == HELPER => {
                        let noise = &mut *self.noise;
                        Value::Float(Run { body: helper, helper: None, names: of, noise }.result())
                    }
                    _ => (OPERATIONS[*i].3)(&of),
                };
                match value {
                    Value::Float(x) => Value::Float(self.noise.near(x)),
                    other => other,
                }
            }
        }
    }

    /// What is returned, if the block returns.
    fn block(&mut self, block: &[Statement]) -> Option<Value> {
        block.iter().find_map(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Statement) -> Option<Value> {
        match statement {
            Statement::Let(i, tree) | Statement::Var(i, tree) | Statement::Assign(i, tree) => {
                self.names[*i] = self.tree(tree);
                None
            }
            Statement::If(condition, accept, reject) => {
                let block = if self.tree(condition).holds() { accept } else { reject };
                self.block(block)
            }
            Statement::For(i, rounds, goes_on, body) => {
                for round in 0..*rounds {
                    self.names[*i] = Value::Signed(round);
                    if self.tree(goes_on).holds() {
                        continue;
                    }
                    let early = self.block(body);
                    if early.is_some() {
                        return early;
                    }
                }
                None
            }
            Statement::Switch(selector, [first, second, other]) => {
                let block = match self.tree(selector).signed().wrapping_rem(4) {
                    1 | 2 => first,
                    -1 => second,
                    _ => other,
                };
                self.block(block)
            }
            Statement::Return(condition, tree) => {
                self.tree(condition).holds().then(|| self.tree(tree))
            }
        }
    }
}
