//! Elements that broadcast.

use crate::definition::{Definition, Role};
use crate::error::{Error, Result};
use crate::family::{Cut, Share};
use crate::layout::{Layout, Summed, Weights, divisor};
use crate::order::BLOCK_SIZE;
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{DType, TensorKind, elements};
use std::borrow::Cow;

/// The most inputs that a loss has.
pub(crate) const MOST_INPUTS: usize = 16;
/// The most axes that remain after merging; the size of the arrays in the kernels' uniforms.
pub(crate) const MOST_AXES: usize = 8;

/// One axis of a broadcast: its size, and how far each input moves along it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) size: u64,
    pub(crate) strides: [u64; MOST_INPUTS],
}

/// How an operand follows the output's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// Element by element.
    Dense,
    /// One element for all.
    Single,
    /// By strides.
    Strided,
}

/// How a request's inputs are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broadcast {
    /// The output's axes, innermost first, with those merged that every operand runs through.
    pub(crate) axes: Vec<Axis>,
    /// How each input is read; `None` where it is absent.
    pub(crate) access: Vec<Option<Access>>,
}

impl Broadcast {
    pub(crate) fn of(resolved: &Resolved) -> Self {
        Self::new(resolved.definition, &resolved.inputs, &resolved.layout.output)
    }

    fn new(definition: &Definition, inputs: &[Option<TensorKind>], output: &[usize]) -> Self {
        let shapes = placed_shapes(definition, inputs);
        let axes = merged_axes(output, &shapes);
        // An output that is too large was refused.
        let terms = elements(output);
        let access = inputs.iter().enumerate().map(|(i, kind)| {
            kind.as_ref().map(|_| access_of(&axes, i, elements(&shapes[i]) == terms))
        });
        let access = access.collect();
        Self { axes, access }
    }
}

/// The inputs' shapes as they broadcast.
fn placed_shapes<'a>(
    definition: &Definition,
    inputs: &'a [Option<TensorKind>],
) -> Vec<Cow<'a, [usize]>> {
    let shape = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
    let first = placed(definition.inputs[0].role, shape(0), &[]);
    let roles = definition.inputs.iter().enumerate();
    roles.map(|(i, input)| placed(input.role, shape(i), &first)).collect()
}

/// The first axis, where an input has the output's.
pub(super) fn batch_axis(resolved: &Resolved, input: usize) -> Option<usize> {
    let kind = resolved.inputs[input].as_ref()?;
    let role = resolved.definition.inputs[input].role;
    let (shape, output) = (terms_of(role, &kind.shape), &resolved.layout.output);
    let missing = match role {
        // Its last dimension may be left out.
        Role::Variance => output.len().saturating_sub(1),
        _ => output.len(),
    };
    let whole = (missing..=output.len()).contains(&shape.len());
    (whole && !shape.is_empty() && shape.first() == output.first()).then_some(0)
}

/// How a batch is cut: along its elements where all inputs have all of them or one for all, or else
/// along the outermost axis. The gradient of an input that pieces share is that of the whole.
pub(super) fn cut(resolved: &Resolved) -> Option<Cut> {
    if resolved.weight_is_shared() {
        return None;
    }
    let Broadcast { axes, access } = Broadcast::of(resolved);
    let strided = access.contains(&Some(Access::Strided));
    let (inner, outer) = match axes.split_last() {
        Some((outer, inner)) if strided => (inner, Some(outer)),
        _ => (&[][..], None),
    };
    let sizes = |input: Option<usize>| -> Vec<usize> {
        let moves = |axis: &Axis| input.is_none_or(|i| axis.strides[i] != 0);
        let size = |axis: &Axis| if moves(axis) { axis.size } else { 1 };
        inner.iter().rev().map(|axis| usize::try_from(size(axis)).unwrap_or(usize::MAX)).collect()
    };
    let numbers = |i: usize, own: Vec<usize>| match resolved.definition.inputs[i].role {
        Role::Vectors(width) | Role::ElementVectors(width) => [own, vec![width.into()]].concat(),
        _ => own,
    };
    let part = |(i, access): (usize, &Option<Access>)| match access {
        Some(Access::Dense) => Some(Share::Unit(numbers(i, sizes(None)))),
        Some(Access::Strided) if outer.is_some_and(|outer| outer.strides[i] != 0) => {
            Some(Share::Unit(numbers(i, sizes(Some(i)))))
        }
        Some(_) if resolved.gradients.contains(&i) => None,
        Some(Access::Single) => Some(Share::All(numbers(i, Vec::new()))),
        None => Some(Share::All(Vec::new())),
        Some(_) => Some(Share::All(numbers(i, sizes(Some(i))))),
    };
    let inputs = access.iter().enumerate().map(part).collect::<Option<_>>()?;
    let terms = sizes(None);
    let unit = terms.iter().product::<usize>();
    // Pieces are whole blocks.
    let step = BLOCK_SIZE >> unit.trailing_zeros().min(BLOCK_SIZE.trailing_zeros());
    Some(Cut { inputs, terms, step })
}

pub(super) fn layout(
    definition: &Definition,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    let whole = |i: usize| inputs[i].as_ref().map_or(&[][..], |kind| &kind.shape);
    check_vectors(definition, inputs)?;
    let shapes = placed_shapes(definition, inputs);
    let first = &shapes[0][..];
    let mut output = first.to_vec();
    for (i, input) in definition.inputs.iter().enumerate().filter(|(i, _)| inputs[*i].is_some()) {
        let given = &shapes[i][..];
        let expected = match input.role {
            Role::Vectors(width) if given != first => {
                let own = [first, &[width.into()]].concat();
                format!("{own:?}, a vector for each of those of {}", definition.inputs[0].name)
            }
            Role::Alike | Role::Weight if given != first => {
                format!("{first:?}, the shape of {}", definition.inputs[0].name)
            }
            Role::Offset if given != first && !is_one(given, first) => {
                let shape_of = definition.inputs[0].name;
                format!("{first:?}, the shape of {shape_of}, or one number")
            }
            Role::Onto | Role::WeightOnto | Role::Variance
                if broadcast(given, first).as_deref() != Some(first) =>
            {
                let shape_of = definition.inputs[0].name;
                let without_last = match input.role {
                    Role::Variance => ", or that without its last dimension",
                    _ => "",
                };
                format!("one that broadcasts onto {first:?}, the shape of {shape_of}{without_last}")
            }
            _ => match broadcast(given, &output) {
                Some(both) => {
                    output = both;
                    continue;
                }
                None => match input.role {
                    Role::ElementVectors(width) => {
                        let whole = [&output, &[width.into()][..]].concat();
                        format!("one that broadcasts with {whole:?}, of vectors of {width}")
                    }
                    _ => format!("one that broadcasts with {output:?}"),
                },
            },
        };
        return Err(Error::shape(input.name, whole(i), expected));
    }
    let kind = TensorKind { dtype: DType::F32, shape: output.clone() };
    let terms = kind.elements("the broadcast inputs")?;
    // Merging leaves no more axes than there were.
    let axes = if output.len() > MOST_AXES { merged_axes(&output, &shapes).len() } else { 0 };
    if axes > MOST_AXES {
        return Err(Error::Limit {
            argument: "the broadcast inputs".into(),
            got: axes as u64,
            unit: "separate axes",
            limit: MOST_AXES as u64,
            name: "axes of a broadcast",
        });
    }
    let weights = weights(definition, inputs);
    let divisor = divisor(reduction, terms, weights, first);
    Ok(Layout { output, terms, divisor, weights, indices: None, summed: Summed::Blocks })
}

/// Refuses vectors of another length than the loss's.
fn check_vectors(definition: &Definition, inputs: &[Option<TensorKind>]) -> Result<()> {
    for (input, kind) in definition.inputs.iter().zip(inputs) {
        if let (Role::Vectors(width) | Role::ElementVectors(width), Some(kind)) = (input.role, kind)
            && kind.shape.last() != Some(&width.into())
        {
            let expected = format!("[..., {width}]");
            return Err(Error::shape(input.name, &kind.shape, expected));
        }
    }
    Ok(())
}

/// The weight by whose sum a mean divides.
fn weights(definition: &Definition, inputs: &[Option<TensorKind>]) -> Weights {
    let weight = definition.inputs.iter().zip(inputs).filter(|(input, _)| input.role.is_weight());
    match weight.filter_map(|(_, kind)| kind.as_ref()).next() {
        Some(kind) if definition.weighted_mean => {
            Weights::Elements(elements(&kind.shape).unwrap_or(0))
        }
        _ => Weights::None,
    }
}

/// The shape of the terms that an input has elements for: that of vectors without their dimension.
fn terms_of(role: Role, given: &[usize]) -> &[usize] {
    match (role, given) {
        (Role::Vectors(_) | Role::ElementVectors(_), [terms @ .., _]) => terms,
        _ => given,
    }
}

/// A shape as it broadcasts, beside that of the first input: a variance without the last dimension has
/// it with size 1.
pub(crate) fn placed<'a>(role: Role, given: &'a [usize], first: &[usize]) -> Cow<'a, [usize]> {
    let given = terms_of(role, given);
    let without_last = first.split_last().is_some_and(|(_, rest)| given == rest);
    if role == Role::Variance && without_last {
        return [given, &[1]].concat().into();
    }
    given.into()
}

/// Whether a shape is that of one number beside the first input.
fn is_one(given: &[usize], first: &[usize]) -> bool {
    given.is_empty() || (given == [1] && !first.is_empty())
}

/// The shape that both broadcast to, by PyTorch's rules.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at =
        |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// The output's axes, innermost first, without those of size 1 and with neighbours merged.
fn merged_axes(output: &[usize], shapes: &[Cow<'_, [usize]>]) -> Vec<Axis> {
    if output.contains(&0) {
        return Vec::new(); // nothing to index, and the products below might overflow
    }
    let mut axes: Vec<Axis> = Vec::new();
    let mut next = [1u64; MOST_INPUTS];
    for (outer, &size) in output.iter().rev().enumerate() {
        let mut axis = Axis { size: size as u64, strides: [0; MOST_INPUTS] };
        for (i, shape) in shapes.iter().enumerate() {
            let own = shape.iter().rev().nth(outer).map_or(1, |&d| d as u64);
            if own != 1 {
                axis.strides[i] = next[i];
            }
            next[i] *= own;
        }
        if size == 1 {
            continue;
        }
        match axes.last_mut() {
            Some(last)
                if (0..MOST_INPUTS).all(|i| axis.strides[i] == last.strides[i] * last.size) =>
            {
                last.size *= axis.size;
            }
            _ => axes.push(axis),
        }
    }
    axes
}

fn access_of(axes: &[Axis], input: usize, full: bool) -> Access {
    if axes.iter().all(|axis| axis.strides[input] == 0) {
        // Where the output has one element, dense and single are the same; dense needs no axes.
        return if full { Access::Dense } else { Access::Single };
    }
    if full { Access::Dense } else { Access::Strided }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strides(of: &[u64]) -> [u64; MOST_INPUTS] {
        std::array::from_fn(|i| of.get(i).copied().unwrap_or(0))
    }

    #[test]
    fn equal_shapes_merge_to_one_axis() {
        let axes = merged_axes(&[2, 3, 4], &[[2, 3, 4][..].into(), [2, 3, 4][..].into()]);
        assert_eq!(axes, [Axis { size: 24, strides: strides(&[1, 1]) }]);
    }

    #[test]
    fn a_broadcast_axis_stays_apart() {
        let axes = merged_axes(&[2, 3, 4], &[[2, 3, 4][..].into(), [2, 1, 4][..].into()]);
        let want = [strides(&[1, 1]), strides(&[4, 0]), strides(&[12, 4])];
        assert_eq!(axes.iter().map(|a| a.strides).collect::<Vec<_>>(), want);
    }

    #[test]
    fn broadcasting_follows_pytorch() {
        assert_eq!(broadcast(&[5, 4], &[4]), Some(vec![5, 4]));
        assert_eq!(broadcast(&[5, 1], &[4]), Some(vec![5, 4]));
        assert_eq!(broadcast(&[], &[0]), Some(vec![0]));
        assert_eq!(broadcast(&[5, 4], &[5]), None);
    }
}
