//! Pointwise losses in float64, element by element.

use super::block::Runs;
use super::shape::placed;
use crate::definition::Role;
use crate::error::Result;
use crate::request::Resolved;
use crate::tensor::Tensor;
use crate::terms::Terms;
use rayon::prelude::*;

/// So many terms are asked for at once: custom losses compute as many in the time of one.
const REFERENCES: usize = 64;

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
    let place = |term: usize, i: usize| broadcast_place(&resolved.layout.output, &shapes[i], term);
    let number = |(i, place): (usize, usize)| {
        inputs[i].as_ref().map_or_else(|| roles[i].absent().into(), |input| input[place])
    };
    // Of each number of a term, its input and its place there.
    let places = |term: usize| -> Vec<(usize, usize)> {
        let arguments = (0..inputs.len()).filter(|&i| !roles[i].is_weight());
        let of = |i: usize| {
            let width = roles[i].width();
            (0..width).map(move |k| (i, width * place(term, i) + k))
        };
        arguments.flat_map(of).collect()
    };
    for first in (0..count).step_by(REFERENCES) {
        let some: Vec<_> = (first..count.min(first + REFERENCES)).map(places).collect();
        let numbers = some.iter().map(|places| places.iter().copied().map(number).collect());
        let answers = formula.reference(&numbers.collect::<Vec<_>>());
        for (term, (places, (value, slopes))) in (first..).zip(some.iter().zip(answers)) {
            let weight = weight_place.map_or(1.0, |i| number((i, place(term, i))));
            terms.values.push(weight * value);
            for (&(i, place), slope) in places.iter().zip(slopes) {
                terms.slopes[i].push((term, place, weight * slope));
            }
            if let Some(i) = weight_place {
                terms.slopes[i].push((term, place(term, i), value));
            }
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
    let role = |i: usize| resolved.definition.inputs[i].role;
    let first = placed(role(0), shape(0), &[]);
    let shapes: Vec<_> = (0..inputs.len()).map(|i| placed(role(i), shape(i), &first)).collect();
    let count = usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX);
    let parts = (0..count.div_ceil(AT_ONCE)).into_par_iter();
    let found = parts.find_map_first(|part| {
        let terms = part * AT_ONCE..count.min((part + 1) * AT_ONCE);
        let column = |i: usize, k: usize| match inputs[i] {
            Some(input) => {
                let number = |term| {
                    let place = broadcast_place(&resolved.layout.output, &shapes[i], term);
                    number(input, role(i), role(i).width() * place + k)
                };
                terms.clone().map(number).collect()
            }
            None => vec![f64::from(role(i).absent()); terms.len()],
        };
        let numbers = (0..inputs.len()).flat_map(|i| (0..role(i).width()).map(move |k| (i, k)));
        let columns: Vec<Vec<f64>> = numbers.map(|(i, k)| column(i, k)).collect();
        formula.given_up(&columns)
    });
    found.map_or(Ok(()), Err)
}

/// A number of an input, as the kernels have it.
#[expect(clippy::cast_precision_loss, reason = "integers of 32 bits")]
fn number(input: &Tensor<'_>, role: Role, place: usize) -> f64 {
    if role.whole().is_some() {
        let mut number = [0];
        input.read_integers(place, &mut number);
        return number[0] as f64;
    }
    let mut number = [0.0];
    input.read(place, &mut number);
    number[0].into()
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
