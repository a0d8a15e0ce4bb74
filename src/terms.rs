//! The terms of a batch in float64, and what they come to: the textbook's side, slow and plain.

use crate::reduction::{Divisor, Reduction};
use crate::request::Resolved;

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
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 }
}

/// `log(softmax(x))`.
pub(crate) fn log_softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
    x.iter().map(|x| (x - largest) - log_sum).collect()
}

/// The product, where 0 times infinity counts as 0.
pub(crate) fn product(factor: f64, term: f64) -> f64 {
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

    /// What the terms come to.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub(crate) fn reduced(&self, resolved: &Resolved, upstream: Option<&[f64]>) -> Answer {
        let divisor = match resolved.layout.divisor {
            Divisor::Count(count) => count as f64,
            Divisor::Weights => self.weight,
        };
        let none = resolved.reduction == Reduction::None;
        let total: f64 = self.values.iter().sum();
        let cancelled = |term: usize| self.sizes.get(term).copied().unwrap_or(0.0);
        let sizes = self.values.iter().enumerate().map(|(i, value)| value.abs().max(cancelled(i)));
        let (value, scale) = if none {
            (self.values.clone(), sizes.fold(0.0, f64::max))
        } else {
            (vec![total / divisor], sizes.sum::<f64>() / divisor)
        };
        let weight = f64::from(resolved.loss_weight);
        let value = value.into_iter().map(|value| weight * value).collect();
        let scale = weight.abs() * scale;
        let upstream = |term: usize| match upstream {
            None => 1.0,
            Some(upstream) if none => upstream[term],
            Some(upstream) => upstream[0],
        };
        let factor = |term: usize| f64::from(resolved.scale()) * upstream(term);
        let gradients = resolved.gradients.iter().map(|&input| {
            let size = resolved.gradient_elements(input);
            let mut gradient = vec![0.0; usize::try_from(size).unwrap_or(0)];
            for &(term, element, slope) in &self.slopes[input] {
                gradient[element] += factor(term) / divisor * slope;
            }
            let own = &resolved.definition.inputs[input];
            if own.role.is_weight() && resolved.layout.divisor == Divisor::Weights {
                // The weight is in the divisor too.
                gradient.iter_mut().for_each(|g| *g -= factor(0) * total / divisor / divisor);
            }
            (own.name, gradient)
        });
        let gradients = gradients.collect();
        Answer { value: if resolved.value { value } else { Vec::new() }, scale, gradients }
    }
}
