//! The inputs of a loss whose terms are the points of a curve: one number varies, the others stay.

use super::axis::plain;
use crate::error::{Error, Result};
use std::str::FromStr;
use wgloss::definition::{Domain, Input, Role};
use wgloss::{DType, Loss, Tensor};

/// The inputs that are there, and which number of theirs varies.
#[derive(Debug)]
pub(super) struct Inputs {
    all: Vec<Held>,
    /// The place of the input that varies, and that of the number in its row.
    by: usize,
    place: usize,
    domain: Domain,
}

/// An input's number or row.
#[derive(Debug)]
struct Held {
    name: &'static str,
    given: bool,
    numbers: Numbers,
    lies: Lies,
}

#[derive(Debug)]
enum Numbers {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

/// How an input lies in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lies {
    /// A number for each point.
    Single,
    /// A row for each point.
    Rows,
    /// A row for all points.
    Shared,
}

/// An input that is there, before its numbers are known.
#[derive(Debug)]
struct Wanted<'a> {
    input: &'static Input,
    varies: bool,
    /// Whether it is the first, which is predicted.
    predicted: bool,
    /// What was given for it.
    text: Option<&'a str>,
    lies: Lies,
    integers: bool,
}

impl Inputs {
    /// Those of a loss that is plotted by `NAME` or `NAME[INDEX]`, or by its first input with a
    /// gradient, with numbers given by name.
    pub(super) fn new(loss: &dyn Loss, by: Option<&str>, given: &[(&str, &str)]) -> Result<Self> {
        let (name, index) = by.map_or(Ok((None, None)), split)?;
        let input = differentiable(loss, name)?;
        let wanted = wanted(loss, input, given)?;
        let by = wanted.iter().position(|wanted| wanted.varies).unwrap_or_default();
        let width = width(&wanted);
        let last = wanted.iter().rposition(|wanted| is_vector(wanted) && !wanted.varies);
        let all = wanted.iter().enumerate().map(|(i, wanted)| {
            let (name, lies) = (wanted.input.name, wanted.lies);
            let numbers = wanted.numbers(width, last == Some(i))?;
            Ok(Held { name, given: wanted.text.is_some(), numbers, lies })
        });
        let all = all.collect::<Result<Vec<Held>>>()?;
        let expected = match (index, all[by].lies) {
            (Some(_), Lies::Single) => Some(format!("{}, which is one number", input.name)),
            (Some(index), _) if index >= width => Some(format!("an index below {width}")),
            _ => None,
        };
        if let (Some(index), Some(expected)) = (index, expected) {
            return Err(Error::argument("--by", format!("{}[{index}]", input.name), expected));
        }
        Ok(Self { all, by, place: index.unwrap_or(0), domain: input.domain })
    }

    /// The name of the input that varies.
    pub(super) fn name(&self) -> &'static str {
        self.all[self.by].name
    }

    /// The name of the number that varies.
    pub(super) fn label(&self) -> String {
        match self.all[self.by].lies {
            Lies::Single => self.name().into(),
            _ => format!("{}[{}]", self.name(), self.place),
        }
    }

    /// The numbers that were not given, and the row in which one varies.
    pub(super) fn others(&self) -> String {
        let shown = self.all.iter().enumerate().filter_map(|(i, held)| {
            let varies = i == self.by;
            let row = match &held.numbers {
                _ if varies && held.lies == Lies::Single => return None,
                _ if held.given && !varies => return None,
                Numbers::Floats(row) => {
                    let mut texts: Vec<String> = row.iter().map(|x| plain(*x)).collect();
                    if varies {
                        texts[self.place] = "x".into();
                    }
                    texts
                }
                Numbers::Integers(row) => row.iter().map(i64::to_string).collect(),
            };
            let row = row.join(", ");
            let row = if held.lies == Lies::Single { row } else { format!("[{row}]") };
            Some(format!("{} = {row}", held.name))
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    /// The numbers between which a curve is drawn if nobody says.
    pub(super) fn range(&self) -> [f32; 2] {
        match self.domain {
            Domain::Unit => [0.0, 1.0],
            Domain::NonNegative => [0.0, 3.0],
            Domain::Sign => [-1.0, 1.0],
            _ => [-3.0, 3.0],
        }
    }

    /// The inputs of a batch with a term for each of the numbers.
    pub(super) fn tensors(&self, xs: &[f32]) -> Result<Vec<(&'static str, Tensor<'static>)>> {
        let tensor = |(i, held): (usize, &Held)| {
            let place = (i == self.by).then_some(self.place);
            Ok((held.name, held.tensor(xs, place)?))
        };
        self.all.iter().enumerate().map(tensor).collect()
    }

    /// The derivatives of the terms by the number that varies, of those by its input.
    pub(super) fn slopes(&self, gradient: &[f32]) -> Vec<f32> {
        let width = self.all[self.by].numbers.len();
        gradient.iter().skip(self.place).step_by(width).copied().collect()
    }
}

impl Held {
    fn tensor(&self, xs: &[f32], place: Option<usize>) -> Result<Tensor<'static>> {
        let (rows, width) = (xs.len(), self.numbers.len());
        let (shape, rows) = match self.lies {
            Lies::Single => (vec![rows], rows),
            Lies::Rows => (vec![rows, width], rows),
            Lies::Shared => (vec![width], 1),
        };
        let (dtype, bytes) = match &self.numbers {
            Numbers::Floats(row) => {
                let row = |x: &f32| {
                    let mut row = row.clone();
                    if let Some(place) = place {
                        row[place] = *x;
                    }
                    row.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>()
                };
                (DType::F32, xs[..rows].iter().flat_map(row).collect::<Vec<u8>>())
            }
            Numbers::Integers(row) => {
                let row: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
                (DType::I64, row.repeat(rows))
            }
        };
        Ok(Tensor::from_bytes(dtype, shape, bytes)?)
    }
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::Floats(row) => row.len(),
            Self::Integers(row) => row.len(),
        }
    }
}

impl Wanted<'_> {
    /// The numbers that were given, or usual ones; `last` is the last of the vectors that stay.
    fn numbers(&self, width: usize, last: bool) -> Result<Numbers> {
        let width = if self.lies == Lies::Single { 1 } else { width };
        if self.integers {
            // Class 0, and of a list of classes no other: a negative number ends it.
            let mut row = vec![-1; width];
            row[0] = 0;
            let given = self.text.map(|text| self.parse(text, "a whole number", width, false));
            return given.unwrap_or(Ok(row)).map(Numbers::Integers);
        }
        if let Some(text) = self.text {
            let row: Vec<f32> = self.parse(text, "a number", width, true)?;
            if let Some(x) = row.iter().find(|x| !x.is_finite()) {
                return Err(Error::argument(self.input.name, x.to_string(), "a finite number"));
            }
            return Ok(Numbers::Floats(row));
        }
        let mut row = vec![self.usual(); width];
        if last {
            // Two vectors of zeros would have no cosine, and no distance to compare with.
            row[0] = 1.0;
        }
        Ok(Numbers::Floats(row))
    }

    /// The number of an input that was not given.
    fn usual(&self) -> f32 {
        match (self.lies, self.input.domain) {
            // Beside zeros a number alone would have the cosines 1 and -1 only.
            (Lies::Rows, _) if is_vector(self) && self.varies => 1.0,
            (Lies::Rows, _) => 0.0,
            (_, Domain::Real) => 0.0,
            (_, Domain::Unit) if self.predicted => 0.5,
            _ => 1.0,
        }
    }

    /// A list of numbers; one alone may stand for all of a row.
    fn parse<T: FromStr + Clone>(
        &self,
        text: &str,
        expected: &str,
        width: usize,
        fills: bool,
    ) -> Result<Vec<T>> {
        let name = self.input.name;
        let number = |text: &str| text.trim().parse();
        let row = text.split(',').map(number).collect::<Result<Vec<T>, _>>();
        let row = row.map_err(|_| {
            let lists = if self.lies == Lies::Single { "" } else { ", or a list as in 0,1,0" };
            Error::argument(name, text, format!("{expected}{lists}"))
        })?;
        match row.len() {
            1 if fills => Ok(vec![row[0].clone(); width]),
            got if got == width => Ok(row),
            got => Err(Error::argument(name, format!("{text} ({got} numbers)"), {
                if width == 1 { "one number".into() } else { format!("{width} numbers") }
            })),
        }
    }
}

/// `NAME` or `NAME[INDEX]`.
fn split(text: &str) -> Result<(Option<&str>, Option<usize>)> {
    let Some((name, index)) = text.split_once('[') else { return Ok((Some(text), None)) };
    let index = index.strip_suffix(']').and_then(|index| index.parse().ok());
    match index {
        Some(index) => Ok((Some(name), Some(index))),
        None => Err(Error::argument("--by", text, "NAME or NAME[INDEX]")),
    }
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

/// The inputs that are there: those that must be, those that are given, and the one that varies.
fn wanted<'a>(loss: &dyn Loss, by: &Input, given: &[(&str, &'a str)]) -> Result<Vec<Wanted<'a>>> {
    let mut all = Vec::new();
    for (i, input) in loss.definition().inputs.iter().enumerate() {
        let text = given.iter().find(|(name, _)| *name == input.name).map(|(_, text)| *text);
        let varies = input == by;
        if input.optional && text.is_none() && !varies {
            continue;
        }
        let list = varies || text.is_some_and(|text| text.contains(','));
        let Some((lies, integers)) = lies(loss, input.role, list) else {
            let expected = "a loss of elements or of rows: the shapes of its inputs are its own";
            return Err(Error::argument("loss", loss.definition().name, expected));
        };
        all.push(Wanted { input, varies, predicted: i == 0, text, lies, integers });
    }
    Ok(all)
}

/// How an input lies, and whether it holds integers; a list may be a row where there is a choice.
fn lies(loss: &dyn Loss, role: Role, list: bool) -> Option<(Lies, bool)> {
    Some(match role {
        Role::Elements
        | Role::Alike
        | Role::Onto
        | Role::Weight
        | Role::WeightOnto
        | Role::Variance
        | Role::Labels => (Lies::Single, false),
        Role::Rows | Role::Scores | Role::Features => (Lies::Rows, false),
        Role::Classes | Role::Factors => (Lies::Shared, false),
        Role::IndexOrRows if list => (Lies::Rows, false),
        Role::Index | Role::IndexOrRows => (Lies::Single, true),
        Role::Own | Role::OwnIntegers if is_table(loss) => (Lies::Rows, role == Role::OwnIntegers),
        _ => return None,
    })
}

/// Whether a loss takes tables of the same rows and columns, whatever else it says of them.
fn is_table(loss: &dyn Loss) -> bool {
    let example = loss.example();
    let shape = example.first().map(|(_, kind)| &kind.shape);
    example.iter().all(|(_, kind)| kind.shape.len() == 2 && Some(&kind.shape) == shape)
}

fn is_vector(wanted: &Wanted<'_>) -> bool {
    wanted.input.role == Role::Features
}

/// The numbers in a row: as many as in the first list.
fn width(wanted: &[Wanted<'_>]) -> usize {
    let rows = || wanted.iter().filter(|wanted| wanted.lies != Lies::Single);
    let lengths = rows().filter_map(|wanted| Some(wanted.text?.split(',').count()));
    let given = lengths.into_iter().find(|length| *length > 1);
    given.unwrap_or(if rows().any(is_vector) { 2 } else { 3 })
}
