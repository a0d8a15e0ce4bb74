//! What a loss is called with: the arguments of `value`, and its parameters.

use super::refusal::Refusal;
use super::words::TARGET;
use crate::definition::{Role, Whole};
use crate::error::Result;
use naga::{ArraySize, Function, Handle, Module, Scalar, Span, StructMember, Type, TypeInner};

/// The most arguments, without the parameters.
pub(super) const MOST_ARGUMENTS: usize = 16;

/// The most numbers of all arrays of parameters together.
const MOST_NUMBERS: usize = 1 << 16;

/// A member of `Parameters`.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) kind: Scalar,
    /// How many numbers an array has.
    pub(super) count: Option<usize>,
}

/// What an argument of `value` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    /// A vector of so many floats.
    Vector(u8),
    Signed,
    Unsigned,
    Flag,
}

/// An argument of `value`.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Kind {
    pub(super) fn of(inner: &TypeInner) -> Option<Self> {
        match *inner {
            TypeInner::Scalar(Scalar::F32) => Some(Self::Float),
            TypeInner::Scalar(Scalar::I32) => Some(Self::Signed),
            TypeInner::Scalar(Scalar::U32) => Some(Self::Unsigned),
            TypeInner::Scalar(Scalar::BOOL) => Some(Self::Flag),
            TypeInner::Vector { size, scalar: Scalar::F32 } => Some(Self::Vector(size as u8)),
            _ => None,
        }
    }

    /// What it holds, as an input.
    pub(super) fn role(self) -> Role {
        match self {
            Self::Float => Role::Elements,
            Self::Vector(size) => Role::ElementVectors(size),
            Self::Signed => Role::Signed,
            Self::Unsigned => Role::Unsigned,
            Self::Flag => Role::Flags,
        }
    }

    /// What its integers are.
    pub(super) fn whole(self) -> Option<Whole> {
        self.role().whole()
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Vector(_))
    }

    /// The type in WGSL.
    pub(super) fn written(self) -> String {
        match self {
            Self::Float => "f32".into(),
            Self::Vector(size) => format!("vec{size}<f32>"),
            Self::Signed => "i32".into(),
            Self::Unsigned => "u32".into(),
            Self::Flag => "bool".into(),
        }
    }
}

impl Argument {
    /// What the directions in which it has slopes are called.
    pub(super) fn directions(&self) -> Vec<String> {
        match self.kind {
            Kind::Float => vec![self.name.clone()],
            Kind::Vector(size) => {
                let places = ["x", "y", "z", "w"].iter().take(size.into());
                places.map(|place| format!("{}_{place}", self.name)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What `value` is called with.
#[derive(Debug, Default)]
pub(super) struct Signature {
    /// The arguments of numbers.
    pub(super) arguments: Vec<Argument>,
    pub(super) parameters: Vec<Parameter>,
    /// The type of the last argument, where it holds the parameters.
    pub(super) parameters_type: Option<Handle<Type>>,
}

impl Signature {
    /// That of a function of a text, in which another word stands for `target`.
    pub(super) fn of(
        module: &Module,
        entry: Handle<Function>,
        text: &str,
        stand_in: Option<&str>,
    ) -> Result<Self> {
        let reader = Reader { module, text, stand_in };
        let function = &module.functions[entry];
        let span = module.functions.get_span(entry);
        let is_f32 = |ty| module.types[ty].inner == TypeInner::Scalar(Scalar::F32);
        if !function.result.as_ref().is_some_and(|result| is_f32(result.ty)) {
            return reader.refused(span, "value returns something else than f32");
        }
        let mut signature = Self::default();
        let last = function.arguments.len().saturating_sub(1);
        for (i, argument) in function.arguments.iter().enumerate() {
            let name = reader.written(argument.name.as_deref().unwrap_or_default()).to_string();
            let ty = &module.types[argument.ty];
            match &ty.inner {
                inner if let Some(kind) = Kind::of(inner) => {
                    signature.arguments.push(Argument { name, kind });
                }
                TypeInner::Struct { members, .. }
                    if i == last && ty.name.as_deref() == Some("Parameters") =>
                {
                    let place = module.types.get_span(argument.ty);
                    signature.parameters =
                        reader.parameters(members, &signature.arguments, place)?;
                    signature.parameters_type = Some(argument.ty);
                }
                _ => {
                    let reason = format!(
                        "argument {name} of value is not f32, i32, u32, bool, or a vector of f32, nor, \
                         as the last one, Parameters"
                    );
                    return reader.refused(span, reason);
                }
            }
        }
        let count = signature.arguments.len();
        if !(1..=MOST_ARGUMENTS).contains(&count) {
            let reason = format!("value has {count} arguments, expected 1 to {MOST_ARGUMENTS}");
            return reader.refused(span, reason);
        }
        if !signature.arguments.iter().any(|argument| argument.kind.is_float()) {
            let reason =
                "value has no argument of f32 or a vector of them: a loss has a derivative";
            return reader.refused(span, reason);
        }
        Ok(signature)
    }
}

/// A text while its signature is read.
pub(super) struct Reader<'t> {
    module: &'t Module,
    text: &'t str,
    stand_in: Option<&'t str>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(module: &'t Module, text: &'t str, stand_in: Option<&'t str>) -> Self {
        Self { module, text, stand_in }
    }

    fn refused<T>(&self, span: Span, reason: impl Into<String>) -> Result<T> {
        Err(Refusal::new(span, reason).error(self.text))
    }

    /// A name of the module as the user wrote it.
    fn written<'n>(&self, name: &'n str) -> &'n str {
        written(name, self.stand_in)
    }

    /// The members of `Parameters`, which is declared at this place.
    pub(super) fn parameters(
        &self,
        members: &[StructMember],
        arguments: &[Argument],
        place: Span,
    ) -> Result<Vec<Parameter>> {
        let mut parameters = Vec::<Parameter>::new();
        for member in members {
            let name = member.name.clone().unwrap_or_default();
            if self.written(&name) == TARGET {
                let reason = "target is a reserved word of WGSL, which a parameter cannot be \
                              called: call it goal, for example";
                return self.refused(place, reason);
            }
            if arguments.iter().any(|own| own.name == name) {
                return self.refused(place, format!("{name} is an argument and a parameter"));
            }
            let types = &self.module.types;
            let (inner, count) = match types[member.ty].inner {
                TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
                    (&types[base].inner, usize::try_from(count.get()).ok())
                }
                _ => (&types[member.ty].inner, None),
            };
            let &TypeInner::Scalar(kind @ (Scalar::F32 | Scalar::I32 | Scalar::U32)) = inner else {
                let reason = format!(
                    "parameter {name} is not f32, i32 or u32, nor an array of so many of them"
                );
                return self.refused(place, reason);
            };
            parameters.push(Parameter { name, kind, count });
        }
        let numbers: usize = parameters.iter().filter_map(|own| own.count).sum();
        if numbers > MOST_NUMBERS {
            let reason = format!(
                "the arrays of Parameters have {numbers} numbers, expected at most {MOST_NUMBERS}"
            );
            return self.refused(place, reason);
        }
        Ok(parameters)
    }
}

/// A name as the user wrote it, where another word stands for `target`.
pub(super) fn written<'n>(name: &'n str, stand_in: Option<&str>) -> &'n str {
    if stand_in == Some(name) { TARGET } else { name }
}
