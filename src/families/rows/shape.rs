//! Rows of classes or features.

use crate::definition::{Definition, Input, Role};
use crate::error::{Error, Result};
use crate::family::{Cut, Share};
use crate::layout::{self, Indices, Layout, Summed, divisor};
use crate::reduction::Reduction;
use crate::request::Resolved;
use crate::tensor::{TensorKind, elements};

/// The most inputs over the classes of each row but for the target, and with a number for each row.
pub(crate) const MOST_OVER: usize = 8;
pub(crate) const MOST_LABELS: usize = 8;

/// `classes` numbers a row, `inner` apart; row `n * inner + d` starts at `n * classes * inner + d`.
/// The inputs are given by their places in the definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RowShape {
    pub(crate) classes: u64,
    pub(crate) inner: u64,
    /// The inputs over the classes of each row, in order, but for the target.
    pub(crate) over: [Option<usize>; MOST_OVER],
    /// Which of these are the same for all rows.
    pub(crate) shared: [bool; MOST_OVER],
    pub(crate) target: Target,
    /// The numbers of each row.
    pub(crate) labels: [Option<usize>; MOST_LABELS],
    /// The integer of each row that marks it where it is the ignored one.
    pub(crate) marks: Option<usize>,
    /// Whether each class of each row is there; a row without any is ignored.
    pub(crate) mask: Option<usize>,
    /// What a list says of some classes of each row.
    pub(crate) list: Option<List>,
    pub(crate) weight: RowWeight,
}

/// A list for each row: classes, and a number for each of them. A formula sees the number as the second input at the
/// class and 1 as its target; at others both are 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct List {
    pub(crate) classes: usize,
    pub(crate) numbers: usize,
    /// How many classes a row's has.
    pub(crate) length: u64,
}

impl List {
    fn of(definition: &Definition, inputs: &[Option<TensorKind>]) -> Option<Self> {
        let place = |role| definition.inputs.iter().position(|input| input.role == role);
        let [classes, numbers] = [place(Role::ListedClasses)?, place(Role::Listed)?];
        let length = *inputs[classes].as_ref()?.shape.last()? as u64;
        Some(Self { classes, numbers, length })
    }

    pub(crate) fn has(&self, input: usize) -> bool {
        [self.classes, self.numbers].contains(&input)
    }
}

impl RowShape {
    pub(crate) fn of(resolved: &Resolved) -> Self {
        let rows = Rows::new(resolved.definition, &resolved.inputs);
        rows.expect("a request's shapes were checked").shape
    }

    /// The inputs over the classes of each row, but for the target.
    pub(crate) fn over(&self) -> impl Iterator<Item = usize> {
        self.over.into_iter().flatten()
    }

    /// Whether an input over classes is the same for all rows.
    pub(crate) fn is_shared(&self, input: usize) -> bool {
        self.over.iter().zip(self.shared).any(|(own, shared)| shared && *own == Some(input))
    }

    /// The target, where it is over the classes of each row.
    pub(crate) fn target_rows(&self) -> Option<usize> {
        if let Target::Rows(input) = self.target { Some(input) } else { None }
    }

    /// The class index of each row.
    pub(crate) fn index(&self) -> Option<usize> {
        if let Target::Index(input) = self.target { Some(input) } else { None }
    }

    /// The inputs with one number for each row.
    pub(crate) fn per_row(&self) -> impl Iterator<Item = usize> {
        self.labels.into_iter().flatten().chain(self.index()).chain(self.marks)
    }

    /// All inputs over the classes of each row that may have slopes.
    pub(crate) fn with_slopes(&self) -> impl Iterator<Item = usize> {
        self.over().chain(self.target_rows())
    }

    /// Whether rows may be left out of what a mean is of.
    fn leaves_out(&self) -> bool {
        self.index().or(self.marks).or(self.mask).is_some()
    }

    /// Where an input's slopes are among a row's.
    pub(crate) fn slopes(&self, input: usize) -> SlopesOf {
        if let Some(place) = self.labels.iter().position(|own| *own == Some(input)) {
            return SlopesOf::Row(place);
        }
        SlopesOf::Classes(match self.target_rows() {
            Some(target) if target == input => 3,
            _ => self.over().take_while(|&over| over != input).count(),
        })
    }
}

/// What slopes a row has by an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlopesOf {
    /// One for each class: by the input at this place, or by the target of a formula, which comes fourth.
    Classes(usize),
    /// One alone: by the number of the row at this place.
    Row(usize),
}

impl SlopesOf {
    /// How many there are in a row of so many classes.
    pub(super) fn count(self, classes: usize) -> usize {
        if let Self::Classes(_) = self { classes } else { 1 }
    }
}

/// What a row's classes are compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    None,
    /// An input with the class of each row: 1 there and 0 elsewhere.
    Index(usize),
    /// An input over the classes of each row.
    Rows(usize),
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

/// The input whose shape is that of the rows: the first one, or that with the most dimensions of those that may be the
/// same for all rows.
fn leading(definition: &Definition, inputs: &[Option<TensorKind>]) -> usize {
    let rank = |i: usize| inputs[i].as_ref().map_or(0, |kind| kind.shape.len());
    let may_lead = |i: &usize| definition.inputs[*i].role == Role::RowsOrClasses;
    // Of several the first.
    (0..inputs.len()).rev().filter(may_lead).max_by_key(|&i| rank(i)).unwrap_or(0)
}

/// The batch dimensions before the classes, the classes, and the dimensions after them.
fn split_rows(input: &Input, first: &[usize]) -> Result<(Vec<usize>, usize, Vec<usize>)> {
    let (before, classes, after) = match (input.role, first) {
        (Role::Features, [before @ .., last]) => (before, *last, &[][..]),
        (Role::Scores, []) => (&[][..], 1, &[][..]),
        (Role::Rows | Role::RowsOrClasses | Role::Scores, [classes]) => {
            (&[][..], *classes, &[][..])
        }
        (Role::Scores, [_, classes]) => (&first[..1], *classes, &[][..]),
        (Role::Rows | Role::RowsOrClasses, [_, classes, after @ ..]) => {
            (&first[..1], *classes, after)
        }
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

/// The rows, and the shape of their losses.
struct Rows {
    /// The input whose shape is that of the rows.
    leading: usize,
    output: Vec<usize>,
    shape: RowShape,
}

impl Rows {
    fn new(definition: &Definition, inputs: &[Option<TensorKind>]) -> Result<Self> {
        let leading = leading(definition, inputs);
        let first = inputs[leading].as_ref().map_or(&[][..], |kind| &kind.shape);
        let (before, classes, after) = split_rows(&definition.inputs[leading], first)?;
        let output = [&before[..], &after].concat();
        let inner = elements(&after).unwrap_or(u64::MAX);
        let mut shape = RowShape {
            classes: classes as u64,
            inner,
            over: [None; MOST_OVER],
            shared: [false; MOST_OVER],
            target: Target::None,
            labels: [None; MOST_LABELS],
            marks: None,
            mask: None,
            list: List::of(definition, inputs),
            weight: RowWeight::One,
        };
        let mut places = shape.over.iter_mut().zip(&mut shape.shared);
        for (i, input) in definition.inputs.iter().enumerate() {
            let Some(kind) = &inputs[i] else { continue };
            let per_row = format!("{output:?}, the shape of the rows");
            let alone = output.is_empty() && definition.inputs[0].role == Role::Scores;
            let (fits, expected) = match input.role {
                Role::Index | Role::IndexOrRows if !kind.dtype.is_float() => {
                    shape.target = Target::Index(i);
                    // PyTorch takes one class for one row with or without a dimension.
                    (kind.shape == output || (alone && kind.shape == [1]), per_row)
                }
                Role::Labels => {
                    if let Some(place) = shape.labels.iter_mut().find(|own| own.is_none()) {
                        *place = Some(i);
                    }
                    (kind.shape == output, per_row)
                }
                Role::Marks => {
                    shape.marks = Some(i);
                    (kind.shape == output, per_row)
                }
                Role::Mask => {
                    shape.mask = Some(i);
                    (kind.shape == first, format!("{first:?}, the input's shape"))
                }
                Role::ListedClasses | Role::Listed => {
                    let length = match input.role {
                        Role::Listed => shape.list.map_or(0, |list| list.length),
                        _ => kind.shape.last().map_or(0, |&length| length as u64),
                    };
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    let expected = [&output[..], &[length]].concat();
                    let fits = kind.shape == expected && (1..=classes).contains(&length);
                    let own = [&output[..], &[length.clamp(1, classes)]].concat();
                    (fits, format!("{own:?}, a list of 1 to {classes} classes for each row"))
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
                Role::ItemFactors => {
                    shape.weight = RowWeight::Rows(i);
                    (kind.shape == first, format!("{first:?}, the input's shape"))
                }
                Role::IndexOrRows => {
                    shape.target = Target::Rows(i);
                    let expected = format!("{first:?}, the input's shape, for probabilities");
                    (kind.shape == first, expected)
                }
                _ => {
                    let may_share = input.role == Role::RowsOrClasses && first.len() > 1;
                    let is_shared = may_share && kind.shape == [classes];
                    if let Some((place, shared)) = places.next() {
                        (*place, *shared) = (Some(i), is_shared);
                    }
                    let name = definition.inputs[leading].name;
                    let expected = match input.role {
                        Role::RowsOrClasses if may_share => {
                            format!("{first:?}, the shape of {name}, or [{classes}] for all rows")
                        }
                        Role::RowsOrClasses => format!("{first:?}, the shape of {name}"),
                        _ => format!("{first:?}, the input's shape"),
                    };
                    (is_shared || kind.shape == first, expected)
                }
            };
            if !fits {
                return Err(Error::shape(input.name, &kind.shape, expected));
            }
        }
        Ok(Self { leading, output, shape })
    }
}

pub(super) fn layout(
    definition: &Definition,
    ignored: Option<i64>,
    longest: Option<(u64, &'static str)>,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<Layout> {
    let Rows { leading, output, shape } = Rows::new(definition, inputs)?;
    let classes = shape.classes;
    if let Some((limit, name)) = longest.filter(|(limit, _)| classes > *limit) {
        let argument = definition.inputs[0].name.into();
        return Err(Error::Limit { argument, got: classes, unit: "classes", limit, name });
    }
    let of = |once| move |input| Indices { input, classes, excluded: None, once };
    let listed = shape.list.map(|list| list.classes).map(of(true));
    let indices = shape.index().map(of(false)).or(listed);
    let takes_marks = definition.inputs.iter().any(|input| input.role == Role::Marks);
    check_ignore_index(ignored, shape.index().is_some() || takes_marks)?;
    let terms = elements(&output).unwrap_or(u64::MAX);
    let weights = match shape.leaves_out() && definition.weighted_mean {
        true => layout::Weights::Kept,
        false => layout::Weights::None,
    };
    let first = inputs[leading].as_ref().map_or(&[][..], |kind| &kind.shape);
    let divisor = divisor(reduction, terms, weights, first);
    Ok(Layout { output, terms, divisor, weights, indices, summed: Summed::Terms })
}

/// Refuses the gradient by an input that is the same for all rows.
pub(super) fn check_gradient(
    definition: &Definition,
    inputs: &[Option<TensorKind>],
    input: usize,
) -> Result<()> {
    let Rows { leading, shape, .. } = Rows::new(definition, inputs)?;
    let (Some(kind), Some(rows)) = (&inputs[input], &inputs[leading]) else { return Ok(()) };
    if !shape.is_shared(input) {
        return Ok(());
    }
    let name = definition.inputs[input].name;
    let got = format!("{name} of {:?} for all rows", kind.shape);
    let expected =
        format!("{name} of {:?}, the shape of {}", rows.shape, definition.inputs[leading].name);
    Err(Error::argument(&format!("gradient {name}"), got, expected))
}

/// How a batch is cut along its items.
pub(super) fn cut(resolved: &Resolved) -> Option<Cut> {
    let shape = RowShape::of(resolved);
    let [classes, inner] =
        [usize::try_from(shape.classes).ok()?, usize::try_from(shape.inner).ok()?];
    let terms = if inner == 1 { Vec::new() } else { vec![inner] };
    let over = [&[classes], &terms[..]].concat();
    let part = |(i, kind): (usize, &Option<TensorKind>)| {
        let by_class = shape.weight == RowWeight::Rows(i) || shape.mask == Some(i);
        let over_rows = shape.with_slopes().any(|over| over == i) && !shape.is_shared(i);
        if over_rows || by_class {
            Share::Unit(over.clone())
        } else if let Some(list) = shape.list.filter(|list| list.has(i)) {
            Share::Unit(vec![usize::try_from(list.length).unwrap_or(usize::MAX)])
        } else if shape.per_row().any(|own| own == i) {
            Share::Unit(terms.clone())
        } else {
            Share::All(kind.as_ref().map_or(Vec::new(), |kind| kind.shape.clone()))
        }
    };
    let units = resolved.inputs.iter().enumerate().map(part).collect();
    Some(Cut { inputs: units, terms, step: 1 })
}

/// The kernels compare class indices as 32-bit integers, of which the lowest stands for any that
/// does not fit.
pub(crate) fn check_ignore_index(ignored: Option<i64>, index: bool) -> Result<()> {
    let Some(ignored) = ignored else { return Ok(()) };
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
