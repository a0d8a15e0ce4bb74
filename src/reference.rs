//! The textbook formulas in float64, term by term: slow, plain, and what the tests compare with.
//!
//! ```
//! use wgloss::{Batch, Mse, Tensor, reference};
//!
//! let input = Tensor::from_slice(&[1.0f32, 2.0], [2])?;
//! let target = Tensor::from_slice(&[0.0f32, 0.0], [2])?;
//! let inputs = [("input", input), ("target", target)];
//! let answer = reference::evaluate(&Mse, &Batch { inputs: &inputs, ..Batch::default() })?;
//! assert_eq!(answer.value, [2.5]);
//! # Ok::<(), wgloss::Error>(())
//! ```

use crate::error::Result;
use crate::evaluate::Batch;
use crate::loss::{Family, Loss, Pointwise, Role, Rows};
use crate::plan::Resolved;
use crate::reduction::{Divisor, Reduction};
use crate::shape::{FamilyLayout, RowShape, RowWeight};

/// One row, as a loss over rows sees it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The first input over the row's classes.
    pub first: &'a [f64],
    /// The second one; for a class index, 1 at that class and 0 elsewhere.
    pub second: &'a [f64],
    /// The third one.
    pub third: &'a [f64],
    /// The weight of each class, 1 where none is given.
    pub weight: &'a [f64],
    /// The row's own number.
    pub label: f64,
    /// The mean weight of the kept rows, where the mean divides by the sum of their weights.
    pub mean_weight: f64,
}

/// A row's loss with its derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct RowLoss {
    /// The loss.
    pub value: f64,
    /// The size of what cancels in it, where that is larger.
    pub size: f64,
    /// Its derivatives with respect to the first, second and third input.
    pub slopes: [Vec<f64>; 3],
}

impl RowLoss {
    /// A loss of 0 over so many classes.
    pub fn zeros(classes: usize) -> Self {
        Self { value: 0.0, size: 0.0, slopes: std::array::from_fn(|_| vec![0.0; classes]) }
    }
}

/// What a batch comes to in float64.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The loss: one number, or with [`Reduction::None`] one for each term. Empty if not wanted.
    pub value: Vec<f64>,
    /// The size of the terms before they cancel: the mean or sum of their absolute values, or the
    /// largest one with [`Reduction::None`].
    pub scale: f64,
    /// The gradients in the order asked for.
    pub gradients: Vec<(&'static str, Vec<f64>)>,
}

/// `log(1 + exp(x))`.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }
}

/// `log(softmax(x))`.
pub fn log_softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
    x.iter().map(|x| (x - largest) - log_sum).collect()
}

/// The product, where 0 times infinity counts as 0.
pub fn product(factor: f64, term: f64) -> f64 {
    if factor == 0.0 && !term.is_nan() { 0.0 } else { factor * term }
}

/// The terms of a batch: what is summed, and how each depends on the inputs.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The terms.
    pub values: Vec<f64>,
    /// The sizes of what cancels in them; empty where nothing does.
    pub sizes: Vec<f64>,
    /// For each input, how the terms depend on it: (term, element, derivative).
    pub slopes: Vec<Vec<(usize, usize, f64)>>,
    /// The sum of the weights, where the mean divides by it.
    pub weight: f64,
}

impl Terms {
    /// No terms yet, of a loss with so many inputs.
    pub fn new(inputs: usize) -> Self {
        Self {
            values: Vec::new(),
            sizes: Vec::new(),
            slopes: vec![Vec::new(); inputs],
            weight: 0.0,
        }
    }
}

/// Evaluates a batch. Class indices outside their range are not looked for: such rows are NaN.
///
/// # Errors
/// If a name, option, shape or type does not fit.
pub fn evaluate(loss: &dyn Loss, batch: &Batch<'_>) -> Result<Answer> {
    let kinds: Vec<_> = batch.inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let request = batch.request(&kinds);
    let resolved = Resolved::new(loss, &request)?;
    let mut inputs = vec![None; resolved.inputs.len()];
    for (name, tensor) in batch.inputs {
        inputs[resolved.definition.input(name)?] = Some(tensor.to_f64());
    }
    let terms = match loss.family() {
        Family::Pointwise(family) => pointwise(family, &resolved, &inputs),
        Family::Rows(family) => rows(family, loss.ignore_index(), &resolved, &inputs),
        Family::Own(own) => own.reference(&resolved, &inputs),
    };
    let upstream = batch.upstream.as_ref().map(crate::Tensor::to_f64);
    Ok(reduced(&resolved, &terms, upstream.as_deref()))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn reduced(resolved: &Resolved, terms: &Terms, upstream: Option<&[f64]>) -> Answer {
    let divisor = match resolved.layout.divisor {
        Divisor::Count(count) => count as f64,
        Divisor::Weights => terms.weight,
    };
    let none = resolved.reduction == Reduction::None;
    let total: f64 = terms.values.iter().sum();
    let cancelled = |term: usize| terms.sizes.get(term).copied().unwrap_or(0.0);
    let sizes = terms.values.iter().enumerate().map(|(i, value)| value.abs().max(cancelled(i)));
    let (value, scale) = if none {
        (terms.values.clone(), sizes.fold(0.0, f64::max))
    } else {
        (vec![total / divisor], sizes.sum::<f64>() / divisor)
    };
    let upstream = |term: usize| match upstream {
        None => 1.0,
        Some(upstream) if none => upstream[term],
        Some(upstream) => upstream[0],
    };
    let factor = |term: usize| f64::from(resolved.loss_scale) * upstream(term);
    let gradients = resolved.gradients.iter().map(|&input| {
        let size = resolved.gradient_elements(input);
        let mut gradient = vec![0.0; usize::try_from(size).unwrap_or(0)];
        for &(term, element, slope) in &terms.slopes[input] {
            // Without any weight the mean of rows is NaN, but its gradient is 0.
            if divisor != 0.0 || !matches!(resolved.layout.family, FamilyLayout::Rows(_)) {
                gradient[element] += factor(term) / divisor * slope;
            }
        }
        let spec = &resolved.definition.inputs[input];
        if spec.role.is_weight() && resolved.layout.divisor == Divisor::Weights {
            // The weight is in the divisor too.
            gradient.iter_mut().for_each(|g| *g -= factor(0) * total / divisor / divisor);
        }
        (spec.name, gradient)
    });
    let gradients = gradients.collect();
    Answer { value: if resolved.value { value } else { Vec::new() }, scale, gradients }
}

fn pointwise(family: &dyn Pointwise, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
    let roles: Vec<Role> = resolved.definition.inputs.iter().map(|input| input.role).collect();
    let weight_place = roles.iter().position(|role| role.is_weight());
    let weights = weight_place.and_then(|i| inputs[i].as_ref());
    let mut terms = Terms::new(inputs.len());
    terms.weight = weights.map_or(0.0, |weights| weights.iter().sum());
    let shape = |i: usize| resolved.inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
    let shapes: Vec<_> =
        (0..roles.len()).map(|i| crate::shape::placed(roles[i], shape(i), shape(0))).collect();
    let count = usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX);
    for term in 0..count {
        let place = |i: usize| broadcast_place(&resolved.layout.output, &shapes[i], term);
        let at = |i: usize| inputs[i].as_ref().map_or(1.0, |input| input[place(i)]);
        let arguments: Vec<usize> = (0..inputs.len()).filter(|&i| !roles[i].is_weight()).collect();
        let mut x = [1.0; 4];
        for (x, &i) in x.iter_mut().zip(&arguments) {
            *x = at(i);
        }
        let (value, slopes) = family.reference(x);
        let weight = weight_place.map_or(1.0, at);
        terms.values.push(weight * value);
        for (&i, slope) in arguments.iter().zip(slopes) {
            terms.slopes[i].push((term, place(i), weight * slope));
        }
        if let Some(i) = weight_place {
            terms.slopes[i].push((term, place(i), value));
        }
    }
    terms
}

/// Where a tensor that is broadcast to `output` has the output's element `term`.
fn broadcast_place(output: &[usize], shape: &[usize], mut term: usize) -> usize {
    let (mut place, mut stride) = (0, 1);
    for (axis, &size) in output.iter().rev().enumerate() {
        let own = shape.iter().rev().nth(axis).copied().unwrap_or(1);
        if own != 1 {
            place += term % size * stride;
        }
        stride *= own;
        term /= size;
    }
    place
}

fn rows(
    family: &dyn Rows,
    ignored: Option<i64>,
    resolved: &Resolved,
    inputs: &[Option<Vec<f64>>],
) -> Terms {
    let FamilyLayout::Rows(shape) = resolved.layout.family else {
        unreachable!("a loss over rows has a layout of rows");
    };
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (classes, inner) = (size(shape.classes), size(shape.inner));
    let input = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let mut terms = Terms::new(inputs.len());
    let mean_weight = mean_weight(resolved, &shape, ignored, inputs);
    for r in 0..size(resolved.layout.terms) {
        let place = |c: usize| (r / inner * classes + c) * inner + r % inner;
        let over = |i: usize| -> Vec<f64> { (0..classes).map(|c| input(i)[place(c)]).collect() };
        let mut rows = [None, None, None].map(|_: Option<()>| vec![0.0; classes]);
        rows.iter_mut().zip(shape.over()).for_each(|(row, i)| *row = over(i));
        let weight = match shape.weight {
            RowWeight::One => vec![1.0; classes],
            RowWeight::Classes(i) => input(i).to_vec(),
            RowWeight::Rows(i) => over(i),
        };
        let mut bad = false;
        if let Some(i) = shape.index {
            #[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
            let class = input(i)[r] as i64;
            if Some(class) == ignored {
                terms.values.push(0.0);
                terms.sizes.push(0.0);
                continue;
            }
            match usize::try_from(class).ok().filter(|&class| class < classes) {
                Some(class) => {
                    rows[1][class] = 1.0;
                    terms.weight += weight[class];
                }
                None => bad = true,
            }
        }
        let label = shape.label.map_or(0.0, |i| input(i)[r]);
        let [first, second, third] = &rows;
        let loss =
            family.reference(&Row { first, second, third, weight: &weight, label, mean_weight });
        terms.values.push(if bad { f64::NAN } else { loss.value });
        terms.sizes.push(loss.size);
        for (i, slopes) in shape.over().zip(&loss.slopes) {
            let slope = |c: usize| if bad { f64::NAN } else { slopes[c] };
            terms.slopes[i].extend((0..classes).map(|c| (r, place(c), slope(c))));
        }
    }
    terms
}

/// The mean weight of the kept rows; 1 where the mean does not divide by the sum of their weights.
fn mean_weight(
    resolved: &Resolved,
    shape: &RowShape,
    ignored: Option<i64>,
    inputs: &[Option<Vec<f64>>],
) -> f64 {
    let (Some(index), RowWeight::Classes(weight), Divisor::Weights) =
        (shape.index, shape.weight, resolved.layout.divisor)
    else {
        return 1.0;
    };
    let weights = inputs[weight].as_deref().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
    let classes = inputs[index].iter().flatten().map(|&class| class as i64);
    let kept = classes.filter(|&class| Some(class) != ignored);
    let kept: Vec<f64> =
        kept.filter_map(|class| weights.get(usize::try_from(class).ok()?).copied()).collect();
    #[expect(clippy::cast_precision_loss, reason = "far fewer rows than 2^53")]
    let count = kept.len() as f64;
    kept.iter().sum::<f64>() / count
}
