//! Loss functions as WGSL compute kernels on [wgpu]: values, gradients and reductions with PyTorch's
//! semantics, on every GPU that wgpu reaches.
//!
//! # From tensors in host memory
//!
//! A [`Backend`] evaluates a [`Batch`] in one call, on a GPU or on all cores of the CPU:
//!
//! ```
//! use wgloss::{Backend, Batch, CrossEntropy, Gpu, Tensor};
//!
//! let logits = Tensor::from_slice(&[2.0f32, 0.5, -1.0, 0.1, 0.2, 0.3], [2, 3])?;
//! let labels = Tensor::from_slice(&[0i64, 2], [2])?;
//! let batch = Batch {
//!     inputs: &[("input", logits), ("target", labels)],
//!     gradients: &["input"],
//!     ..Batch::default()
//! };
//! let gpu = Backend::Gpu(Gpu::new_blocking()?);
//! let answer = gpu.evaluate_blocking(&CrossEntropy::default(), &batch)?;
//! assert!((answer.scalar().unwrap() - 0.6216271).abs() < 1e-6);
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! # In a program that uses wgpu
//!
//! A [`Plan`] is a loss specialised for shapes, types, [`Reduction`] and wanted outputs, on the
//! program's own device ([`Gpu::from_device`]). [`Plan::encode`] records it into the program's
//! command encoder and [`Plan::encode_pass`] into an open compute pass, any number of times: it
//! submits nothing, waits for nothing and creates no buffer. `examples/embed.rs` is a whole program.
//!
//! - **Ownership**: inputs and outputs are the program's buffers; the plan owns its kernels,
//!   uniforms and scratch memory ([`Plan::scratch_bytes`]). It keeps the bind groups of the last
//!   eight sets of buffers, and with them those buffers.
//! - **Synchronisation**: none is needed on one queue. The outputs hold their results when the
//!   commands have run; an encoder that is never submitted changes nothing.
//! - **Alignment**: offsets are multiples of the device's `min_storage_buffer_offset_alignment`,
//!   sizes are multiples of 4.
//! - **Sharing**: tensors may lie in one buffer, outputs apart from everything else.
//! - **In place**: pointwise losses and losses over rows may write a gradient exactly over its input,
//!   but for inputs that broadcast, elementwise weights and some 16-bit rows ([`Plan::in_place`]);
//!   losses with kernels of their own may not.
//! - **Profiling**: [`Bindings::timestamps`] writes when the plan begins and ends into the program's
//!   query set; [`Timings::clock`] says what timed a one-shot evaluation.
//! - **Class indices** outside their range are found by the kernels: the rows' losses and gradients
//!   are NaN and a [`Status`] tells the first one. The device lives on.
//! - **Threads**: [`Gpu`] and [`Plan`] are `Send` and `Sync`; clones of a `Gpu` share its compiled
//!   kernels, each compiled once.
//! - **Errors**: the program's error scopes and its callbacks for errors and lost devices are left
//!   alone; a lost device is [`Error::DeviceLost`].
//!
//! # Large batches
//!
//! - **Windows**: what is larger than the device binds at once is cut into windows by the plan, and
//!   [`Backend::evaluate`] cuts what is larger than a buffer into pieces, to the same bits.
//! - **Micro-batches, files, machines**: [`Totals`] of parts of a batch merge into those of the whole.
//!   With their [`denominator`](Request::denominator), the gradients of the parts are those of the
//!   whole batch's mean (`examples/micro_batches.rs`).
//!
//! # Losses
//!
//! Each loss is a struct with its options as public fields and PyTorch's defaults ([`losses`]); its
//! documentation gives formula, shapes, domain, corners and source. Names are those of
//! `torch.nn.functional`, and [`losses::by_name`] finds a loss by its name.
//!
//! Shapes are PyTorch's, row-major and dense. Float inputs are float32, float16 or bfloat16
//! ([`DType`]), arithmetic and losses float32; class indices may have any integer type. Gradients
//! are float32 or of their input's type ([`GradientType`]).
//!
//! # Numbers
//!
//! - Exponentials and logarithms are the kernels' own polynomials, within 4 ULP on the tested adapter
//!   (powers within 16), since WGSL's built-ins may be far off. A NaN in a kept element makes the loss NaN.
//! - Every output is within 1e-5 of its value plus 1e-6 of the size of the terms. Gradients of 16
//!   bits are rounded once, to nearest, ties to even, by at most half a unit in the last place: 2^-11
//!   of the value plus 2^-25 for float16, which is infinite from 65520 on, and 2^-8 of the value for
//!   bfloat16. A loss scale ([`Request::loss_scale`]) keeps small ones from vanishing.
//! - A sum goes through blocks of 4096 terms and a fixed tree over them, without float atomics: the
//!   same data give the same bits on the same device and driver, however many workgroups, windows or
//!   pieces the work is cut into.
//! - The CPU backend runs on all cores with the widest instructions that the processor has (AVX-512,
//!   AVX2 or the target's own), which it finds out when it runs. All of them give the same bits, but
//!   for the matrix products of `linear_cross_entropy`.
//! - [`mod@reference`] has the textbook formulas in float64, with which the tests compare both backends.
//!
//! # Features
//!
//! `native` (on by default) brings wgpu's Vulkan, Metal and DirectX 12 backends. Without it, wgpu
//! has the backends that the program's own features bring.
//!
//! `serde` makes [`Totals`] serialisable, so that files and machines can add theirs up.
//!
//! # Browsers
//!
//! Tint, Chromium's WGSL compiler, accepts every kernel: the project's checks see to it. The library
//! compiles for `wasm32-unknown-unknown` with wgpu's feature `webgpu`, which they try only where that
//! target is installed. No test runs in a browser. There nothing blocks and no thread is started:
//! functions whose names end in `_blocking` are absent, what wgpu refuses goes to its own callbacks
//! and is no [`Error`], and the CPU backend uses one core.

mod checked;
mod clock;
pub mod cpu;
mod error;
mod evaluate;
mod gpu;
mod gradient;
mod kernel;
pub mod loss;
pub mod losses;
mod plan;
mod reduction;
pub mod reference;
mod shape;
mod status;
mod tensor;
mod totals;
mod transfer;

pub use clock::Clock;
pub use error::{Error, Result};
pub use evaluate::{Backend, Batch, Evaluation, Timings};
pub use gpu::{Gpu, adapters};
pub use gradient::GradientType;
pub use loss::Loss;
pub use losses::*;
pub use plan::{Bindings, Plan, Request};
pub use reduction::Reduction;
pub use status::Status;
pub use tensor::{DType, Element, Tensor, TensorKind};
pub use totals::Totals;
pub use wgpu;

/// README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
