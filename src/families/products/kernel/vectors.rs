//! The accessor of a matrix whose rows are vectors of features.

use crate::kernel::Header;
use crate::kernel::storage::{Loads, floats};
use crate::request::Slot;
use crate::tensor::DType;

/// `NAME_quad_of(row, given, d)`: four features of a row of a matrix; 0 past its end, or where the row is not
/// given.
pub(crate) fn vectors(header: &mut Header, slot: Slot, name: &str, dtype: DType, features: usize) {
    let whole = features.is_multiple_of(4);
    floats(header, slot, name, dtype, if whole { Loads::Quads } else { Loads::Singles });
    let body = if whole {
        format!("return {name}_quad((row * window.features + d) / 4u);")
    } else {
        let at = |i: u32| {
            format!("select(0.0, {name}_at(min(start + {i}u, last)), start + {i}u <= last)")
        };
        format!(
            "let start = row * window.features + d;
    let last = (row + 1u) * window.features - 1u;
    return vec4({}, {}, {}, {});",
            at(0),
            at(1),
            at(2),
            at(3)
        )
    };
    header.line(&format!(
        "fn {name}_quad_of(row: u32, given: bool, d: u32) -> vec4<f32> {{
    if (!given || d >= window.features) {{
        return vec4<f32>();
    }}
    {body}
}}"
    ));
}
