//! Losses that a program brings as WGSL functions.

#[cfg_attr(not(test), expect(dead_code, reason = "custom losses will evaluate with it"))]
mod interpret;
