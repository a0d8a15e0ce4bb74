//! The workloads that `wgloss bench` and `cargo bench` time, their inputs, and how they are timed.
//!
//! A [`Workload`] is a loss with its inputs' shapes and what is asked of it; its [`Data`] are the same
//! numbers on every machine. [`OnGpu`] and [`OnCpu`] hold what timed runs need, made beforehand, and
//! [`copy_bandwidth`] and [`memcpy_bandwidth`] are the roofs that [`measure`]d times compare with. A
//! [`Site`] is a GPU or the CPU with its roof, where all of it is done, and
//! [`Results`] are the one form in which it is written, with [`Curve`]s against sizes.
//!
//! It runs in a browser too: whatever waits is asynchronous. Natively such a future waits where it is
//! polled, and a program blocks on it.

mod cpu;
mod data;
mod gpu;
mod list;
mod measure;
mod memory;
mod paged;
mod results;
mod roof;
mod site;
mod sizes;
mod workload;

pub use cpu::OnCpu;
pub use data::Data;
pub use gpu::OnGpu;
pub use list::{
    Make, WORKLOADS, bce_logits, by_name, cosine_embedding, cross_entropy, kl_div, linear, mse,
    of_classes, pointwise, smooth_l1, triplet,
};
pub use measure::{Effort, Sample, Times, compare, measure};
pub use results::{Adapter, Cpu, Limits, Place, Results, Roofs, Row, Unreadable};
pub use roof::{copy_bandwidth, memcpy_bandwidth, threads};
pub use site::Site;
pub use sizes::{Curve, FAMILIES, OfSize, Point, sizes};
pub use workload::{Input, Numbers, Workload};
