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
//! `torch.nn.functional`, and [`losses::by_name`] finds a loss by its name. A module of that name has
//! the loss's inputs and gradients as structs, whose fields the compiler checks ([`loss::Typed`]).
//!
//! Shapes are PyTorch's, row-major and dense. Float inputs are float32, float16 or bfloat16
//! ([`DType`]), arithmetic and losses float32; class indices may have any integer type. Gradients
//! are float32 or of their input's type ([`GradientType`]).
//!
//! # Custom losses
//!
//! A [`Custom`] loss is one WGSL function; its gradient is derived from it, and it has everything that
//! the other losses have. The squared error is three lines:
//!
//! ```
//! use wgloss::{Backend, Batch, Custom, Gpu, Tensor};
//!
//! let custom_mse = Custom::new(
//!     "fn value(input: f32, expected: f32) -> f32 {
//!         return (input - expected) * (input - expected);
//!     }",
//! )?;
//! let inputs = [
//!     ("input", Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [4])?),
//!     ("expected", Tensor::from_slice(&[1.0f32, 2.0, 3.0, 6.0], [4])?),
//! ];
//! let batch = Batch { inputs: &inputs, gradients: &["input"], ..Batch::default() };
//! for backend in [Backend::Gpu(Gpu::new_blocking()?), Backend::Cpu] {
//!     let answer = backend.evaluate_blocking(&custom_mse, &batch)?;
//!     assert_eq!(answer.scalar(), Some(1.0));
//!     assert_eq!(answer.gradients[0].1.to_f32()[..], [0.0, 0.0, 0.0, -1.0]);
//! }
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! `value` takes one to four `f32`; their names become those of the inputs, which have any shape and
//! broadcast. A last argument of type `Parameters` holds what the host sets by name. A kernel takes
//! all its values but 0, 1 and 2, which are constants of a kernel of their own:
//!
//! ```
//! use wgloss::Custom;
//! use wgloss::loss::{Options, Parameter};
//!
//! let mut wing = Custom::new(
//!     "struct Parameters { width: f32, curvature: f32 }
//!
//!     fn near(d: f32, c: Parameters) -> f32 {
//!         return c.width * logarithm_one_plus(d / c.curvature);
//!     }
//!
//!     fn value(p: f32, t: f32, c: Parameters) -> f32 {
//!         let d = abs(p - t);
//!         if (d < c.width) {
//!             return near(d, c);
//!         }
//!         return d - (c.width - near(c.width, c));
//!     }",
//! )?;
//! wing.set("width", 10.0)?;
//! wing.set("curvature", 2.0)?;
//! let set = [("width", Parameter::Number(10.0)), ("curvature", Parameter::Number(2.0))];
//! assert_eq!(wing.parameters(), set);
//! assert!(wing.derived().contains("fn gradient(p: f32, t: f32, c: Parameters) -> vec2<f32>"));
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! - **How it is derived**: forward mode, on what the WGSL compiler makes of the text. Every
//!   expression gets its derivatives by the arguments, variables get companions that hold theirs, and
//!   helper functions are written once more with theirs; `if`, `switch` and loops stay as they are.
//!   [`Custom::derived`] and `wgloss show --custom FILE` give the outcome, as WGSL.
//! - **What may be used**: arithmetic, comparisons, `select`, `if`, `switch`, loops, `let`, `var`,
//!   constants, helper functions, vectors, arrays and structs in local variables, and WGSL's built-in
//!   functions of numbers and vectors. Integers and booleans are carried, not differentiated.
//! - **What may not**: matrices, textures, atomics, barriers, bindings, overrides, variables outside of
//!   functions, pointers as arguments, `modf`, `frexp`, `refract`, the bits of a number that depends
//!   on an argument, names that the kernels have or derivatives call, members of `Parameters` named
//!   like an argument, statements of over 3,000 words. Each is an [`Error::Custom`] with line and
//!   column, as syntax errors are.
//! - **Kinks** have PyTorch's slopes: `abs` and `sign` 0 at 0; of equals in `max` and `min` each has
//!   half; `clamp` and `saturate` 1 at their ends; `length` 0 at 0; steps (`floor`, `ceil`, `round`,
//!   `trunc`, `step`) 0; `pow(x, 0)` 0. `if` and `select` have the slope of what they take, whatever
//!   the other side's is.
//! - **Numbers**: `exp`, `exp2`, `log`, `log2`, `pow`, `tanh`, `min`, `max`, `clamp`, `saturate` and
//!   `sign` are replaced by the library's, which are accurate and carry NaN; a negative base of `pow`
//!   gives NaN. [`Custom::with_built_ins`] leaves the driver's. The functions of `numeric.wgsl` may be
//!   called too, where a plain formula would cancel or overflow: `exponential_minus_one`,
//!   `logarithm_one_plus`, `sigmoid`, `log_sigmoid`, `softplus`, `log_cosh`, `power` (for bases from
//!   0), `silenced`, `is_nan`, `is_finite`. The trigonometric functions are the driver's.
//! - **Loops** may take 400 rounds in all in one call of `value` or `gradient`; with more the result is
//!   NaN. Some drivers end longer ones silently. A loop without a way out is refused.
//! - **Second derivatives**: [`Custom::derivative`] is a loss again, whose value is the derivative and
//!   whose gradient is the diagonal of the second one.
//! - **CPU**: the derived text is evaluated in float64, 64 elements at a time, as reference and as
//!   backend.
//! - **Speed**: `cargo bench --bench custom` compares with hand-written gradients of the same losses:
//!   on lavapipe the derived ones take 0.96 to 1.03 times as long.
//!
//! `examples/losses` has 21 published losses, from Charbonnier to Tweedie.
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
//!   pieces the work is cut into, and with subgroups as without.
//! - The CPU backend runs on all cores with the widest instructions that the processor has (AVX-512,
//!   AVX2 or the target's own), which it finds out when it runs. All of them give the same bits, but
//!   for the matrix products of `linear_cross_entropy`.
//! - [`mod@reference`] has the textbook formulas in float64, with which the tests compare both backends.
//!
//! # Time and memory
//!
//! Time grows with the elements that are read and written, but for three losses:
//! `linear_cross_entropy` takes `2 N V D` operations for its value and `8 N V D` with both gradients,
//! `ctc_loss` `T` steps one after the other, each over a batch's targets, `multilabel_margin_loss` the
//! pairs of a row's targets and classes. Memory beside inputs and outputs, [`Plan::scratch_bytes`]:
//!
//! | | bytes |
//! | --- | --- |
//! | pointwise, reduced | 4 for each 4096 elements, at most 4 MiB |
//! | rows, reduced | 4 for each row, at most 4 MiB and 4 for each 1024 rows |
//! | gradients of what is broadcast | 4 for each 4096 places of an element |
//! | `multilabel_margin_loss` | 8 for each element |
//! | `ctc_loss` with its gradient | `32 T (N + all labels)`, at most what can be bound (128 MiB at least) |
//! | `linear_cross_entropy` | `4 min(N, 4096) min(V, 2048)`, never all logits |
//!
//! and a fiftieth more, and some kilobytes. `wgloss bench --report` charts both against
//! the sizes.
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
mod custom;
mod error;
mod evaluate;
mod gpu;
mod gradient;
mod kernel;
pub mod loss;
pub mod losses;
mod numbers;
mod plan;
mod reduction;
pub mod reference;
mod shape;
mod status;
mod tensor;
mod totals;
mod transfer;
mod tuning;

pub use clock::Clock;
pub use custom::Custom;
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
pub use tuning::Tuning;
pub use wgpu;

/// README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
