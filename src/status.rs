//! The kernels' report of class indices that are out of range.

use crate::error::Error;
use crate::loss::{Family, Loss};
use crate::plan::Resolved;
use crate::tensor::DType;

/// The class indices outside their range that an encoding of a plan met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// How many rows had one.
    pub count: u64,
    /// The first such row, counted over the flattened target.
    pub row: u64,
    /// Its value.
    pub value: i128,
}

impl Status {
    /// Reads the 16 bytes that an encoding left in its status buffer; `dtype` is the target's
    /// type. `None` if all class indices were in their range.
    pub fn from_bytes(bytes: [u8; 16], dtype: DType) -> Option<Self> {
        let [count, row, low, high]: [u32; 4] = bytemuck::cast(bytes);
        let bits = u64::from(high) << 32 | u64::from(low);
        let value = match dtype {
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => i128::from(bits),
            _ => i128::from(bits.cast_signed()),
        };
        (count > 0).then(|| Self { count: count.into(), row: (!row).into(), value })
    }

    /// The same as an error that names the target.
    pub(crate) fn error(self, loss: &dyn Loss, resolved: &Resolved) -> Error {
        let (input, classes) = resolved.layout.indices.unwrap_or_default();
        let argument = resolved.definition.inputs[input].name;
        let excluded = match loss.family() {
            Family::Own(own) => own.excluded().map(|i| format!(" without {i}")),
            _ => None,
        };
        let ignored = loss.ignore_index().map(|i| format!(" or {i}, which is ignored"));
        Error::TargetOutOfRange {
            argument: argument.into(),
            row: self.row,
            value: self.value,
            last: classes.saturating_sub(1),
            ignored: ignored.or(excluded).unwrap_or_default(),
            count: self.count,
        }
    }
}
