//! How time and memory grow with the sizes of the tensors.
//!
//! `wgloss bench --report` charts both.
//!
//! # Time
//!
//! Time grows with the elements that are read and written, but for four losses:
//!
//! - `linear_cross_entropy` takes `2 N V D` operations for its value and `6 N V D` with both
//!   gradients (`8 N V D` for `V` above 131,072), of `N` rows, `V` classes and `D` features.
//! - `ctc_loss` takes `T` steps one after the other, each over a batch's targets.
//! - `rnnt_loss` takes `T + U` diagonals of steps and labels one after the other, each over a batch.
//! - `multilabel_margin_loss` takes the pairs of a row's targets and classes.
//!
//! # Memory
//!
//! Beside inputs and outputs there is a plan's own memory, [`Plan::scratch_bytes`]:
//!
//! | | bytes |
//! | --- | --- |
//! | pointwise, reduced | 4 for each 4096 elements, at most 4 MiB, and 96 for each 2^20 |
//! | rows, reduced | 4 for each row, at most 4 MiB and 4 for each 1024 rows |
//! | regions | 8 for each 2048 voxels of a region and each region, 12 of `generalized_dice_loss`; reduced 4 for each loss |
//! | gradients of what is broadcast | 4 for each 4096 places of an element |
//! | `multilabel_margin_loss` | 8 for each element (12 past 30,000 classes) and row |
//! | `ctc_loss` with its gradient | `32 T (N + all labels)`, at most what can be bound (128 MiB at least) |
//! | `linear_cross_entropy` | `4 min(N, 4096) min(V, 2048)`; with gradients as many rows' logits as fit 64 MiB, if those of 128 rows do |
//! | `rnnt_loss` with its gradient | `32 B T (U + 1)`, whatever `V` is; half of that without |
//!
//! A fiftieth more and some kilobytes come on top.

#[cfg(doc)]
use crate::Plan;
