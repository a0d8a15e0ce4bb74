//! Batches that are larger than a binding, a buffer, a device or a machine.
//!
//! # In one call
//!
//! A tensor that is larger than the device binds at once is cut into windows by the plan. Where one
//! is larger than a buffer, or a batch than the memory that it may take on the device
//! ([`Gpu::with_memory`]), [`Evaluator::evaluate`] cuts pointwise losses, losses over rows and,
//! where sums do not run over the batch, losses over regions into pieces: one is uploaded while another is
//! computed and a third is read. Both give the same bits as if nothing had been cut.
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
//! Micro-batches, files and machines each see a part of a batch, and say which
//! ([`Batch::part`]). The [`Totals`] of the parts merge into those of the whole in any order, with the
//! bits of one run however it is cut; a part that comes twice is refused, and one that does not come is
//! told ([`Totals::missing`]). With the feature `serde` they travel, as JSON or as bytes: some hundred, and
//! 4 for each term of a block of 4096 that the part cuts (8 where the terms have weights), however large
//! it is. A [`Plan`] knows no place; its totals are put into theirs by [`Totals::at`].
//!
//! With the totals of the whole as [`denominator`](Request::denominator), the parts' gradients are those of
//! the whole batch's mean: `examples/micro_batches.rs` accumulates them. Where only shapes decide what the
//! mean divides by, [`denominator()`](crate::denominator()) knows it before there are data.
//!
//! `wgloss eval --rows A..B` evaluates a part of what lies in files, `wgloss parts` divides a batch, and
//! `wgloss total` joins what `--totals` has written.
//!
//! Parts that begin with a whole block of terms are evaluated as any batch. On a GPU, the losses of
//! another part are all read back and added up by the host.

#[cfg(doc)]
use crate::{Batch, Evaluator, Gpu, Plan, Request, Sink, Totals};
