//! Pointwise losses in float64, element by element.

use super::block::Runs;
use super::shape::placed;
use crate::definition::Role;
use crate::error::Result;
use crate::request::Resolved;
use crate::tensor::Tensor;
use crate::terms::Terms;
use rayon::prelude::*;

pub(super) fn terms(formula: &dyn Runs, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
    let roles: Vec<Role> = resolved.definition.inputs.iter().map(|input| input.role).collect();
    let weight_place = roles.iter().position(|role| role.is_weight());
    let weights = weight_place.and_then(|i| inputs[i].as_ref());
    let mut terms = Terms::new(inputs.len());
    terms.weight = weights.map_or(0.0, |weights| weights.iter().sum());
    let shape = |i: usize| resolved.inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
    let first = placed(roles[0], shape(0), &[]);
    let shapes: Vec<_> = (0..roles.len()).map(|i| placed(roles[i], shape(i), &first)).collect();
    let count = usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX);
    for term in 0..count {
        let place = |i: usize| broadcast_place(&resolved.layout.output, &shapes[i], term);
        let absent = |i: usize| f64::from(roles[i].absent());
        let at = |i: usize| inputs[i].as_ref().map_or_else(|| absent(i), |input| input[place(i)]);
        // The input and the place in it of each number.
        let numbers = (0..inputs.len()).filter(|&i| !roles[i].is_weight()).flat_map(|i| {
            let width = roles[i].width();
            (0..width).map(move |k| (i, width * place(i) + k))
        });
        let numbers: Vec<(usize, usize)> = numbers.collect();
        let number = |&(i, place): &(usize, usize)| {
            inputs[i].as_ref().map_or_else(|| absent(i), |input| input[place])
        };
        let x: Vec<f64> = numbers.iter().map(number).collect();
        let (value, slopes) = formula.reference(&x);
        let weight = weight_place.map_or(1.0, at);
        terms.values.push(weight * value);
        for (&(i, place), slope) in numbers.iter().zip(slopes) {
            terms.slopes[i].push((term, place, weight * slope));
        }
        if let Some(i) = weight_place {
            terms.slopes[i].push((term, place(i), value));
        }
    }
    terms
}

/// Looks for the first term that the formula gives up.
pub(super) fn check_given_up(
    formula: &dyn Runs,
    resolved: &Resolved,
    inputs: &[Option<&Tensor<'_>>],
) -> Result<()> {
    const AT_ONCE: usize = 4096;
    let shape = |i: usize| resolved.inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
    let count = usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX);
    let parts = (0..count.div_ceil(AT_ONCE)).into_par_iter();
    let found = parts.find_map_first(|part| {
        let terms = part * AT_ONCE..count.min((part + 1) * AT_ONCE);
        let column = |i: usize| match inputs[i] {
            Some(input) => {
                let number = |term| {
                    let mut number = [0.0];
                    let place = broadcast_place(&resolved.layout.output, shape(i), term);
                    input.read(place, &mut number);
                    f64::from(number[0])
                };
                terms.clone().map(number).collect()
            }
            None => vec![f64::from(resolved.definition.inputs[i].role.absent()); terms.len()],
        };
        let columns: Vec<Vec<f64>> = (0..inputs.len()).map(column).collect();
        formula.given_up(&columns)
    });
    found.map_or(Ok(()), Err)
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
