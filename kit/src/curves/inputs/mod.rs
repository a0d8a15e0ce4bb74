//! The inputs of a loss at the points of a curve: one number varies, the others stay.

mod by_role;
mod by_sample;

use super::numbers::{self, Numbers};
use crate::error::{Error, Result};
use wgloss::definition::{Domain, Input};
use wgloss::{Loss, Tensor};

/// All inputs, and which number of theirs varies.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) all: Vec<Held>,
    /// The place of the input that varies, and that of its number.
    by: usize,
    place: usize,
    /// Whether the loss takes the inputs of one point only.
    pub(super) one_by_one: bool,
}

/// An input's numbers at a point.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) input: &'static Input,
    pub(super) present: bool,
    pub(super) given: bool,
    pub(super) numbers: Numbers,
    pub(super) shape: Vec<usize>,
    /// Whether the batch has them for each point.
    each: bool,
    /// The least and the largest of integers.
    pub(super) within: Option<[i64; 2]>,
    /// Whether the numbers are logits, of which the input is the log-softmax.
    pub(super) logits: bool,
    /// The shape that it has if it varies.
    pub(super) varied: Vec<usize>,
}

/// An input before its numbers are known.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    input: &'static Input,
    present: bool,
    varies: bool,
    /// What was given for it.
    text: Option<&'a str>,
}

impl Inputs {
    /// Those of a loss whose curve is by `NAME` or `NAME[INDEX]`, or by the first input with a gradient,
    /// with numbers given by name.
    pub(super) fn new(loss: &dyn Loss, by: Option<&str>, given: &[(&str, &str)]) -> Result<Self> {
        let definition = loss.definition();
        for (name, _) in given {
            definition.input(name)?;
        }
        let (name, index) = by.map_or(Ok((None, None)), split)?;
        let varying = differentiable(loss, name)?;
        let wanted = |input: &'static Input| {
            let text = given.iter().find(|(name, _)| *name == input.name).map(|(_, text)| *text);
            let varies = input == varying;
            Wanted { input, present: !input.optional || text.is_some() || varies, varies, text }
        };
        let wanted: Vec<Wanted<'_>> = definition.inputs.iter().map(wanted).collect();
        let (all, one_by_one) = match by_role::lying(loss, &wanted) {
            Some(lying) => (by_role::held(&lying)?, false),
            None => {
                let all = by_sample::held(loss, &wanted)?;
                let one_by_one = all.iter().any(|held| held.present && !held.each);
                (all, one_by_one)
            }
        };
        let by = all.iter().position(|held| held.input == varying).unwrap_or_default();
        let place = index.map_or(Ok(0), |index| place(&index, varying.name, &all[by].shape))?;
        Ok(Self { all, by, place, one_by_one })
    }

    fn varying(&self) -> &Held {
        &self.all[self.by]
    }

    fn present(&self) -> impl Iterator<Item = (bool, &Held)> {
        let all = self.all.iter().enumerate().filter(|(_, held)| held.present);
        all.map(|(i, held)| (i == self.by, held))
    }

    /// The name of the input that varies.
    pub(super) fn name(&self) -> &'static str {
        self.varying().input.name
    }

    /// The number that varies, as it is chosen.
    pub(super) fn by(&self) -> String {
        element(self.name(), &self.varying().shape, self.place)
    }

    /// The name of the number that varies.
    pub(super) fn label(&self) -> String {
        let by = self.by();
        if self.varying().logits { format!("logit of {by}") } else { by }
    }

    /// The numbers that were not given, and those among which one varies.
    pub(super) fn others(&self) -> String {
        let shown = self.present().filter_map(|(varies, held)| {
            if if varies { held.shape.is_empty() } else { held.given } {
                return None;
            }
            let mut texts = held.numbers.texts();
            if varies {
                texts[self.place] = "x".into();
            }
            let of = if held.logits { "log_softmax of " } else { "" };
            let texts = numbers::nested(&texts, &held.shape);
            Some(format!("{} = {of}{texts}", held.input.name))
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// The numbers between which a curve is drawn if nobody says.
    pub(super) fn range(&self) -> [f32; 2] {
        range(self.varying().input.domain)
    }

    /// The inputs of a batch with a term for each of the numbers.
    pub(super) fn tensors(&self, xs: &[f32]) -> Result<Vec<(&'static str, Tensor<'static>)>> {
        let tensor = |(varies, held): (bool, &Held)| {
            Ok((held.input.name, held.tensor(xs, varies.then_some(self.place))?))
        };
        self.present().map(tensor).collect()
    }

    /// The derivatives of the terms by the number that varies, of those by its input.
    pub(super) fn slopes(&self, gradient: &[f32]) -> Vec<f32> {
        let width = self.varying().numbers.len();
        gradient.iter().skip(self.place).step_by(width).copied().collect()
    }
}

impl Wanted<'_> {
    /// Whether it is a row where it may be one number too.
    fn is_list(&self) -> bool {
        self.varies || self.text.is_some_and(|text| text.contains(','))
    }
}

impl Held {
    /// The input in the batch of some points, whose numbers are put in a place.
    fn tensor(&self, xs: &[f32], place: Option<usize>) -> Result<Tensor<'static>> {
        let points = if self.each { xs.len() } else { 1 };
        let points_axis = self.each.then_some(points);
        let shape: Vec<usize> = points_axis.into_iter().chain(self.shape.iter().copied()).collect();
        let mut numbers = self.numbers.repeated(points);
        if let Numbers::Floats(floats) = &mut numbers {
            if let Some(place) = place {
                let places = floats.iter_mut().skip(place).step_by(self.numbers.len());
                places.zip(xs).for_each(|(number, x)| *number = *x);
            }
            if self.logits {
                numbers::log_softmax(floats, self.shape.last().copied().unwrap_or(1));
            }
        }
        numbers.tensor(shape)
    }
}

/// The numbers between which a slider moves that stands for a number of a domain.
pub(super) fn range(domain: Domain) -> [f32; 2] {
    match domain {
        Domain::Unit | Domain::Binary => [0.0, 1.0],
        Domain::NonNegative => [0.0, 3.0],
        Domain::NonPositive => [-3.0, 0.0],
        Domain::Sign => [-1.0, 1.0],
        _ => [-3.0, 3.0],
    }
}

/// `NAME[1,0]` for a place in a table's rows, `NAME` for a single number.
pub(super) fn element(name: &str, shape: &[usize], place: usize) -> String {
    if shape.is_empty() {
        return name.into();
    }
    let (mut rest, mut index) = (place, Vec::new());
    for &size in shape.iter().rev() {
        index.push((rest % size.max(1)).to_string());
        rest /= size.max(1);
    }
    index.reverse();
    format!("{name}[{}]", index.join(","))
}

/// `NAME` or `NAME[INDEX]`, in a table `NAME[ROW,COLUMN]`.
fn split(text: &str) -> Result<(Option<&str>, Option<Vec<usize>>)> {
    let Some((name, index)) = text.split_once('[') else { return Ok((Some(text), None)) };
    let number = |index: &str| index.trim().parse().ok();
    let index = index.strip_suffix(']').and_then(|index| index.split(',').map(number).collect());
    match index {
        Some(index) => Ok((Some(name), Some(index))),
        None => Err(Error::argument("--by", text, "NAME or NAME[INDEX]")),
    }
}

/// The place of an index in row-major order.
fn place(index: &[usize], name: &str, shape: &[usize]) -> Result<usize> {
    let inside = index.len() == shape.len() && index.iter().zip(shape).all(|(i, size)| i < size);
    if inside && !shape.is_empty() {
        return Ok(index.iter().zip(shape).fold(0, |place, (i, size)| place * size + i));
    }
    let index = index.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let expected = match shape {
        [] => format!("{name}, which is one number"),
        [width] => format!("an index below {width}"),
        _ => format!("{} indices, below those of the shape {shape:?}", shape.len()),
    };
    Err(Error::argument("--by", format!("{name}[{index}]"), expected))
}

/// The input with a gradient of this name, or the first.
fn differentiable(loss: &dyn Loss, name: Option<&str>) -> Result<&'static Input> {
    let inputs = loss.definition().inputs.iter().filter(|input| input.differentiable);
    let inputs: Vec<&Input> = inputs.collect();
    let known: Vec<&str> = inputs.iter().map(|input| input.name).collect();
    let found = inputs.iter().find(|input| name.is_none_or(|name| input.name == name));
    let what = "input with a gradient";
    found.copied().ok_or_else(|| Error::unknown(what, name.unwrap_or_default(), &known))
}
