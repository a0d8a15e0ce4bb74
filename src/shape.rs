//! From the inputs' shapes to what the kernels index with.

use crate::error::{Error, Result, listed};
use crate::loss::{Definition, Family, Loss, Role};
use crate::reduction::{Divisor, Reduction};
use crate::tensor::{DType, TensorKind, elements};

/// The most inputs that a loss has.
pub(crate) const MOST_INPUTS: usize = 4;
/// The most axes that remain after merging; the size of the arrays in the kernels' uniforms.
pub(crate) const MOST_AXES: usize = 8;

/// How a request's inputs lie together.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The shape of the unreduced loss.
    pub(crate) output: Vec<usize>,
    /// The number of its terms.
    pub(crate) terms: u64,
    /// What the sum is divided by.
    pub(crate) divisor: Divisor,
    /// The input that holds class indices, which are checked, and the number of classes.
    pub(crate) indices: Option<(usize, u64)>,
    /// What the family adds.
    pub(crate) family: FamilyLayout,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FamilyLayout {
    Pointwise {
        /// The output's axes, innermost first, with those merged that every operand runs through.
        axes: Vec<Axis>,
        /// How each input is read; `None` where it is absent.
        access: Vec<Option<Access>>,
    },
    Rows(RowShape),
    /// A loss of its own knows the rest.
    Own,
}

/// `classes` numbers a row, `inner` apart; row `n * inner + d` starts at `n * classes * inner + d`.
/// The inputs are given by their places in the definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RowShape {
    pub(crate) classes: u64,
    pub(crate) inner: u64,
    /// The inputs over the classes of each row, in order.
    pub(crate) over: [Option<usize>; 3],
    /// The class index of each row.
    pub(crate) index: Option<usize>,
    /// The number of each row.
    pub(crate) label: Option<usize>,
    pub(crate) weight: RowWeight,
}

impl RowShape {
    /// The inputs over the classes of each row.
    pub(crate) fn over(&self) -> impl Iterator<Item = usize> {
        self.over.into_iter().flatten()
    }

    /// The place among [`RowShape::over`] of an input.
    pub(crate) fn component(&self, input: usize) -> usize {
        self.over().take_while(|&over| over != input).count()
    }
}

/// How the terms of a row's classes are weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RowWeight {
    One,
    /// By an input with one number per class.
    Classes(usize),
    /// By an input over the classes of each row.
    Rows(usize),
}

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

/// Checks the loss's options and inputs and lays them out.
pub(crate) fn resolve(
    loss: &dyn Loss,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    loss.validate()?;
    let definition = loss.definition();
    if !definition.reductions.contains(&reduction) {
        let known = listed(definition.reductions.iter().map(|r| r.name()));
        return Err(Error::argument("reduction", reduction.name(), known));
    }
    for (input, kind) in definition.inputs.iter().zip(inputs) {
        match kind {
            Some(kind) => {
                kind.elements(input.name)?;
                check_dtype(input.name, input.role, kind.dtype)?;
            }
            None if input.optional => {}
            None => return Err(missing(definition, input.name)),
        }
    }
    match loss.family() {
        Family::Pointwise(_) => pointwise(definition, inputs, reduction),
        Family::Rows(_) => rows(loss, inputs, reduction),
        Family::Own(own) => own.layout(inputs, reduction),
    }
}

fn missing(definition: &Definition, name: &str) -> Error {
    let needed = definition.inputs.iter().filter(|input| !input.optional);
    Error::Missing {
        argument: name.into(),
        loss: definition.name,
        needed: listed(needed.map(|input| input.name)),
    }
}

fn check_dtype(name: &str, role: Role, dtype: DType) -> Result<()> {
    let fits = match role {
        Role::Index | Role::OwnIntegers => !dtype.is_float(),
        Role::IndexOrRows => true,
        _ => dtype.is_float(),
    };
    if fits {
        return Ok(());
    }
    let integers = matches!(role, Role::Index | Role::OwnIntegers);
    let expected = if integers { "an integer type" } else { "a float type" };
    Err(Error::DType { argument: name.into(), got: dtype.to_string(), expected: expected.into() })
}

/// What a reduction divides by; `first` is the first input's shape.
pub(crate) fn divisor(
    reduction: Reduction,
    terms: u64,
    weighted: bool,
    first: &[usize],
) -> Divisor {
    match reduction {
        Reduction::None | Reduction::Sum => Divisor::Count(1),
        Reduction::Mean if weighted => Divisor::Weights,
        Reduction::Mean => Divisor::Count(terms),
        Reduction::BatchMean => Divisor::Count(first.first().map_or(1, |&n| n as u64)),
    }
}

fn pointwise(
    definition: &Definition,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    let first = inputs[0].as_ref().map_or(&[][..], |kind| &kind.shape);
    let shapes: Vec<Vec<usize>> = definition
        .inputs
        .iter()
        .zip(inputs)
        .map(|(input, kind)| placed(input.role, kind.as_ref().map_or(&[], |k| &k.shape), first))
        .collect();
    let mut output = first.to_vec();
    for (i, input) in definition.inputs.iter().enumerate().filter(|(i, _)| inputs[*i].is_some()) {
        let given = &shapes[i][..];
        let expected = match input.role {
            Role::Variance if !fits_variance(given, first) => {
                format!("{first:?}, or that with the last dimension 1 or left out, or []")
            }
            Role::Alike | Role::Weight if given != first => {
                format!("{first:?}, the shape of {}", definition.inputs[0].name)
            }
            Role::Onto | Role::WeightOnto if broadcast(given, first).as_deref() != Some(first) => {
                format!(
                    "one that broadcasts onto {first:?}, the shape of {}",
                    definition.inputs[0].name
                )
            }
            _ => match broadcast(given, &output) {
                Some(both) => {
                    output = both;
                    continue;
                }
                None => format!("one that broadcasts with {output:?}"),
            },
        };
        return Err(Error::shape(input.name, given, expected));
    }
    let kind = TensorKind { dtype: DType::F32, shape: output.clone() };
    let terms = kind.elements("the broadcast inputs")?;
    let weighted = definition.weighted_mean
        && (0..inputs.len()).any(|i| inputs[i].is_some() && definition.inputs[i].role.is_weight());
    let axes = merged_axes(&output, &shapes);
    if axes.len() > MOST_AXES {
        return Err(Error::Limit {
            argument: "the broadcast inputs".into(),
            got: axes.len() as u64,
            unit: "separate axes",
            limit: MOST_AXES as u64,
            name: "axes of a broadcast",
        });
    }
    let access = inputs.iter().enumerate().map(|(i, kind)| {
        kind.as_ref().map(|kind| access_of(&axes, i, elements(&kind.shape) == Some(terms)))
    });
    let access = access.collect();
    let divisor = divisor(reduction, terms, weighted, first);
    let family = FamilyLayout::Pointwise { axes, access };
    Ok(Layout { output, terms, divisor, indices: None, family })
}

/// A shape as it broadcasts: a variance without the last dimension has it with size 1.
pub(crate) fn placed(role: Role, given: &[usize], first: &[usize]) -> Vec<usize> {
    let without_last = first.split_last().is_some_and(|(_, rest)| given == rest);
    if role == Role::Variance && without_last {
        return [given, &[1]].concat();
    }
    given.to_vec()
}

fn fits_variance(given: &[usize], first: &[usize]) -> bool {
    let last_is_one = given.split_last().is_some_and(|(&last, rest)| {
        last == 1 && first.split_last().is_some_and(|(_, of_first)| rest == of_first)
    });
    given == first || last_is_one || given.is_empty()
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
fn merged_axes(output: &[usize], shapes: &[Vec<usize>]) -> Vec<Axis> {
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

/// The batch dimensions before the classes, the classes, and the dimensions after them.
fn split_rows(definition: &Definition, first: &[usize]) -> Result<(Vec<usize>, usize, Vec<usize>)> {
    let input = &definition.inputs[0];
    let (before, classes, after) = match (input.role, first) {
        (Role::Features, [before @ .., last]) => (before, *last, &[][..]),
        (Role::Scores, []) => (&[][..], 1, &[][..]),
        (Role::Rows | Role::Scores, [classes]) => (&[][..], *classes, &[][..]),
        (Role::Scores, [_, classes]) => (&first[..1], *classes, &[][..]),
        (Role::Rows, [_, classes, after @ ..]) => (&first[..1], *classes, after),
        (role, _) => {
            let expected = match role {
                Role::Features => "[..., D]",
                Role::Scores => "[C] or [N, C]",
                _ => "[C], [N, C] or [N, C, d1...]",
            };
            return Err(Error::shape(input.name, first, expected));
        }
    };
    if classes == 0 {
        return Err(Error::shape(input.name, first, "at least one class"));
    }
    Ok((before.to_vec(), classes, after.to_vec()))
}

fn rows(loss: &dyn Loss, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
    let definition = loss.definition();
    let first = inputs[0].as_ref().map_or(&[][..], |kind| &kind.shape);
    let (before, classes, after) = split_rows(definition, first)?;
    let output = [&before[..], &after].concat();
    let inner = elements(&after).unwrap_or(u64::MAX);
    let mut shape = RowShape {
        classes: classes as u64,
        inner,
        over: [None; 3],
        index: None,
        label: None,
        weight: RowWeight::One,
    };
    let mut places = shape.over.iter_mut();
    for (i, input) in definition.inputs.iter().enumerate() {
        let Some(kind) = &inputs[i] else { continue };
        let per_row = format!("{output:?}, the shape of the rows");
        let alone = output.is_empty() && definition.inputs[0].role == Role::Scores;
        let (fits, expected) = match input.role {
            Role::Index | Role::IndexOrRows if !kind.dtype.is_float() => {
                shape.index = Some(i);
                // PyTorch takes one class for one row with or without a dimension.
                (kind.shape == output || (alone && kind.shape == [1]), per_row)
            }
            Role::Labels => {
                shape.label = Some(i);
                (kind.shape == output, per_row)
            }
            Role::Classes => {
                shape.weight = RowWeight::Classes(i);
                (kind.shape == [classes], format!("[{classes}], one number for each class"))
            }
            Role::Factors if kind.shape == [classes] => {
                shape.weight = RowWeight::Classes(i);
                (true, String::new())
            }
            Role::Factors => {
                shape.weight = RowWeight::Rows(i);
                (kind.shape == first, format!("[{classes}] or {first:?}, the input's shape"))
            }
            role => {
                if let Some(place) = places.next() {
                    *place = Some(i);
                }
                let what = if role == Role::IndexOrRows { ", for probabilities" } else { "" };
                (kind.shape == first, format!("{first:?}, the input's shape{what}"))
            }
        };
        if !fits {
            return Err(Error::shape(input.name, &kind.shape, expected));
        }
    }
    let indices = shape.index.map(|input| (input, classes as u64));
    check_ignore_index(loss, indices.is_some())?;
    let terms = elements(&output).unwrap_or(u64::MAX);
    let weighted = definition.weighted_mean && indices.is_some();
    let divisor = divisor(reduction, terms, weighted, first);
    Ok(Layout { terms, divisor, output, indices, family: FamilyLayout::Rows(shape) })
}

/// The kernels compare class indices as 32-bit integers, of which the lowest stands for any that
/// does not fit.
pub(crate) fn check_ignore_index(loss: &dyn Loss, index: bool) -> Result<()> {
    let Some(ignored) = loss.ignore_index() else { return Ok(()) };
    if !index && ignored >= 0 {
        let expected = "a negative number where the target holds probabilities";
        return Err(Error::argument("ignore_index", ignored.to_string(), expected));
    }
    if i32::try_from(ignored).is_ok_and(|ignored| ignored != i32::MIN) {
        return Ok(());
    }
    let expected = format!("a number from {} to {}", i32::MIN + 1, i32::MAX);
    Err(Error::argument("ignore_index", ignored.to_string(), expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shapes_merge_to_one_axis() {
        let axes = merged_axes(&[2, 3, 4], &[vec![2, 3, 4], vec![2, 3, 4]]);
        assert_eq!(axes, [Axis { size: 24, strides: [1, 1, 0, 0] }]);
    }

    #[test]
    fn a_broadcast_axis_stays_apart() {
        let axes = merged_axes(&[2, 3, 4], &[vec![2, 3, 4], vec![2, 1, 4]]);
        let strides = [[1, 1, 0, 0], [4, 0, 0, 0], [12, 4, 0, 0]];
        assert_eq!(axes.iter().map(|a| a.strides).collect::<Vec<_>>(), strides);
    }

    #[test]
    fn broadcasting_follows_pytorch() {
        assert_eq!(broadcast(&[5, 4], &[4]), Some(vec![5, 4]));
        assert_eq!(broadcast(&[5, 1], &[4]), Some(vec![5, 4]));
        assert_eq!(broadcast(&[], &[0]), Some(vec![0]));
        assert_eq!(broadcast(&[5, 4], &[5]), None);
    }
}
