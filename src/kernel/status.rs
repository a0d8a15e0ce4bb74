//! The kernel that tells the caller what a plan has found.

use super::{Header, Kernel};
use crate::request::Slot;

pub(crate) fn report() -> Kernel {
    let mut header = Header::default();
    header.write(Slot::Status, "status", "array<u32>");
    header.write(Slot::Report, "report", "array<u32>");
    header.join("wgloss status".into(), &[include_str!("../../shaders/report_status.wgsl")])
}
