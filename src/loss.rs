//! What a loss says of itself: its names, inputs, options, mathematics and kernel.

use crate::cpu;
use crate::error::{Error, Result, listed};
use crate::plan::{Builder, Resolved};
use crate::reduction::Reduction;
use crate::reference;
use crate::shape::Layout;
use crate::tensor::{Tensor, TensorKind};
use std::fmt::Debug;

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
    /// The reductions it knows, its default first.
    pub reductions: &'static [Reduction],
    /// Whether `mean` divides by the sum of the weights of the kept terms instead of their number.
    pub weighted_mean: bool,
    /// The loss's own WGSL.
    pub shader: &'static str,
}

impl Definition {
    /// The index of the input of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn input(&self, name: &str) -> Result<usize> {
        self.inputs.iter().position(|input| input.name == name).ok_or_else(|| Error::UnknownName {
            what: "input",
            name: name.into(),
            known: listed(self.inputs.iter().map(|input| input.name)),
        })
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
    /// 1 or -1.
    Sign,
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
    /// Pointwise: elements of the first input's shape, of it with the last dimension 1 or left out,
    /// or one for all.
    Variance,
    /// Rows: `[C]`, `[N, C]` or `[N, C, d1...]`.
    Rows,
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
    /// Rows: one number per row.
    Labels,
    /// Rows: a factor per class, or for each class of each row.
    Factors,
    /// A loss of its own: floats in a shape that the loss checks.
    Own,
    /// A loss of its own: integers in a shape that the loss checks.
    OwnIntegers,
}

impl Role {
    /// Whether the skeleton multiplies each term by this input.
    pub(crate) fn is_weight(self) -> bool {
        matches!(self, Self::Weight | Self::WeightOnto)
    }
}

impl Input {
    /// An input that must be given and has a gradient.
    pub const fn new(name: &'static str, role: Role) -> Self {
        Self { name, role, optional: false, differentiable: true, domain: Domain::Real }
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

    /// The same, but it may be absent; then it counts as 1.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// An option of a loss, open to be read and set by name.
#[derive(Debug)]
#[non_exhaustive]
pub enum Setting<'a> {
    /// A number.
    Number(&'a mut f32),
    /// A whole number.
    Integer(&'a mut i64),
    /// True or false.
    Flag(&'a mut bool),
}

impl Setting<'_> {
    /// The value, as text.
    pub fn value(&self) -> String {
        match self {
            Self::Number(x) => x.to_string(),
            Self::Integer(x) => x.to_string(),
            Self::Flag(x) => x.to_string(),
        }
    }

    /// Sets the value from text.
    ///
    /// # Errors
    /// If the text is no such value; `name` is the argument's name in the message.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let bad = |expected: &str| Error::argument(name, text, expected);
        match self {
            Self::Number(x) => **x = text.parse().map_err(|_| bad("a number"))?,
            Self::Integer(x) => **x = text.parse().map_err(|_| bad("a whole number"))?,
            Self::Flag(x) => {
                **x = match text {
                    "true" | "True" => true,
                    "false" | "False" => false,
                    _ => return Err(bad("true or false")),
                }
            }
        }
        Ok(())
    }
}

/// A loss with its options set.
pub trait Loss: Debug + Send + Sync {
    /// The facts that do not depend on the options.
    fn definition(&self) -> &'static Definition;

    /// The options by PyTorch's names, to list and to set.
    fn options(&mut self) -> Vec<(&'static str, Setting<'_>)> {
        Vec::new()
    }

    /// Checks the options.
    ///
    /// # Errors
    /// If one is outside its range.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// The words of the shader's `Parameters`, in its order; empty where it has none.
    fn parameters(&self) -> Vec<u32> {
        Vec::new()
    }

    /// The target that marks a row as ignored.
    fn ignore_index(&self) -> Option<i64> {
        None
    }

    /// The family, with the loss's mathematics on the CPU.
    fn family(&self) -> Family<'_>;
}

/// The families of kernels; each has one skeleton.
#[derive(Debug)]
#[non_exhaustive]
pub enum Family<'a> {
    /// Each element for itself.
    Pointwise(&'a dyn Pointwise),
    /// A class or feature axis reduced per row.
    Rows(&'a dyn Rows),
    /// A loss with a layout and kernels of its own.
    Own(&'a dyn Own),
}

/// A pointwise loss on the CPU. Arguments are in the order of the definition's inputs without the
/// weight, an absent one is 1, and places past the last are unused.
pub trait Pointwise: Debug + Send + Sync {
    /// The textbook value and derivatives in float64: what tests compare with.
    fn reference(&self, x: [f64; 4]) -> (f64, [f64; 4]);

    /// The value in float32.
    fn value(&self, x: [f32; 4]) -> f32;

    /// The derivative with respect to each argument in float32.
    fn gradient(&self, x: [f32; 4]) -> [f32; 4];

    /// Runs one block of the CPU backend. Not to be overridden: it is a default method so that
    /// each loss has its own loop, with `value` and `gradient` inlined.
    fn run(&self, block: &mut cpu::Block<'_>) {
        cpu::run_block(self, block);
    }
}

/// A loss over rows on the CPU, implemented by what implements [`RowTerms`].
pub trait Rows: Debug + Send + Sync {
    /// The textbook value and derivatives of one row in float64: what tests compare with.
    fn reference(&self, row: &reference::Row<'_>) -> reference::RowLoss;

    /// Runs one row of the CPU backend.
    fn run(&self, task: &mut cpu::RowTask<'_>);
}

/// What a loss gathers from a row in one pass each for maxima and sums, and what follows from it.
/// The kernels have the same functions.
pub trait RowTerms: Debug + Send + Sync {
    /// The maxima of a row: so many numbers.
    type Peaks: cpu::Gathered;
    /// The sums over a row: so many numbers.
    type Sums: cpu::Gathered;

    /// The textbook value and derivatives of one row in float64.
    fn reference(&self, row: &reference::Row<'_>) -> reference::RowLoss;

    /// What the row's maxima are taken of.
    fn peaks(&self, item: cpu::Item) -> Self::Peaks;

    /// What is summed over the row.
    fn sums(&self, item: cpu::Item, row: &cpu::Row, peaks: Self::Peaks) -> Self::Sums;

    /// The row's loss.
    fn value(&self, row: &cpu::Row, peaks: Self::Peaks, sums: Self::Sums) -> f32;

    /// The derivatives with respect to the item's first, second and third member.
    fn gradient(
        &self,
        item: cpu::Item,
        row: &cpu::Row,
        peaks: Self::Peaks,
        sums: Self::Sums,
    ) -> [f32; 3];
}

impl<L: RowTerms> Rows for L {
    fn reference(&self, row: &reference::Row<'_>) -> reference::RowLoss {
        RowTerms::reference(self, row)
    }

    fn run(&self, task: &mut cpu::RowTask<'_>) {
        cpu::run_row(self, task);
    }
}

/// A loss that fits no family: it lays out its inputs, plans its dispatches and computes on the CPU
/// itself. The types that it works with are the crate's own, so that only its losses are such.
pub trait Own: Debug + Send + Sync {
    /// Checks the shapes and lays the inputs out.
    ///
    /// # Errors
    /// If they do not fit.
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout>;

    /// Small inputs that fit together, in the definition's order: what is planned to show the
    /// kernels.
    fn example(&self) -> Vec<TensorKind>;

    /// The value between 0 and the last class that is no class index.
    fn excluded(&self) -> Option<i64> {
        None
    }

    /// Checks what only the data tell, where they are on the host.
    ///
    /// # Errors
    /// If they do not fit.
    fn check(&self, _resolved: &Resolved, _inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        Ok(())
    }

    /// Adds the dispatches.
    ///
    /// # Errors
    /// If a size is past the device's limits.
    fn plan(&self, builder: &mut Builder<'_>) -> Result<()>;

    /// The outputs of the CPU backend, in the order of the resolved request's.
    ///
    /// # Errors
    /// If a class index is outside its range.
    fn evaluate(
        &self,
        resolved: &Resolved,
        inputs: &[Option<&Tensor<'_>>],
        upstream: Option<&[f32]>,
    ) -> Result<Vec<Vec<f32>>>;

    /// The textbook terms and derivatives in float64: what tests compare with.
    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> reference::Terms;
}
