//! Losses inside a program that uses wgpu: on its device, in its buffers, in its command encoder.
//!
//! A [`Plan`] is a loss specialised for shapes, types, [`Reduction`] and wanted outputs, on the
//! program's own device ([`Gpu::from_device`]). [`Plan::encode`] records it into the program's
//! command encoder and [`Plan::encode_pass`] into an open compute pass, any number of times.
//! Recording submits nothing, waits for nothing and creates no buffer.
//!
//! [The front page](crate#examples) has an example; `examples/embed.rs` is a whole program, and
//! `examples/train_digits` trains a network, with the loss between the two passes of its own
//! kernels.
//!
//! # Buffers
//!
//! Inputs and outputs are the program's buffers. The plan owns its kernels, uniforms and scratch
//! memory ([`Plan::scratch_bytes`]). It keeps the bind groups of the last eight sets of buffers,
//! and with them those buffers.
//!
//! Offsets are multiples of the device's `min_storage_buffer_offset_alignment`, sizes are multiples
//! of 4. Several tensors may lie in one buffer; an output's bytes are its own.
//!
//! A gradient may be written exactly over its input by pointwise losses and by losses over rows,
//! but for inputs that broadcast, elementwise weights and some 16-bit rows: [`Plan::in_place`]
//! tells which. Losses with kernels of their own cannot.
//!
//! # Synchronisation
//!
//! On one queue none is needed: the outputs hold their results when the commands have run. An
//! encoder that is never submitted changes nothing.
//!
//! [`Gpu`] and [`Plan`] are `Send` and `Sync`. Clones of a `Gpu` share its kernels, each of which
//! is compiled once.
//!
//! # Timing
//!
//! [`Bindings::timestamps`] writes when a plan begins and ends into the program's query set. For a
//! one-shot evaluation, [`Timings::clock`] says what timed it.
//!
//! # Errors
//!
//! Class indices outside their range are found by the kernels: the losses and gradients of these
//! rows are NaN, and a [`Status`] tells the first one, by its indices in the target with
//! [`Status::index`]. The device lives on.
//!
//! The program's error scopes and its callbacks for errors and lost devices are left alone. A lost
//! device is [`Error::DeviceLost`].

#[cfg(doc)]
use crate::{Bindings, Error, Gpu, Plan, Reduction, Status, Timings};
