//! wgloss on the web: what is checked, and what differs there.
//!
//! The library compiles for `wasm32-unknown-unknown` without default features and with wgpu's
//! feature `webgpu`. The project's page (`web/`) is built of it and tested in Chromium: on the CPU backend,
//! which gives the bits that the tests pin natively, and on WebGPU with Chromium's software adapter, where
//! the conformance cases run. Tint, its WGSL compiler, accepts every kernel.
//!
//! There nothing blocks and no thread is started:
//!
//! - Functions whose names end in `_blocking` are absent.
//! - What wgpu refuses goes to its own callbacks and is no [`Error`].
//! - The CPU backend uses one core, and the instructions that the program is compiled for
//!   (`-C target-feature=+simd128`).
//! - wgpu's web backend has no subgroups; kernels do without.

#[cfg(doc)]
use crate::Error;
