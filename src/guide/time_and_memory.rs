//! How time and memory grow with the sizes of the tensors.
//!
//! `wgloss bench --report` charts both.
//!
//! # Time
//!
//! Time grows with the elements that are read and written, but for some losses:
//!
//! - `linear_cross_entropy` takes `2 N V D` operations for its value and `6 N V D` with both
//!   gradients (`8 N V D` for `V` above 131,072), of `N` rows, `V` classes and `D` features.
//! - So do other losses behind a linear layer, and those of pairs with `M` columns in the place of classes:
//!   `8 N M D` for `M` above 65,536, and for a symmetric loss whose products do not all fit; where they do not,
//!   `nt_xent_loss` computes them once more.
//! - `linear_dpo_loss` and its relatives take `8 N V D` for `N` tokens whose logits are more than 64 MiB: no slope is known
//!   before all of them are.
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
//! | losses of pairs, `info_nce_loss` and others, of `N` rows and `M` columns | 48 bytes a row (and a column where it is symmetric), 4 for each length, and `4 min(N, 4096) min(M, 2048)`; with gradients as many rows' products as fit 32 MiB, if those of 128 rows do; 16-bit gradients `4 D` a vector |
//! | `linear_cross_entropy` and all behind a linear layer | `4 min(N, 4096) min(V, 2048)`; with gradients as many rows' logits as fit 64 MiB, if those of 128 rows do; of preferences 36 a token besides |
//! | `rnnt_loss` with its gradient | `32 B T (U + 1)`, whatever `V` is; half of that without |
//!
//! A fiftieth more and some kilobytes come on top.

#[cfg(doc)]
use crate::Plan;
