//! The kernel that clears the status before others write it.

use super::{Header, Kernel};
use crate::request::Slot;

pub(crate) fn clear() -> Kernel {
    let mut header = Header::default();
    header.write(Slot::Status, "status", "array<u32>");
    header.join("wgloss status".into(), &[include_str!("../../shaders/clear_status.wgsl")])
}
