//! Batches that are larger than a binding, a buffer, a device or a machine.
//!
//! # In one call
//!
//! A tensor that is larger than the device binds at once is cut into windows by the plan. Where one
//! is larger than a buffer, [`Evaluator::evaluate`] cuts pointwise losses without broadcasts and
//! losses over rows into pieces. Both give the same bits as if nothing had been cut.
//!
//! # In parts
//!
//! Micro-batches, files and machines each see a part of a batch. The [`Totals`] of the parts merge
//! into those of the whole, and with the feature `serde` they travel. With these totals as
//! [`denominator`](Request::denominator), the parts' gradients are those of the whole batch's mean:
//! `examples/micro_batches.rs` accumulates them. `wgloss total` adds up what `wgloss eval --totals`
//! has written.

#[cfg(doc)]
use crate::{Evaluator, Request, Totals};
