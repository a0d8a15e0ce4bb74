//! The facts of a loss: names, inputs, reductions.

mod choices;
mod documentation;
mod options;
mod sample;
mod setting;
mod typed;
mod whole;

pub(crate) use choices::choices;
pub(crate) use documentation::documentation;
pub use options::{Options, Parameter};
pub use sample::{Sample, SampleNumbers};
pub(crate) use setting::check_held;
pub use setting::{Choice, Setting};
pub use typed::{FromNamed, Named, Names, Typed};
pub(crate) use typed::{give, given};
pub use whole::Whole;

use crate::error::{Error, Result};
use crate::reduction::Reduction;
use std::fmt;

/// The facts of a loss that do not depend on its options.
#[derive(Debug)]
#[non_exhaustive]
pub struct Definition {
    /// PyTorch's functional name, such as `huber_loss`.
    pub name: &'static str,
    /// Other names it is known by.
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub summary: &'static str,
    /// The formula, in plain text.
    pub formula: &'static str,
    /// The inputs, in the order of the kernel's arguments.
    pub inputs: &'static [Input],
    /// The names of the inputs, of the options and `reduction` as PyTorch's function takes them in
    /// Python: those behind a `*` by their names only, among them what PyTorch has not.
    pub arguments: &'static [&'static str],
    /// The reductions it knows, its default first.
    pub reductions: &'static [Reduction],
    /// Whether `mean` divides by the sum of the weights of the kept terms instead of their number.
    pub weighted_mean: bool,
    /// The loss's own WGSL.
    pub shader: Shader,
}

/// A loss's own WGSL.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Shader {
    /// The text.
    pub text: &'static str,
    /// What it calls of the kernels that it is joined with, besides `numeric.wgsl`.
    pub(crate) context: &'static [&'static str],
    /// Whether a parameter of 0 may be a constant of the kernels. Where it may be a divisor, a driver
    /// that knows it makes something else of what would be infinite.
    pub(crate) knows_zero: bool,
    /// The words that its kernels read from a buffer, `table_words`, in which a formula of tables finds them.
    pub(crate) table: &'static [u32],
}

impl Shader {
    pub(crate) const fn new(text: &'static str, context: &'static [&'static str]) -> Self {
        Self { text, context, knows_zero: true, table: &[] }
    }
}

impl Definition {
    /// The name and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The index of the input of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn input(&self, name: &str) -> Result<usize> {
        let known = || self.inputs.iter().map(|input| input.name);
        let place = known().position(|known| known == name);
        place.ok_or_else(|| Error::unknown_name("input", name, known()))
    }
}

/// One input of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// PyTorch's name.
    pub name: &'static str,
    /// What it holds.
    pub role: Role,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether there is a gradient with respect to it.
    pub differentiable: bool,
    /// The numbers for which the loss is meant.
    pub domain: Domain,
    /// What its integers are, where its role does not tell.
    whole: Option<Whole>,
    /// The lines of its documentation.
    about: &'static str,
}

/// The numbers that an input may hold; others give what the loss's documentation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Domain {
    /// Any number.
    Real,
    /// 0 to 1.
    Unit,
    /// 0 or more.
    NonNegative,
    /// 0 or less.
    NonPositive,
    /// 1 or -1.
    Sign,
    /// Vectors: the lowest corner of a box and behind it the highest one.
    Corners,
    /// 0 or 1, as a number or a flag. Others are refused where they are on the host.
    Binary,
}

/// What an input holds, and so which shapes it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Pointwise: elements that broadcast with the other such inputs.
    Elements,
    /// Pointwise: elements of exactly the first input's shape.
    Alike,
    /// Pointwise: elements that broadcast onto the first input's shape.
    Onto,
    /// Pointwise: a factor of each term, of the first input's shape.
    Weight,
    /// Pointwise: a factor of each term that broadcasts onto the first input's shape.
    WeightOnto,
    /// Pointwise: elements that broadcast onto the first input's shape, or of that shape without its
    /// last dimension, one for all along it.
    Variance,
    /// Pointwise: a vector of so many floats (2 to 4) for each term, along a last dimension behind the
    /// shape of the terms, which is exactly that of the first input.
    Vectors(u8),
    /// Pointwise: a vector of so many floats (2 to 4) along a last dimension; the shapes before it broadcast
    /// as those of elements do.
    ElementVectors(u8),
    /// Pointwise: whole numbers that i32 holds, of any integer type, which broadcast as elements do.
    Signed,
    /// Pointwise: whole numbers that u32 holds, of any integer type, which broadcast as elements do.
    Unsigned,
    /// Pointwise: true or false, booleans or integers of which 0 is false, which broadcast as elements do.
    Flags,
    /// Pointwise: what something is measured from, one number or elements of exactly the first input's
    /// shape; 0 where it is absent.
    Offset,
    /// Rows: `[C]`, `[N, C]` or `[N, C, d1...]`.
    Rows,
    /// Rows: as `Rows`, or `[C]` where another such input has more dimensions: the same numbers for all rows.
    RowsOrClasses,
    /// Rows: an integer class per row, `[]`, `[N]` or `[N, d1...]`.
    Index,
    /// Rows: an integer class per row, or a float for each class of each row.
    IndexOrRows,
    /// Rows: one number per class, `[C]`.
    Classes,
    /// Rows: `[C]` or `[N, C]`, or a single number as one class.
    Scores,
    /// Rows: `[..., D]`, reduced over the last dimension.
    Features,
    /// Rows: one number per row, or an integer or boolean.
    Labels,
    /// Rows: a factor per class, or for each class of each row.
    Factors,
    /// Rows: a factor for each class of each row.
    ItemFactors,
    /// Rows: for each class of each row whether it is there, 0 or 1 of any type.
    Mask,
    /// Rows: an integer per row of any size, which tells by one value that the row is ignored.
    Marks,
    /// Rows: classes that a list names for each row, `[..., k]`, each once.
    ListedClasses,
    /// Rows: a number for each class that a list names, `[..., k]`.
    Listed,
    /// Regions: `[N, C, d1, ...]`, a probability or logit for each class of each voxel. Their target is an
    /// `IndexOrRows`, their weight `Classes`.
    Regions,
    /// A loss of its own: floats in a shape that the loss checks.
    Own,
    /// A loss of its own: integers in a shape that the loss checks.
    OwnIntegers,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&snake_case(&format!("{self:?}")))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&snake_case(&format!("{self:?}")))
    }
}

/// `index_or_rows` for `IndexOrRows`.
fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(c.to_lowercase());
    }
    words
}

impl Role {
    /// Whether the skeleton multiplies each term by this input.
    pub(crate) fn is_weight(self) -> bool {
        matches!(self, Self::Weight | Self::WeightOnto)
    }

    /// How many numbers of this input there are for each of its elements: those of a vector.
    pub(crate) fn width(self) -> usize {
        if let Self::Vectors(width) | Self::ElementVectors(width) = self { width.into() } else { 1 }
    }

    /// What the integers of this input are, where the kernels of the pointwise family read them as they are.
    pub(crate) fn whole(self) -> Option<Whole> {
        match self {
            Self::Signed => Some(Whole::Signed),
            Self::Unsigned => Some(Whole::Unsigned),
            Self::Flags => Some(Whole::Flag),
            _ => None,
        }
    }

    /// What an input that is absent counts as: nothing where it is added, or else 1.
    pub(crate) fn absent(self) -> f32 {
        if self == Self::Offset { 0.0 } else { 1.0 }
    }
}

impl Input {
    /// An input that must be given and has a gradient.
    pub const fn new(name: &'static str, role: Role) -> Self {
        let domain = Domain::Real;
        Self { name, role, optional: false, differentiable: true, domain, whole: None, about: "" }
    }

    /// The same of integers or booleans that the loss takes as they are, if it does.
    pub(crate) const fn of_whole(mut self, whole: Option<Whole>) -> Self {
        self.whole = whole;
        self
    }

    /// What its integers are, where it has integers or booleans that the loss takes as they are.
    pub fn whole(&self) -> Option<Whole> {
        self.whole.or(self.role.whole())
    }

    /// The same, meant for these numbers only.
    pub const fn within(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }

    /// The same without a gradient.
    pub const fn constant(mut self) -> Self {
        self.differentiable = false;
        self
    }

    /// The same, but it may be absent; then it counts as its role says, mostly as 1.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The same with the lines of its documentation.
    pub(crate) const fn about(mut self, lines: &'static str) -> Self {
        self.about = lines;
        self
    }

    /// What it is, in Markdown; nothing for an input of a custom loss.
    pub fn documentation(&self) -> String {
        documentation(self.about)
    }
}
