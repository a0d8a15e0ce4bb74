//! Losses of one's own: one WGSL function each, from which the gradient is derived.
//!
//! A [`Custom`] loss has everything that the other losses have: reductions, gradients, totals,
//! types, plans, both backends. The squared error is three lines:
//!
//! ```
//! use wgloss::{Batch, Custom, Evaluator, Gpu, Request, Tensor};
//!
//! let custom_mse = Custom::new(
//!     "fn value(input: f32, expected: f32) -> f32 {
//!         return (input - expected) * (input - expected);
//!     }",
//! )?;
//! let inputs = [
//!     ("input", Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], [4])?),
//!     ("expected", Tensor::from_slice(&[1.0f32, 2.0, 3.0, 6.0], [4])?),
//! ];
//! let batch = Batch {
//!     inputs: &inputs,
//!     request: Request::with_gradients(&["input"]),
//!     ..Batch::default()
//! };
//! for evaluator in [Evaluator::Gpu(Gpu::new_blocking()?), Evaluator::Cpu] {
//!     let answer = evaluator.evaluate_blocking(&custom_mse, &batch)?;
//!     assert_eq!(answer.scalar(), Some(1.0));
//!     assert_eq!(answer.gradients[0].1.to_f32()[..], [0.0, 0.0, 0.0, -1.0]);
//! }
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! `examples/losses` has 33 published losses, from Charbonnier and Tweedie to mixture densities, survival
//! times and generalized IoU.
//!
//! # Inputs
//!
//! `value` takes 1 to 16 arguments; their names become those of the inputs, which have any shape and
//! broadcast. The type in the text says what an input holds:
//!
//! | argument | tensor | gradient |
//! | --- | --- | --- |
//! | `f32` | floats of any type; integers are rounded to float32 | yes |
//! | `vec2<f32>`, `vec3<f32>`, `vec4<f32>` | floats with a last dimension of 2, 3 or 4: complex numbers, colours, boxes | yes, in the same shape |
//! | `i32`, `u32` | integers of any type, exact | no |
//! | `bool` | booleans, or integers of which 0 is false | no |
//!
//! Vectors broadcast along the dimensions before their last one. An [`Evaluator`] refuses an integer that
//! `i32` or `u32` does not hold; of buffers on a device the lowest 32 bits are read. Where a device binds
//! fewer buffers than the loss has inputs, those that have no binding left are copied into scratch memory
//! first.
//!
//! ```
//! use wgloss::{Batch, Custom, Evaluator, Request, Tensor};
//!
//! // The squared distance of points to the centre of their class; some do not count.
//! let mut to_centres = Custom::new(
//!     "struct Parameters { centres: array<f32, 6> }
//!     fn value(p: vec2<f32>, label: i32, counts: bool, c: Parameters) -> f32 {
//!         let centre = vec2(c.centres[2 * label], c.centres[2 * label + 1]);
//!         return select(0.0, dot(p - centre, p - centre), counts);
//!     }",
//! )?;
//! to_centres.set_table("centres", &[0.0, 0.0, 1.0, 1.0, 5.0, 0.0])?;
//! let inputs = [
//!     ("p", Tensor::from_slice(&[1.0f32, 2.0, 5.0, 1.0, 9.0, 9.0], [3, 2])?),
//!     ("label", Tensor::from_slice(&[1i64, 2, 0], [3])?),
//!     ("counts", Tensor::from_slice(&[1u8, 1, 0], [3])?),
//! ];
//! let batch =
//!     Batch { inputs: &inputs, request: Request::with_gradients(&["p"]), ..Batch::default() };
//! let answer = Evaluator::Cpu.evaluate_blocking(&to_centres, &batch)?;
//! assert_eq!(answer.scalar(), Some(2.0 / 3.0));
//! let third = 1.0f32 / 3.0;
//! assert_eq!(answer.gradients[0].1.to_f32()[..], [0.0, 2.0 * third, 0.0, 2.0 * third, 0.0, 0.0]);
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! # Parameters
//!
//! A last argument of type `Parameters` holds what the host sets by name. A kernel takes all its
//! values but 1 and 2, which are constants of a kernel of their own:
//!
//! ```
//! use wgloss::Custom;
//! use wgloss::definition::{Options, Parameter};
//!
//! let mut wing = Custom::new(
//!     "struct Parameters { width: f32, curvature: f32 }
//!
//!     fn near(d: f32, c: Parameters) -> f32 {
//!         return c.width * logarithm_one_plus(d / c.curvature);
//!     }
//!
//!     fn value(p: f32, t: f32, c: Parameters) -> f32 {
//!         let d = abs(p - t);
//!         if (d < c.width) {
//!             return near(d, c);
//!         }
//!         return d - (c.width - near(c.width, c));
//!     }",
//! )?;
//! wing.set("width", 10.0)?;
//! wing.set("curvature", 2.0)?;
//! let set = [("width", Parameter::Number(10.0)), ("curvature", Parameter::Number(2.0))];
//! assert_eq!(wing.parameters(), set);
//! assert!(wing.derived().contains("fn gradient(p: f32, t: f32, c: Parameters) -> vec2<f32>"));
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! A member may be an array, `array<f32, N>` (or of `i32` or `u32`), which [`Custom::set_table`] sets. It
//! lies in a buffer, of up to 65,536 numbers together, of which a kernel reads what the text asks for by
//! an index; other numbers need no other kernels. `wgloss eval --custom` takes short ones as
//! `weights=1,2,3` and others from files, `--table weights=file.npy`; Python takes sequences and arrays.
//!
//! # What the text may use
//!
//! - **Allowed**: arithmetic, comparisons, `select`, `if`, `switch`, loops, `let`, `var`,
//!   constants, helper functions, vectors, arrays and structs in local variables, and WGSL's
//!   built-in functions of numbers and vectors. Integers and booleans are carried, not
//!   differentiated.
//! - **Refused**: matrices, textures, atomics, barriers, bindings, overrides, variables outside of
//!   functions, pointers as arguments, `modf`, `frexp`, `refract`, the bits of a number that
//!   depends on an argument, names that the kernels have or derivatives call, members of
//!   `Parameters` named like an argument, statements of over 3,000 words (of what is listed between
//!   commas the longest part counts). Each is an
//!   [`Error::Custom`] with line and column, as syntax errors are; what other languages call
//!   otherwise (`log1p`, `isnan`, `**`) is said in WGSL.
//! - **More than WGSL**: `target`, one of its reserved words, is a name here, as the inputs of most
//!   losses have it.
//! - **Loops** may take 4,000 rounds in all in one call of `value` or `gradient`: some drivers end longer
//!   ones silently. These drivers count the rounds of all lanes that go together, which take turns where
//!   they go different ways: where the rounds of loops depend on the numbers of an element, and not on
//!   constants, parameters and counters alone, all loops together have 2,000 if there are two of them, a third
//!   of 4,000 if there are three, and 250 where such a loop is within another one, or another one within it. With more the result is NaN,
//!   and an [`Evaluator`] says so in an [`Error::Custom`] with the place of the loop and the numbers. A loop
//!   without a way out is refused. A device needs workgroups of 256 invocations, as each takes few elements.
//! - **Tables**: a constant array of 8 or more numbers that is read at a computed index,
//!   `const weights = array(0.5, 1.0, ...)`, is read from a buffer, not compiled: 65,536 numbers take
//!   about a second. Variables that are arrays have no memory on most GPUs: written or read at a computed
//!   index they take a driver time to compile with the square of their length, lavapipe a second for 64
//!   numbers and 10 for 256.
//!
//! # The derivative
//!
//! Forward mode is applied to what the WGSL compiler makes of the text. Every expression gets its
//! derivatives by the arguments, variables get companions that hold theirs, and helper functions
//! are written once more with theirs; `if`, `switch` and loops stay as they are. Of a text that branches, or is long, value
//! and gradient come from one function, so that what both need is done once.
//! [`Custom::derived`] and `wgloss show --custom FILE` give the outcome, as WGSL.
//!
//! Kinks have PyTorch's slopes:
//!
//! | | slope |
//! | --- | --- |
//! | `abs`, `sign` and `length` at 0 | 0 |
//! | `max` and `min` of equals | half for each |
//! | `clamp` and `saturate` at their ends | 1, as in PyTorch for long; its 2.15 has 0 |
//! | `floor`, `ceil`, `round`, `trunc`, `step` | 0 |
//! | `pow(x, 0)`, and `pow(0, y)` by `y` from 0 on | 0 |
//! | `if` and `select` | that of what they take, whatever the other side's is |
//!
//! [`Custom::derivative`] is a loss again, whose value is the derivative and whose gradients are those of
//! the second one: by the same argument the diagonal, by another the mixed derivative by both. By a vector
//! it is by one of its numbers, `"box.x"`. [`Custom::along`] has the product of the Hessian with a
//! direction: see [below](#second-derivatives).
//!
//! A vector has a derivative by each of its numbers: what only some of them lead to costs nothing of the
//! others. Helper functions that are given whole vectors compute all.
//!
//! # Second derivatives
//!
//! A term depends on its own numbers alone, so that a sum's Hessian has a small block for each term. There
//! are two ways to it, each of which is a loss again, with reductions, types, both backends and
//! derivatives of its own:
//!
//! | | value | gradient by argument i |
//! | --- | --- | --- |
//! | `loss.derivative("p")` | d f / d p | d<sup>2</sup> f / d p d i: a row of the Hessian |
//! | `loss.along(&["p", "t"])` | sum over j of (d f / d j) v<sub>j</sub>, for j = p, t | sum over j of (d<sup>2</sup> f / d i d j) v<sub>j</sub>: the Hessian's product with v |
//!
//! The directions v are inputs after all others, `p_direction` and `t_direction`, of the types of `p` and
//! `t`: a vector's is a vector. The gradients by them are those of the loss itself. Where an argument
//! broadcasts, its part of a gradient is summed over the terms that it is in, as in every loss. With
//! directions in the shapes of their arguments that is the product with the whole loss's Hessian, which
//! has no blocks any more; `mean` divides both by as many terms as the loss itself. A direction that has
//! more places than the arguments makes more terms, and so a greater divisor.
//!
//! ```
//! use wgloss::{Batch, Custom, Evaluator, Reduction, Request, Tensor};
//!
//! let loss = Custom::new("fn value(p: f32, t: f32) -> f32 { return p * p * exp(t); }")?;
//! let inputs = [
//!     ("p", Tensor::from_slice(&[1.0f32, 3.0], [2])?),
//!     ("t", Tensor::from_slice(&[0.0f32, 0.0], [2])?),
//!     ("p_direction", Tensor::from_slice(&[1.0f32, 0.5], [2])?),
//!     ("t_direction", Tensor::from_slice(&[2.0f32, -1.0], [2])?),
//! ];
//! let gradients = ["p", "t"];
//! let request = Request { reduction: Reduction::Sum, gradients: &gradients, ..Request::default() };
//! let batch = Batch { inputs: &inputs, request: request.clone(), ..Batch::default() };
//! let product = Evaluator::Cpu.evaluate_blocking(&loss.along(&["p", "t"])?, &batch)?;
//! assert_eq!(product.gradients[0].1.to_f32()[..], [2.0 + 4.0, 1.0 - 6.0]);
//! assert_eq!(product.gradients[1].1.to_f32()[..], [2.0 + 2.0, 3.0 - 9.0]);
//!
//! let batch = Batch { inputs: &inputs[..2], request, ..Batch::default() };
//! let row = Evaluator::Cpu.evaluate_blocking(&loss.derivative("p")?, &batch)?;
//! assert_eq!(row.gradients[0].1.to_f32()[..], [2.0, 2.0]);
//! assert_eq!(row.gradients[1].1.to_f32()[..], [2.0, 6.0]);
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! Integers and booleans have no direction. `wgloss eval --custom FILE` takes `--derivative p` and
//! `--along p,t`, Python's `Custom` has both methods.
//!
//! # Numbers
//!
//! `exp`, `exp2`, `log`, `log2`, `pow`, `min`, `max`, `clamp`, `saturate`, `sign`, and `sin`, `cos`, `tan`,
//! `sinh`, `cosh`, `tanh` with their inverses and `atan2` are replaced by the library's, which are
//! accurate and carry NaN. `pow` takes any base to whole powers, and gives NaN for others of negative
//! bases. [`Custom::with_built_ins`] leaves the driver's.
//!
//! The functions of the library may be called by their names too, and those that WGSL does not have.
//! A kernel holds only those that it calls:
//!
//! | | |
//! | --- | --- |
//! | `exponential_minus_one(x)`, `logarithm_one_plus(x)` | where a plain formula would cancel |
//! | `sigmoid`, `log_sigmoid`, `softplus`, `softplus_sum(x, yes, no)`, `log_cosh` | which overflow nowhere |
//! | `log_sum_exp(a, b)` | log(e<sup>a</sup> + e<sup>b</sup>) |
//! | `log_sum_exp_of_5(x)` | the same of all elements of an `array<f32, 5>`; there is one for each length from 2 to 256 |
//! | `integer_power(x, n)` | x<sup>n</sup> of any base, for an `i32` |
//! | `power(x, y)` | for bases from 0 |
//! | `error_function`, `error_function_complement` | erf and 1 - erf |
//! | `normal_cdf`, `normal_density`, `log_normal_cdf` | of the normal distribution |
//! | `log_gamma`, `digamma`, `trigamma`, `log_beta(a, b)` | log of the absolute value of the gamma function, its first and second derivative, log of the beta function of numbers from 0 |
//! | `bessel_i0e`, `log_bessel_i0e` | e<sup>-\|x\|</sup> I<sub>0</sub>(x) and its logarithm |
//! | `silenced(factor, term)` | a product in which a factor of 0 silences an infinite term |
//! | `is_nan`, `is_finite` | tests |
//!
//! Over all of float32 their values and slopes are within 4 units in the last place of the exact ones,
//! relative to themselves, but for `pow` and `power` (8 units for exponents up to 8) and, on this scale,
//!
//! - `integer_power` for exponents past 1000, which loses a bit each time that they double;
//! - `log_gamma` and `digamma` below 0, where each has a root between all integers, and `log_beta`
//!   where it is near 0: relative to the terms that cancel there;
//! - the slopes of `log_sum_exp`: relative to themselves times half of |a - b|, as the difference is
//!   rounded before it is an exponent.
//!
//! `trigamma`, `bessel_i0e` and `log_bessel_i0e`'s slopes have no derivatives themselves.
//!
//! `x % y` of floats is the library's too, and exact, as C's `fmod`.
//!
//! Integers wrap, `x / 0` is `x` and `x % 0` is 0, shifts count modulo 32, and an index that lies
//! outside is moved to the last element: on every driver, and also where the compiler knows the numbers.
//!
//! A GPU may take denormal numbers (below 1.2e-38) as 0, also as results and constants on the way, and so
//! a quotient whose divisor is beyond 8.5e37, where a driver multiplies by its reciprocal. The functions of
//! the library are as accurate as they are said to be there too.
//!
//! WGSL lets a driver assume that there is neither NaN nor infinity. In derived text there are both, as
//! in PyTorch: comparisons become `is_less`, `is_at_most` and `is_equal`, of which none holds for NaN
//! (`t != t` finds it), and where a compiler would see that something cancels or is multiplied by 0
//! (`p - p`, `0.0 * p`) one side is `hidden`: `p - p` of infinity is NaN. So a loss may leave NaN out:
//!
//! ```
//! use wgloss::{Batch, Custom, Evaluator, Tensor};
//!
//! let masked = Custom::new(
//!     "fn value(p: f32, target: f32) -> f32 {
//!         if (target != target) { return 0.0; }
//!         return (p - target) * (p - target);
//!     }",
//! )?;
//! let inputs = [
//!     ("p", Tensor::from_slice(&[1.0f32, 2.0], [2])?),
//!     ("target", Tensor::from_slice(&[3.0f32, f32::NAN], [2])?),
//! ];
//! let batch = Batch { inputs: &inputs, ..Batch::default() };
//! assert_eq!(Evaluator::Cpu.evaluate_blocking(&masked, &batch)?.scalar(), Some(2.0));
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! # Speed
//!
//! `cargo bench --bench custom` compares with hand-written kernels of the same losses: of the squared
//! error, Huber's loss, binary cross entropy, the focal loss and log cosh, the derived ones take 0.8 to 1.2
//! times as long on lavapipe, and 1.2 to 2.2 times on the CPU: most where there is little to compute and memory is
//! quick. Over rows of 1000 and of 10 classes, cross entropy and its focal form take 1.0 to 1.2 times as long on
//! lavapipe, and 0.8 to 2.2 times on the CPU.
//!
//! On the CPU the derived text is written out (calls, branches by masks, each value once for the loss and
//! its slopes), and run in float32 on 512 elements at a time, each operation in the widest instructions of
//! the processor; over rows, what takes long and both sums and slopes need is kept in between. As reference it is
//! evaluated as it stands, in float64.
//!
//! # Losses over rows
//!
//! A text with a struct `Item` is a loss over rows: over the classes of logits, the pixels of a mask, the answers
//! to a question. `Item` is what a row has for each class. `value` is the row's loss, of what other functions gather
//! from its items, and the gradient is derived through all of them:
//!
//! ```
//! use wgloss::{Batch, Custom, Evaluator, Request, Tensor};
//!
//! // The focal loss of a softmax.
//! let mut focal = Custom::new(
//!     "struct Item { input: f32 }
//!     struct Row { target: i32 }
//!     struct Parameters { gamma: f32 }
//!
//!     fn shifts(item: Item) -> f32 { return item.input; }
//!
//!     fn sums(item: Item, shifts: f32) -> f32 { return exp(item.input - shifts); }
//!
//!     fn value(picked: Item, shifts: f32, sums: f32, c: Parameters) -> f32 {
//!         let log_p = picked.input - shifts - log(sums);
//!         return -pow(1.0 - exp(log_p), c.gamma) * log_p;
//!     }",
//! )?;
//! focal.set("gamma", 2.0)?;
//! let inputs = [
//!     ("input", Tensor::from_slice(&[1.0f32, 1.0, 0.0, f32::NEG_INFINITY], [2, 2])?),
//!     ("target", Tensor::from_slice(&[1i64, 0], [2])?),
//! ];
//! let batch = Batch {
//!     inputs: &inputs,
//!     request: Request::with_gradients(&["input"]),
//!     ..Batch::default()
//! };
//! let answer = Evaluator::Cpu.evaluate_blocking(&focal, &batch)?;
//! // The second row is right, and costs nothing.
//! let want = 0.125 * 2.0f32.ln();
//! assert!(answer.scalar().is_some_and(|loss| (loss - want).abs() < 1e-6));
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! | function | gives | may take |
//! | --- | --- | --- |
//! | `shifts`, `peaks` | up to four numbers together, of which a row has the maxima: `f32` or a vector | `item: Item`, `row: Row` |
//! | `sums` | numbers that are added up: `f32`, a vector, an array or a struct of `f32` | these, `picked: Item`, `shifts`, `peaks` |
//! | `running_sums` | up to four numbers that are added up from the first item to each | these and `sums` |
//! | `second_sums` | the same as `sums`, of what needs these, or an item's own running sums | these and `running_sums` |
//! | `value` | the row's loss | `picked: Item`, `row: Row`, `shifts`, `peaks`, `sums`, `second_sums` |
//!
//! `value` and one of `sums`, `running_sums` and `peaks` must be there. Each function takes what it needs, in any order, and
//! `Parameters` too: what is called `peaks` is what `fn peaks` gives, for the whole row, in the same type.
//!
//! The members of `Item` and `Row` are the loss's inputs:
//!
//! | member | tensor |
//! | --- | --- |
//! | of `Item`: up to eight `f32`, `i32`, `u32`, `bool` | `[C]`, `[N, C]` or `[N, C, d1...]`, all of one shape, or `[C]` where others have more dimensions: the same for all rows. `f32` has a gradient |
//! | `index` of `Item`, `i32` or `u32` | none: the number of the class |
//! | of `Row`: up to eight `f32`, `i32`, `u32`, `bool` | one number for each row, `[]`, `[N]` or `[N, d1...]`. `f32` has a gradient |
//! | `target` of `Row`, `i32` or `u32` | the same: a class index, which is checked. `picked` is the item there |
//! | `classes` of `Row`, `i32` or `u32` | none: the number of classes |
//!
//! Integers are exact, of any integer type, as in losses of elements. `mean` is over rows. A parameter
//! `ignore_index: i32` marks rows by their target that count as nothing: loss and gradient are 0, and `mean` is over the
//! others.
//!
//! What all rows share, such as a weight or the prior of each class, is given once, as `[C]`; `picked` has its number at the
//! target class. There is no gradient by an input that is given so: write it out for each row, and add up the
//! gradient over the rows.
//!
//! ```
//! use wgloss::{Batch, Custom, Evaluator, Tensor};
//!
//! // Cross entropy with a weight for each class.
//! let weighted = Custom::new(
//!     "struct Item { input: f32, weight: f32 }
//!     struct Row { target: i32 }
//!
//!     fn shifts(item: Item) -> f32 { return item.input; }
//!
//!     fn sums(item: Item, shifts: f32) -> f32 { return exp(item.input - shifts); }
//!
//!     fn value(picked: Item, shifts: f32, sums: f32) -> f32 {
//!         return picked.weight * (log(sums) + (shifts - picked.input));
//!     }",
//! )?;
//! let inputs = [
//!     ("input", Tensor::from_slice(&[1.0f32, 1.0, 2.0, 2.0], [2, 2])?),
//!     ("weight", Tensor::from_slice(&[1.0f32, 3.0], [2])?),
//!     ("target", Tensor::from_slice(&[0i64, 1], [2])?),
//! ];
//! let batch = Batch { inputs: &inputs, ..Batch::default() };
//! let loss = Evaluator::Cpu.evaluate_blocking(&weighted, &batch)?.scalar();
//! assert!(loss.is_some_and(|loss| (loss - 2.0 * 2.0f32.ln()).abs() < 1e-6));
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! **Shifts or peaks.** `peaks` have derivatives, as PyTorch's `amax` has: by the item that has the maximum, in even shares
//! where several have it. `shifts` have none: they are for what the loss does not depend on, as in
//! `shifts + log(sum of exp(x - shifts))`, where the maximum only keeps the exponentials in range. The slopes by such
//! a maximum cancel to rounding errors, which would be all that is left of the gradient where a probability is near
//! 1; and the sums that they need cost time. A row of -inf alone has the peak -inf and the shift
//! -3.4e38; one with NaN has the peak NaN, while shifts pass over it.
//!
//! **Running sums** are what is added up from a row's first item to the one that is looked at, this one with it: for
//! cumulative distributions over ordered classes, and for lists in order, as of who is at risk when one ends, or of what is
//! left when one is drawn. Their one way on is through `second_sums`:
//!
//! ```
//! use wgloss::{Batch, Custom, Evaluator, Gpu, Request, Tensor};
//!
//! // Cox's partial likelihood, of subjects in descending order of time.
//! let cox = Custom::new(
//!     "struct Item { input: f32, event: f32 }
//!
//!     fn shifts(item: Item) -> f32 { return item.input; }
//!
//!     fn running_sums(item: Item, shifts: f32) -> f32 { return exp(item.input - shifts); }
//!
//!     fn second_sums(item: Item, shifts: f32, running_sums: f32) -> f32 {
//!         return item.event * (log(running_sums) - (item.input - shifts));
//!     }
//!
//!     fn value(second_sums: f32) -> f32 { return second_sums; }",
//! )?;
//! let inputs = [
//!     ("input", Tensor::from_slice(&[0.0f32, 0.0, 0.0], [1, 3])?),
//!     ("event", Tensor::from_slice(&[1.0f32, 0.0, 1.0], [1, 3])?),
//! ];
//! let batch =
//!     Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
//! for evaluator in [Evaluator::Gpu(Gpu::new_blocking()?), Evaluator::Cpu] {
//!     let answer = evaluator.evaluate_blocking(&cox, &batch)?;
//!     assert!(answer.scalar().is_some_and(|loss| (loss - 3.0f32.ln()).abs() < 1e-6));
//!     let slopes = answer.gradients[0].1.to_f32();
//!     let third = 1.0f32 / 3.0;
//!     assert!(slopes.iter().zip([third, third, -2.0 * third]).all(|(a, b)| (a - b).abs() < 1e-6));
//! }
//! # Ok::<(), wgloss::Error>(())
//! ```
//!
//! One shift for a whole row keeps exponentials in range from 87 below its maximum on; what is lower is 0 in the sums, and
//! where a row begins with such items the logarithm of its first sums is -inf.
//!
//! A workgroup takes a whole row, tile by tile in order, and for the gradient once more from its end: sums are added up
//! from either side, and none is what is left of a larger one. A row is as long as what comes before its tiles fits into 16
//! KiB beside the rest, 524,288 classes at most, and 16,384 where there are as many numbers as may be: more is an
//! [`Error::Limit`]. With
//! running sums there are no loops.
//!
//! **Loops** may take 4,000 rounds in one call of a function, and in a call for an item of a longer row fewer, as a lane of
//! a kernel takes several items: with a loop in `sums` alone, which are called once more for the slopes, 3,247 in rows of
//! 1,000 classes, 647 of 5,000 and 23 of 128,256, whatever the device; with one in `second_sums` too about half as many.
//! Of several loops in a function whose rounds depend on the item's or the row's numbers all take so much less, and of
//! such loops within loops a 16th, as lanes that go different ways through them take turns. With more the row's loss and
//! slopes are NaN, and an [`Evaluator`] says so in an [`Error::Custom`] with the row, the item and the function. `shifts`
//! and `peaks` with loops give up to three numbers together.
//!
//! **How the gradient is made.** With the sums *S*, second sums *T* and peaks *m* the slope of an item is that of its own
//! terms times *dV/dS* and *dV/dT*, and a share of *dV/dm* where it has the maximum. *dV/dS* goes through *T*, and *dV/dm*
//! through both: so the slopes of all terms by *S*, *m*, `picked` and the floats of `Row` are added up beside them. All
//! numbers of a row together, the user's and these, are at most 16: for *s* sums, *t* second sums, *m* peaks and *q*
//! floats of `picked` and `Row` they are at most *s* (1 + *m* + *q*) + *t* (1 + *s* + *m* + *q*) + *m* (1 + *q*), each only
//! where a function takes the other; and one more for each of `sums` and `second_sums` that has loops. Running sums have
//! their slopes by *S*, *m*, `picked` and `Row` beside them, at most 16 numbers together, with which *T* has slopes by what
//! only they take, too; and to an item's slope comes that of what it adds to them, times the sum from it on of *dV/dT* times
//! the slopes of *T*'s terms by them. Members
//! are taken in their order, those of `Item` first: one with which there would be more has no gradient, as has one with
//! which the loss does not change. A loss changes with a member of `Item` at least.
//!
//! Vectors as members and [`Custom::derivative`] are not supported. Kernels are those of the losses that are built
//! in: long rows are shared by several workgroups, where there are no running sums. `examples/losses_over_rows` has 14 published losses, from the
//! Dice loss to group relative policy optimization and Cox's partial likelihood.

#[cfg(doc)]
use crate::{Custom, Error, Evaluator};
