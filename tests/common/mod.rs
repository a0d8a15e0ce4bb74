//! What the tests share.

#![allow(dead_code, reason = "each test uses a part of it")]

use wgloss::{Backend, Gpu};

/// The adapter under test. Without one the tests fail: nothing is skipped.
pub(crate) fn gpu() -> Gpu {
    static GPU: std::sync::OnceLock<Gpu> = std::sync::OnceLock::new();
    let make = || Gpu::new_blocking().expect("the tests need a GPU adapter; ./test installs one");
    GPU.get_or_init(make).clone()
}

/// Both backends by name.
pub(crate) fn backends() -> [(&'static str, Backend); 2] {
    [("gpu", Backend::Gpu(gpu())), ("cpu", Backend::Cpu)]
}
