//! Loss functions as WGSL compute kernels on wgpu.

pub mod cpu;
mod error;
mod evaluate;
mod gpu;
mod kernel;
pub mod loss;
pub mod losses;
mod plan;
mod reduction;
pub mod reference;
mod shape;
mod status;
mod tensor;

pub use error::{Error, Result};
pub use evaluate::{Backend, Batch, Evaluation, Timings};
pub use gpu::{Gpu, adapters};
pub use loss::Loss;
pub use losses::*;
pub use plan::{Bindings, Plan, Request};
pub use reduction::Reduction;
pub use status::Status;
pub use tensor::{DType, Element, Tensor, TensorKind};
pub use wgpu;
