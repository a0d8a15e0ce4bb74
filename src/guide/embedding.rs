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
//! memory ([`Plan::scratch_bytes`]). It holds none of the program's, so that a buffer's memory is free
//! when the program drops it and what was submitted has run. With [`Plan::with_kept_sets`] it keeps the
//! bind groups of some sets of buffers, and with them those buffers: then encoding with one of them
//! again creates nothing and takes a third of the time. [`Plan::clear`] lets go of them.
//!
//! Offsets are multiples of the device's `min_storage_buffer_offset_alignment`, sizes are multiples
//! of 4. Several tensors may lie in one buffer; an output's bytes are its own.
//!
//! A gradient may be written exactly over its input by pointwise losses and by losses over rows,
//! but for inputs that broadcast, elementwise weights and some 16-bit rows: [`Plan::in_place`]
//! tells which. Losses over regions and those with kernels of their own cannot.
//!
//! # Limits
//!
//! Plans keep to the device's limits. What a binding cannot hold is cut into windows. Where a kernel has
//! more storage buffers than the device binds at once, each output has a pass of its own, and if that is
//! not enough, the smallest inputs are copied into the scratch memory before; in place, nothing is
//! written then. Rows have as many lanes as a workgroup has invocations and memory for. Results have the
//! bits that they have on other devices, but for rows with fewer lanes, whose sums go in another order.
//! What a device still cannot do is [`Error::Limit`], which names the limit.
//!
//! With all gradients and an upstream gradient, of storage buffers at once
//! (`max_storage_buffers_per_shader_stage`, and two less than
//! `max_buffers_and_acceleration_structures_per_shader_stage`) and of invocations of a workgroup
//! (`max_compute_invocations_per_workgroup`):
//!
//! | Buffers | Losses that they are too few for | Invocations | Losses that they are too few for |
//! | --- | --- | --- | --- |
//! | 8 | none | 256 | none |
//! | 4 | none | 256 | none |
//! | 3 | none | 64 | `arc_face_loss`, `cos_face_loss`, `info_nce_loss`, `linear_cpo_loss`, `linear_cross_entropy`, `linear_dpo_loss`, `linear_multi_margin_loss`, `linear_orpo_loss`, `linear_poly1_cross_entropy`, `linear_simpo_loss`, `linear_softmax_entropy`, `linear_softmax_focal_loss`, `linear_token_log_probs`, `nt_xent_loss`, `sigmoid_contrastive_loss`, `sup_con_loss` |
//! | 2 | `cross_entropy`, `ctc_loss`, `grpo_loss`, `multi_margin_loss`, `multilabel_margin_loss`, `nll_loss`, `poly1_cross_entropy`, `rnnt_loss`, `softmax_focal_loss`, `token_log_probs`, `top_k_distillation_loss` | 64 | `arc_face_loss`, `cos_face_loss`, `info_nce_loss`, `linear_cpo_loss`, `linear_cross_entropy`, `linear_dpo_loss`, `linear_multi_margin_loss`, `linear_orpo_loss`, `linear_poly1_cross_entropy`, `linear_simpo_loss`, `linear_softmax_entropy`, `linear_softmax_focal_loss`, `linear_token_log_probs`, `nt_xent_loss`, `sigmoid_contrastive_loss`, `sup_con_loss` |
//!
//! # Sums of losses, and batches in parts
//!
//! With [`Request::accumulate`] a plan adds its loss and gradients to what their buffers hold, and
//! [`Request::loss_weight`] multiplies both: `w1 L1 + w2 L2` of the same inputs is two plans in one
//! encoder, of which the second accumulates, and micro-batches add up in the same way. 16-bit gradients are
//! added to in float32 and rounded once. Several pointwise losses of the same inputs can be one pass over
//! the data instead: a [custom loss](crate::guide::custom_losses) is any sum of them.
//!
//! # Batches of any size
//!
//! [`Plans`] are made for the largest batch and run any smaller one, as the last of an epoch, without
//! compiling or taking memory again. `examples/two_losses.rs` trains with both. A number that only the GPU
//! knows comes from a buffer: [`Request::counted`].
//!
//! # Synchronisation
//!
//! On one queue none is needed: the outputs hold their results when the commands have run. An
//! encoder that is never submitted changes nothing.
//!
//! [`Gpu`] and [`Plan`] are `Send` and `Sync`. All `Gpu`s of a device share its kernels, each of
//! which is compiled once: who needs one that is being compiled waits for it, and nobody else waits.
//!
//! # Without waiting
//!
//! Compiling takes milliseconds with one driver and seconds with another. [`Plan::prepare`] does it
//! beside the program, and [`Plan::prepare_in_place`] for the kernels that write gradients over their
//! inputs. What they return is a future, and a loop without an executor asks it:
//!
//! ```
//! use wgloss::{CrossEntropy, DType, Gpu, Plan, Request, TensorKind};
//!
//! let gpu = Gpu::new_blocking()?;
//! let kinds = [
//!     ("input", TensorKind::new(DType::F32, [64, 10])),
//!     ("target", TensorKind::new(DType::I64, [64])),
//! ];
//! let request = Request::with_gradients(&["input"]);
//! let mut pending = Plan::prepare(&gpu, CrossEntropy::default(), &kinds, &request);
//! while !pending.is_finished() {
//!     // Draw a frame, run a step without the loss, ...
//! }
//! let plan = pending.wait()?; // at once, as `pending.await` would
//! let in_place = plan.prepare_in_place(&["input"])?;
//! # in_place.wait()?;
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! With [`Gpu::with_pipeline_cache`] the next start of the program finds what this one has compiled,
//! on drivers that keep nothing themselves.
//!
//! # Reading back
//!
//! [`Plan::read`] gives value, status and totals of what was submitted, as a future or with
//! [`Pending::wait`]. They are copied at once and come when they have: submissions go on meanwhile. Until
//! then wgpu holds up whoever destroys a buffer, as it does while any thread waits for the device.
//!
//! # Captures
//!
//! A [`Request::label`] tells a plan from others of its loss. Passes, debug groups, buffers and bind
//! groups are named by both, as in `wgloss cross_entropy "head"`, and kernels, which plans share, by
//! the loss.
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
//! [`Status::index`]. The device lives on. Any number of plans and steps may share a status
//! ([`Bindings::status`]): the first fault found stays until the program clears it.
//!
//! The program's error scopes and its callbacks for errors and lost devices are left alone. A lost
//! device is [`Error::DeviceLost`].

#[cfg(doc)]
use crate::{Bindings, Error, Gpu, Pending, Plan, Plans, Reduction, Request, Status, Timings};
