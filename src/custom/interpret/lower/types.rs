//! The layout of types in scalars.

use naga::{ArraySize, Handle, Scalar, ScalarKind, Span, Type, TypeInner, UniqueArena};

use super::super::program::Unsupported;
use super::lowering::{Lowering, Result, unsupported};

/// As many bytes as the scalars of the largest program have.
const MOST_BYTES: u32 = 1 << 18;

impl Lowering<'_> {
    /// The number of scalars in a value of a type.
    pub(super) fn size(&self, ty: Handle<Type>, span: Span) -> Result<usize> {
        let Type { name, inner } = &self.module.types[ty];
        self.size_of(inner).ok_or_else(|| match name {
            Some(name) => Unsupported::new(format!("the type {name}"), span),
            None => unsupported("type", inner, span),
        })
    }

    pub(super) fn size_of(&self, inner: &TypeInner) -> Option<usize> {
        // The bytes come first: they are known without looking at every member.
        let bytes = inner.try_size(self.module.to_ctx())?;
        if bytes > MOST_BYTES { None } else { scalars(&self.module.types, inner) }
    }
}

fn is_supported(scalar: Scalar) -> bool {
    match scalar.kind {
        ScalarKind::Float | ScalarKind::Sint | ScalarKind::Uint => scalar.width == 4,
        ScalarKind::Bool => true,
        ScalarKind::AbstractInt | ScalarKind::AbstractFloat => false,
    }
}

fn scalars(types: &UniqueArena<Type>, inner: &TypeInner) -> Option<usize> {
    match inner {
        TypeInner::Scalar(scalar) => is_supported(*scalar).then_some(1),
        TypeInner::Struct { members, .. } => members.iter().try_fold(0usize, |sum, member| {
            sum.checked_add(scalars(types, &types[member.ty].inner)?)
        }),
        _ => {
            let (count, size) = elements(types, inner)?;
            count.checked_mul(size)
        }
    }
}

/// How many elements a vector or array has, and how many scalars each of them.
pub(super) fn elements(types: &UniqueArena<Type>, inner: &TypeInner) -> Option<(usize, usize)> {
    match inner {
        TypeInner::Vector { size, scalar } => is_supported(*scalar).then_some((*size as usize, 1)),
        TypeInner::Array { base, size: ArraySize::Constant(count), .. } => {
            Some((usize::try_from(count.get()).ok()?, scalars(types, &types[*base].inner)?))
        }
        _ => None,
    }
}

/// Where a member or element begins and how many scalars it has.
pub(super) fn member(
    types: &UniqueArena<Type>,
    inner: &TypeInner,
    index: u32,
) -> Option<(usize, usize)> {
    let index = usize::try_from(index).ok()?;
    if let TypeInner::Struct { members, .. } = inner {
        let size = |place: usize| scalars(types, &types[members.get(place)?.ty].inner);
        return Some(((0..index).map(size).sum::<Option<usize>>()?, size(index)?));
    }
    let (_, size) = elements(types, inner)?;
    Some((index.checked_mul(size)?, size))
}
