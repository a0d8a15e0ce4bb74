//! Loss functions as WGSL compute kernels on [wgpu](https://wgpu.rs): values, gradients and
//! reductions with PyTorch's semantics, on every GPU that wgpu reaches, and on the CPU.
//!
//! # Examples
//!
//! An [`Evaluator`] evaluates a [`Batch`] of tensors in host memory, on a GPU or on all cores of
//! the CPU:
//!
//! ```
//! use wgloss::{Batch, CrossEntropy, Evaluator, Gpu, Request, Tensor};
//!
//! let logits = Tensor::from_slice(&[2.0f32, 0.5, -1.0, 0.1, 0.2, 0.3], [2, 3])?;
//! let labels = Tensor::from_slice(&[0i64, 2], [2])?;
//! let batch = Batch {
//!     inputs: &[("input", logits), ("target", labels)],
//!     request: Request::with_gradients(&["input"]),
//!     ..Batch::default()
//! };
//! let gpu = Evaluator::Gpu(Gpu::new_blocking()?);
//! let answer = gpu.evaluate_blocking(&CrossEntropy::default(), &batch)?;
//! assert!((answer.scalar().unwrap() - 0.6216271).abs() < 1e-6);
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! A [`Plan`] records the same into a program's own command encoder. The program has a `device`, a
//! `queue`, and buffers for `logits`, `labels`, `loss` and `gradient`; names may be fields that the
//! compiler checks ([`Typed`]), or texts as above:
//!
//! ```
//! use wgloss::cross_entropy::{Gradients, Inputs, Wanted};
//! use wgloss::{Bindings, CrossEntropy, DType, Gpu, Named, Names, Plan, Request, TensorKind, wgpu};
//! # use wgloss::wgpu::util::DeviceExt as _;
//!
//! # let theirs = Gpu::new_blocking()?;
//! # let (device, queue) = (theirs.device().clone(), theirs.queue().clone());
//! # let buffer = |contents: &[u8]| device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
//! #     label: None,
//! #     contents,
//! #     usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
//! # });
//! # let logits = buffer(bytemuck::cast_slice(&[2.0f32, 0.5, -1.0, 0.1, 0.2, 0.3]));
//! # let labels = buffer(bytemuck::cast_slice(&[0i64, 2]));
//! # let (loss, gradient) = (buffer(&[0; 4]), buffer(&[0; 24]));
//! let gpu = Gpu::from_device(device.clone(), queue.clone());
//! let kinds = Inputs {
//!     input: TensorKind::new(DType::F32, [2, 3]),
//!     target: TensorKind::new(DType::I64, [2]),
//!     weight: None,
//! };
//! let wanted = Wanted { input: true, ..Wanted::default() }.names();
//! let request = Request::with_gradients(&wanted);
//! let plan = Plan::new(&gpu, &CrossEntropy::default(), &kinds.named(), &request)?; // once
//!
//! let mut encoder = device.create_command_encoder(&Default::default());
//! let whole = wgpu::Buffer::as_entire_buffer_binding;
//! let bindings = Bindings {
//!     inputs: &Inputs { input: whole(&logits), target: whole(&labels), weight: None }.named(),
//!     value: Some(whole(&loss)),
//!     gradients: &Gradients { input: Some(whole(&gradient)), target: None }.named(),
//!     ..Bindings::default()
//! };
//! plan.encode(&mut encoder, &bindings)?; // as often as wanted
//! queue.submit([encoder.finish()]);
//! let outcome = plan.read(&bindings).wait()?; // or `.await`, if the host wants to know
//! assert!((outcome.scalar().unwrap() - 0.6216271).abs() < 1e-6);
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! # Guide
//!
//! [Custom losses](guide::custom_losses): a [`Custom`] loss is one WGSL function. Its gradient is
//! derived from it, and it has everything that the other losses have.
//!
//! [Embedding](guide::embedding): a plan records into the program's encoder or compute pass; it
//! submits nothing, waits for nothing and creates no buffer. The chapter has the rules for buffers,
//! synchronisation, threads and errors.
//!
//! [Large batches](guide::large_batches): what a device cannot bind or hold at once is cut, and
//! [`Totals`] of micro-batches, files and machines merge into those of the whole batch.
//!
//! [Numbers](guide::numbers): how accurate values and gradients are, and why two runs give the same
//! bits.
//!
//! [Time and memory](guide::time_and_memory): how both grow with the sizes of the tensors.
//!
//! [Browsers](guide::browsers): what is checked for the web, and what differs there.
//!
//! # Losses
//!
//! Each loss is a struct with its options as public fields and PyTorch's defaults ([`losses`]); its
//! documentation gives formula, shapes, domain, corners and source. Names are those of
//! `torch.nn.functional`, and [`losses::by_name`] finds a loss by its name. A module of that name has
//! the loss's inputs and gradients as structs, whose fields the compiler checks ([`Typed`]).
//!
//! Shapes are PyTorch's, row-major and dense. Float inputs are float32, float16 or bfloat16
//! ([`DType`]), arithmetic and losses float32; class indices may have any integer type. Gradients
//! are float32 or of their input's type ([`GradientType`]).
//!
//! # Features
//!
//! - `native` (on by default) brings wgpu's Vulkan, Metal and DirectX 12 backends. Without it, wgpu
//!   has the backends that the program's own features bring.
//! - `serde` makes [`Totals`] serialisable, so that files and machines can add theirs up.

mod batch;
mod cancel;
mod cpu;
mod custom;
pub mod definition;
mod dispatch;
mod error;
mod evaluate;
mod families;
mod family;
mod gpu;
pub mod guide;
mod kernel;
mod layout;
pub mod losses;
mod numbers;
mod order;
mod plan;
mod reduction;
mod request;
mod sink;
mod tensor;
mod terms;
mod totals;
mod tuning;

pub use batch::Batch;
pub use custom::Custom;
pub use definition::{FromNamed, Named, Names, Typed};
#[doc(hidden)]
pub use error::brief;
pub use error::{Error, Result};
pub use evaluate::{
    Broadcast, Evaluation, Evaluator, Resident, Timings, batch_axes, denominator, loss_shape,
    outputs, reference,
};
pub use family::Loss;
pub use gpu::{Clock, Gpu, adapters};
pub use kernel::Member;
pub use losses::*;
pub use plan::{Bindings, Outcome, Pending, Plan, Plans, Sharing, Source, SourceOptions};
pub use reduction::Reduction;
pub use request::{GradientType, Part, Request, Status};
pub use sink::{Output, Sink};
pub use tensor::{DType, Element, Tensor, TensorKind};
pub use totals::Totals;
pub use tuning::Tuning;
pub use wgpu;

/// README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
