//! The kernels' report of class indices that are out of range.

use super::Resolved;
use crate::error::Error;
use crate::tensor::{DType, index};

/// The class indices outside their range that the encodings of one or more plans met since their
/// status was last clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many there were, 2^32 - 1 if there were more.
    pub count: u64,
    /// The first one's place, of those that the first plan to find any found, counted over the flattened target: a row's where each has one target.
    /// [`Status::index`] tells it as indices.
    pub row: u64,
    /// Its value.
    pub value: i128,
}

impl Status {
    /// Reads the 16 bytes of a status buffer; `dtype` is the target's type, of the plan that found
    /// the first. `None` if all class indices were in their range.
    pub fn from_bytes(bytes: [u8; 16], dtype: DType) -> Option<Self> {
        let [count, row, low, high]: [u32; 4] = bytemuck::cast(bytes);
        let bits = u64::from(high) << 32 | u64::from(low);
        let value = match dtype {
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => i128::from(bits),
            _ => i128::from(bits.cast_signed()),
        };
        (count > 0).then(|| Self { count: count.into(), row: (!row).into(), value })
    }

    /// The first one's indices in a target of this shape, one for each dimension.
    pub fn index(&self, shape: &[usize]) -> Vec<u64> {
        index(shape, self.row)
    }

    /// The same as an error that names the target.
    pub(crate) fn error(self, resolved: &Resolved) -> Error {
        let indices = resolved.layout.indices;
        let (input, classes) = indices.map_or((0, 0), |own| (own.input, own.classes));
        let shape = resolved.inputs[input].as_ref().map_or(&[][..], |kind| &kind.shape);
        let excluded = indices.and_then(|own| own.excluded).map(|i| format!(" without {i}"));
        let ignored = resolved.ignored.map(|i| format!(" or {i}, which is ignored"));
        let once = indices.filter(|own| own.once).map(|_| ", each once in a row".to_string());
        Error::TargetOutOfRange {
            argument: resolved.definition.inputs[input].name.into(),
            row: self.row,
            index: self.index(shape),
            value: self.value,
            last: classes.saturating_sub(1),
            ignored: once.or(ignored).or(excluded).unwrap_or_default(),
            count: self.count,
        }
    }
}
