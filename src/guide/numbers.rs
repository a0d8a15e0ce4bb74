//! How accurate results are, and when they are the same to the last bit.
//!
//! # Accuracy
//!
//! Arithmetic is float32. Every output is within 1e-5 of its value plus 1e-6 of the size of the
//! terms.
//!
//! Exponentials and logarithms are the kernels' own polynomials, since WGSL's built-ins may be far
//! off. They are within 4 ULP on the tested adapter, powers within 16. A NaN in a kept element
//! makes the loss NaN.
//!
//! # Gradients of 16 bits
//!
//! They are rounded once, to nearest, ties to even, by at most half a unit in the last place: 2^-11
//! of the value plus 2^-25 for float16, which is infinite from 65520 on, and 2^-8 of the value for
//! bfloat16. A [`loss_scale`](Request::loss_scale) keeps small ones from vanishing.
//!
//! # The same bits
//!
//! Each block of 4096 terms is added up in a fixed order, without float atomics; the sums of the blocks are
//! added up as one long integer, without any rounding, which is rounded once at the end. The same data
//! give the same bits on the same device and driver, however many workgroups, windows, pieces or machines
//! the work is cut into, in whatever order their parts come, and with subgroups as without, but for
//! [cooperative matrices](crate::Gpu::with_cooperative_matrices), which add up as the driver does. A sum past
//! float32's range is infinite only at the end, but for one within a block.
//!
//! What else is asked for changes none either on the tested adapters: the value is the same with
//! gradients as without, and a gradient alone the same as beside the value and the others. WGSL cannot
//! forbid a compiler to fuse a product with the sum that it goes into. The sums of losses are kept from
//! that; within a formula, one that does so only where nothing else needs the product may give the last
//! bit of two requests, which are two kernels, apart. One plan always gives the same bits.
//!
//! # On the CPU
//!
//! The CPU backend runs on all cores with the widest instructions that the processor has (AVX-512,
//! AVX2 or the target's own), which it finds out when it runs. All of them give the same bits, but
//! for the products of matrices: of losses of pairs and those behind a linear layer.
//!
//! [`mod@reference`] has the textbook formulas in float64, with which the tests compare both
//! backends.

#[cfg(doc)]
use crate::{Request, reference};
