//! Types and constants, as they are written.

use super::writer::Writer;
use crate::custom::refusal::Refusal;
use naga::{
    ArraySize, Constant, Expression, Handle, Literal, Scalar, ScalarKind, Span, Type, TypeInner,
    VectorSize,
};

type Result<T> = std::result::Result<T, Refusal>;

impl Writer<'_> {
    pub(super) fn constant(&mut self, handle: Handle<Constant>) -> Result<String> {
        let source = self.source;
        let constant = &source.module.constants[handle];
        let span = source.module.constants.get_span(handle);
        let Some(name) = constant.name.clone() else {
            return self.global(constant.init, span);
        };
        if source.is_own(span) && !self.has(&name) {
            let kind = self.type_name(constant.ty, span)?;
            let text = self.global(constant.init, span)?;
            self.push(&name, format!("const {name}: {kind} = {text};\n"));
        }
        Ok(name)
    }

    /// The text of a constant expression of the module.
    fn global(&mut self, handle: Handle<Expression>, span: Span) -> Result<String> {
        let source = self.source;
        match &source.module.global_expressions[handle] {
            Expression::Literal(literal) => literal_text(*literal, span),
            Expression::Constant(constant) => self.constant(*constant),
            Expression::ZeroValue(ty) => {
                let zero = zero_component(&source.module.types[*ty].inner);
                Ok(format!("{}({})", self.type_name(*ty, span)?, zero.unwrap_or_default()))
            }
            Expression::Compose { ty, components } => {
                let name = self.type_name(*ty, span)?;
                let mut texts = Vec::new();
                for &component in components {
                    texts.push(self.global(component, span)?);
                }
                Ok(format!("{name}({})", texts.join(", ")))
            }
            Expression::Splat { size, value } => {
                Ok(format!("vec{}({})", *size as u8, self.global(*value, span)?))
            }
            _ => Err(Refusal::new(span, "this constant is not supported")),
        }
    }

    /// How many scalars a value of this type has.
    pub(super) fn scalars(&self, ty: Handle<Type>) -> usize {
        match &self.source.module.types[ty].inner {
            TypeInner::Vector { size, .. } => *size as usize,
            TypeInner::Struct { members, .. } => {
                members.iter().map(|own| self.scalars(own.ty)).sum()
            }
            TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
                count.get() as usize * self.scalars(*base)
            }
            _ => 1,
        }
    }

    pub(super) fn type_name(&mut self, ty: Handle<Type>, span: Span) -> Result<String> {
        let source = self.source;
        let Type { name, inner } = &source.module.types[ty];
        let (Some(name), TypeInner::Struct { members, .. }) = (name, inner) else {
            return self.inner_name(inner, span);
        };
        if !self.has(name) && source.is_own(source.module.types.get_span(ty)) {
            let mut text = format!("struct {name} {{\n");
            let leaves_out = self.leaves_out_arrays(ty);
            for member in members {
                let inner = &source.module.types[member.ty].inner;
                if leaves_out && matches!(inner, TypeInner::Array { .. }) {
                    continue;
                }
                let kind = self.type_name(member.ty, span)?;
                text += &format!("    {}: {kind},\n", member.name.as_deref().unwrap_or_default());
            }
            self.push(name, text + "}\n");
        }
        Ok(name.clone())
    }

    pub(super) fn inner_name(&mut self, inner: &TypeInner, span: Span) -> Result<String> {
        let scalar_name = |scalar: Scalar| match (scalar.kind, scalar.width) {
            (ScalarKind::Float, 4) => Some("f32"),
            (ScalarKind::Sint, 4) => Some("i32"),
            (ScalarKind::Uint, 4) => Some("u32"),
            (ScalarKind::Bool, _) => Some("bool"),
            _ => None,
        };
        let name = match *inner {
            TypeInner::Scalar(scalar) => scalar_name(scalar).map(String::from),
            TypeInner::Vector { size, scalar } => {
                scalar_name(scalar).map(|name| format!("vec{}<{name}>", size as u8))
            }
            TypeInner::Array { base, size: ArraySize::Constant(size), .. } => {
                Some(format!("array<{}, {size}>", self.type_name(base, span)?))
            }
            _ => None,
        };
        let reason =
            "only f32, i32, u32, bool, and vectors, arrays and structs of them are supported";
        name.ok_or_else(|| Refusal::new(span, reason))
    }
}

/// A literal of one of the types that there are.
pub(super) fn literal_text(literal: Literal, span: Span) -> Result<String> {
    Ok(match literal {
        Literal::F32(x) => format!("{x:?}"),
        Literal::I32(i32::MIN) => "i32(-2147483648)".into(),
        Literal::I32(x) => x.to_string(),
        Literal::U32(x) => format!("{x}u"),
        Literal::Bool(x) => x.to_string(),
        _ => return Err(Refusal::new(span, "numbers are f32, i32, u32 and bool")),
    })
}

/// The 0 of a vector's components: of `vec2<f32>()` within a constant vector naga makes SPIR-V with
/// which a driver loses the device.
pub(super) fn zero_component(inner: &TypeInner) -> Option<&'static str> {
    let TypeInner::Vector { scalar, .. } = inner else { return None };
    Some(match scalar.kind {
        ScalarKind::Float => "0.0",
        ScalarKind::Sint => "0",
        ScalarKind::Uint => "0u",
        _ => "false",
    })
}

/// The components of a vector type.
pub(super) fn size_of(inner: &TypeInner) -> Option<usize> {
    match *inner {
        TypeInner::Vector { size, .. } => Some(match size {
            VectorSize::Bi => 2,
            VectorSize::Tri => 3,
            VectorSize::Quad => 4,
        }),
        _ => None,
    }
}
