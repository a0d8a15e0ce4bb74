//! Twins of the user's functions that take numbers, of which derivatives are written.

use super::numbers::{By, Number};
use super::reading::{Reader, value_of};
use super::signature::{Argument, Called, Signature, Struct};
use crate::custom::signature::Kind;
use crate::error::Result;
use naga::Module;

/// What the twins' names begin with, and what comes before names of the user's in derived text.
const TWIN: &str = "numbers_of_";
const OWN: &str = "user_";

/// The name of the twin of a function, once they are renamed.
pub(in crate::custom) fn twin(of: &str) -> String {
    format!("{OWN}{TWIN}{of}")
}

impl Signature {
    /// That of a text which has a struct `Item`; another word stands in it for `target`.
    pub(in crate::custom) fn of(
        module: &Module,
        text: &str,
        stand_in: Option<&str>,
    ) -> Result<Option<Self>> {
        Reader { module, text, stand_in }.signature()
    }

    /// The numbers that a function takes, in the order of its arguments; parameters are none.
    pub(in crate::custom) fn taken(&self, called: &Called) -> Vec<Number> {
        let peaks = Self::count(&self.peaks);
        let of = |argument: &Argument| -> Vec<Number> {
            let item = 0..self.item.members.len();
            match argument {
                Argument::Item => item.map(By::Item).map(Number::Of).collect(),
                Argument::Picked => item.map(By::Picked).map(Number::Of).collect(),
                Argument::Row => (0..self.row_members().len()).map(Number::Row).collect(),
                Argument::Shifts => (0..Self::count(&self.shifts)).map(Number::Shift).collect(),
                Argument::Peaks => (0..peaks).map(By::Peak).map(Number::Of).collect(),
                Argument::Sums => {
                    (0..Self::count(&self.sums)).map(By::Sum).map(Number::Of).collect()
                }
                Argument::SecondSums => {
                    let all = 0..Self::count(&self.second_sums);
                    all.map(By::SecondSum).map(Number::Of).collect()
                }
                Argument::Parameters => Vec::new(),
            }
        };
        called.arguments.iter().flat_map(of).collect()
    }

    /// What a number is in the functions.
    pub(in crate::custom) fn kind(&self, number: Number) -> Kind {
        match number {
            Number::Of(By::Item(i) | By::Picked(i)) => self.item.members[i].kind,
            Number::Row(i) => self.row_members()[i].kind,
            Number::IsPicked => Kind::Flag,
            _ => Kind::Float,
        }
    }

    /// The declaration of a number as an argument.
    pub(in crate::custom) fn declared(&self, number: Number) -> String {
        format!("{}: {}", number.name(self), self.kind(number).written())
    }

    /// The functions that the user declares.
    pub(in crate::custom) fn all(&self) -> impl Iterator<Item = &Called> {
        let all = [&self.shifts, &self.peaks, &self.sums, &self.second_sums];
        all.into_iter().flatten().chain([&self.value])
    }

    /// The twins.
    pub(in crate::custom) fn twins(&self, module: &Module) -> String {
        let mut text = String::from("\n");
        for called in self.all() {
            let numbers = self.taken(called);
            let mut declared: Vec<String> =
                numbers.iter().map(|&number| self.declared(number)).collect();
            let names = &mut numbers.iter().map(|number| number.name(self));
            let mut passed = Vec::new();
            for argument in &called.arguments {
                passed.push(match argument {
                    Argument::Item | Argument::Picked => struct_of(module, &self.item, names),
                    Argument::Row => {
                        self.row.as_ref().map_or(String::new(), |row| struct_of(module, row, names))
                    }
                    Argument::Parameters => {
                        declared.push("c: Parameters".into());
                        "c".into()
                    }
                    Argument::Shifts => of_result(module, &self.shifts, names),
                    Argument::Peaks => of_result(module, &self.peaks, names),
                    Argument::Sums => of_result(module, &self.sums, names),
                    Argument::SecondSums => of_result(module, &self.second_sums, names),
                });
            }
            let name = called.name;
            let result = &module.types[called.result];
            text += &format!(
                "fn {TWIN}{name}({}) -> {} {{\n    return {name}({});\n}}\n",
                declared.join(", "),
                type_name(module, result),
                passed.join(", ")
            );
        }
        text
    }
}

fn struct_of(module: &Module, of: &Struct, names: &mut impl Iterator<Item = String>) -> String {
    let name = module.types[of.ty].name.as_deref().unwrap_or_default();
    let all: Vec<String> = names.take(of.members.len()).collect();
    format!("{name}({})", all.join(", "))
}

fn of_result(
    module: &Module,
    called: &Option<Called>,
    names: &mut impl Iterator<Item = String>,
) -> String {
    called.as_ref().map_or(String::new(), |called| value_of(module, called.result, names))
}

/// A type of floats as it is written.
fn type_name(module: &Module, ty: &naga::Type) -> String {
    match &ty.inner {
        naga::TypeInner::Vector { size, .. } => format!("vec{}<f32>", *size as u8),
        naga::TypeInner::Array { base, size: naga::ArraySize::Constant(count), .. } => {
            format!("array<{}, {count}>", type_name(module, &module.types[*base]))
        }
        naga::TypeInner::Struct { .. } => ty.name.clone().unwrap_or_default(),
        _ => "f32".into(),
    }
}

/// Gives what the user declares names that nothing of the kernels' has. The parameters keep theirs.
pub(in crate::custom) fn rename(module: &mut Module, is_own: impl Fn(naga::Span) -> bool) {
    let own = |name: &Option<String>| name.as_ref().map(|name| format!("{OWN}{name}"));
    let functions: Vec<_> = module.functions.iter().map(|(handle, _)| handle).collect();
    for handle in functions {
        if is_own(module.functions.get_span(handle)) {
            let function = &mut module.functions[handle];
            function.name = own(&function.name);
        }
    }
    let constants: Vec<_> = module.constants.iter().map(|(handle, _)| handle).collect();
    for handle in constants {
        if is_own(module.constants.get_span(handle)) {
            let constant = &mut module.constants[handle];
            constant.name = own(&constant.name);
        }
    }
    let types: Vec<_> = module.types.iter().map(|(handle, _)| handle).collect();
    for handle in types {
        let ty = module.types[handle].clone();
        let is_struct = matches!(ty.inner, naga::TypeInner::Struct { .. });
        let is_parameters = ty.name.as_deref() == Some("Parameters");
        if is_struct && !is_parameters && is_own(module.types.get_span(handle)) {
            module.types.replace(handle, naga::Type { name: own(&ty.name), ..ty });
        }
    }
}
