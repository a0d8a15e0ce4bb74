//! Batches that are larger than a binding, a buffer, a device or a machine.
//!
//! # In one call
//!
//! A tensor that is larger than the device binds at once is cut into windows by the plan. Where one
//! is larger than a buffer, or a batch than the memory that it may take on the device
//! ([`Gpu::with_memory`]), [`Evaluator::evaluate`] cuts pointwise losses and losses over rows into
//! pieces: one is uploaded while another is computed and a third is read. Both give the same bits as if
//! nothing had been cut.
//!
//! # Without holding the results
//!
//! [`Evaluator::evaluate_to`] gives gradients and unreduced losses to a [`Sink`] as they are computed, on
//! both backends. With inputs that are borrowed from mapped files, memory does not grow with the batch:
//! `wgloss eval` is built on it.
//!
//! # Given up
//!
//! A flag in [`Batch::cancel`], which another thread sets, ends an evaluation between blocks, rows
//! or pieces.
//!
//! # In parts
//!
//! Micro-batches, files and machines each see a part of a batch. The [`Totals`] of the parts merge
//! into those of the whole, and with the feature `serde` they travel. With these totals as
//! [`denominator`](Request::denominator), the parts' gradients are those of the whole batch's mean:
//! `examples/micro_batches.rs` accumulates them. `wgloss total` adds up what `wgloss eval --totals`
//! has written.

#[cfg(doc)]
use crate::{Batch, Evaluator, Gpu, Request, Sink, Totals};
