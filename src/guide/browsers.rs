//! wgloss on the web: what is checked, and what differs there.
//!
//! The library compiles for `wasm32-unknown-unknown` without default features and with wgpu's
//! feature `webgpu`; the project's checks try that only where the target is installed. They do see
//! to it that Tint, Chromium's WGSL compiler, accepts every kernel. No test runs in a browser.
//!
//! There nothing blocks and no thread is started:
//!
//! - Functions whose names end in `_blocking` are absent.
//! - What wgpu refuses goes to its own callbacks and is no [`Error`].
//! - The CPU backend uses one core.

#[cfg(doc)]
use crate::Error;
