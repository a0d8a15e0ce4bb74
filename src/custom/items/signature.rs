//! What the functions of a loss over rows are called with, and what they give.

use super::numbers::{By, Number, Step};
use crate::custom::repeats::Loops;
use crate::custom::signature::{self, Kind, Parameter};
use crate::families::rows::kernel::DerivedRow;
use naga::{Function, Handle, Span, Type};

/// The struct by which a text is known to be a loss over rows.
pub(in crate::custom) const ITEM: &str = "Item";

/// The most maxima.
pub(in crate::custom) const MOST_PEAKS: usize = 4;

/// The most running sums.
pub(in crate::custom) const MOST_RUNNING: usize = 4;

/// The most numbers of all sums of a row together, and of all running sums, with those that slopes need.
pub(in crate::custom) const MOST_SUMS: usize = 16;

/// Where a member's number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::custom) enum From {
    /// An input.
    Input,
    /// The class's number.
    Index,
    /// The input that is the target class's number.
    Target,
    /// The number of classes.
    Classes,
}

/// A member of `Item` or `Row`.
#[derive(Clone, Debug)]
pub(in crate::custom) struct Member {
    /// As the user wrote it.
    pub(in crate::custom) name: String,
    pub(in crate::custom) kind: Kind,
    pub(in crate::custom) from: From,
}

/// `Item` or `Row`.
#[derive(Clone, Debug)]
pub(in crate::custom) struct Struct {
    pub(in crate::custom) ty: Handle<Type>,
    pub(in crate::custom) members: Vec<Member>,
}

/// An argument of one of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::custom) enum Argument {
    Item,
    Picked,
    Row,
    Shifts,
    Peaks,
    Sums,
    RunningSums,
    SecondSums,
    Parameters,
}

/// One of the functions.
#[derive(Clone, Debug)]
pub(in crate::custom) struct Called {
    pub(in crate::custom) name: &'static str,
    pub(in crate::custom) function: Handle<Function>,
    pub(in crate::custom) arguments: Vec<Argument>,
    /// What it gives, and how each number of that is written behind it.
    pub(in crate::custom) result: Handle<Type>,
    pub(in crate::custom) leaves: Vec<String>,
    /// Where it is declared.
    pub(in crate::custom) span: Span,
    /// Its loops, if it has any.
    pub(in crate::custom) loops: Option<Loops>,
}

/// What a loss over rows is made of.
#[derive(Clone, Debug)]
pub(in crate::custom) struct Signature {
    pub(in crate::custom) item: Struct,
    pub(in crate::custom) row: Option<Struct>,
    pub(in crate::custom) shifts: Option<Called>,
    pub(in crate::custom) peaks: Option<Called>,
    pub(in crate::custom) sums: Option<Called>,
    pub(in crate::custom) running_sums: Option<Called>,
    pub(in crate::custom) second_sums: Option<Called>,
    pub(in crate::custom) value: Called,
    pub(in crate::custom) parameters: Vec<Parameter>,
    pub(in crate::custom) parameters_type: Option<Handle<Type>>,
}

impl Signature {
    /// The numbers that slopes are by.
    pub(in crate::custom) fn numbers(&self) -> Vec<signature::Argument> {
        let named = |by: By| signature::Argument { name: by.name(self), kind: Kind::Float };
        self.directions().into_iter().map(named).collect()
    }

    /// The directions, as bits, in which an argument of a function has slopes of itself.
    pub(in crate::custom) fn directions_of(
        &self,
        function: Handle<Function>,
        argument: usize,
    ) -> u64 {
        let called = self.all().find(|own| own.function == function);
        let Some(argument) = called.and_then(|own| own.arguments.get(argument)) else { return 0 };
        let is_of = |by: &By| match by {
            By::Item(_) => *argument == Argument::Item,
            By::Picked(_) => *argument == Argument::Picked,
            By::Row(_) => *argument == Argument::Row,
            By::Peak(_) => *argument == Argument::Peaks,
            By::Sum(_) => *argument == Argument::Sums,
            By::RunningSum(_) => *argument == Argument::RunningSums,
            By::SecondSum(_) => *argument == Argument::SecondSums,
        };
        let all = self.directions().into_iter().enumerate();
        all.filter(|(_, by)| is_of(by)).map(|(k, _)| 1 << k).sum()
    }

    /// Which of an argument's scalars a direction is that of.
    pub(in crate::custom) fn place_along(&self, direction: usize) -> usize {
        match self.directions()[direction] {
            By::Item(i)
            | By::Picked(i)
            | By::Row(i)
            | By::Peak(i)
            | By::Sum(i)
            | By::RunningSum(i)
            | By::SecondSum(i) => i,
        }
    }

    /// The function whose gradient it all is.
    pub(in crate::custom) fn value(&self) -> Handle<Function> {
        self.value.function
    }

    pub(in crate::custom) fn row_members(&self) -> &[Member] {
        self.row.as_ref().map_or(&[], |row| &row.members)
    }

    /// The place among the inputs over classes of a member of `Item`; `None` is the class's number.
    pub(in crate::custom) fn place(&self, member: usize) -> Option<usize> {
        let members = &self.item.members;
        let is_input = |member: usize| members[member].from == From::Input;
        is_input(member).then(|| (0..member).filter(|&own| is_input(own)).count())
    }

    /// Where a member of `Row` comes from, and its place among the rows' numbers.
    pub(in crate::custom) fn label(&self, member: usize) -> (From, usize) {
        let members = self.row_members();
        let before = members[..member].iter().filter(|own| own.from == From::Input).count();
        (members[member].from, before)
    }

    /// The function of a name.
    pub(in crate::custom) fn called(&self, name: &str) -> Option<&Called> {
        self.all().find(|own| own.name == name)
    }

    /// How many numbers a function gives.
    pub(in crate::custom) fn count(of: &Option<Called>) -> usize {
        of.as_ref().map_or(0, |called| called.leaves.len())
    }

    /// All that slopes are by.
    pub(in crate::custom) fn directions(&self) -> Vec<By> {
        let sums = (0..Self::count(&self.sums)).map(By::Sum);
        let running = (0..Self::count(&self.running_sums)).map(By::RunningSum);
        let second = (0..Self::count(&self.second_sums)).map(By::SecondSum);
        let peaks = (0..Self::count(&self.peaks)).map(By::Peak);
        let of_row = floats(self.row_members()).map(By::Row);
        let of_item = || floats(&self.item.members);
        let of_items = of_item().map(By::Item).chain(of_item().map(By::Picked));
        of_items.chain(of_row).chain(peaks).chain(sums).chain(running).chain(second).collect()
    }

    /// What kernels see of a row.
    pub(in crate::custom) fn derived_row(&self) -> DerivedRow {
        let of = |members: &[Member]| members.iter().filter(|own| own.from == From::Input).count();
        let all = || self.item.members.iter().chain(self.row_members());
        let is_whole = |own: &Member| own.from == From::Input && !own.kind.is_float();
        DerivedRow {
            has_words: all().any(is_whole),
            has_many: of(&self.item.members).max(of(self.row_members())) > 4,
        }
    }

    /// Whether a parameter is no array, so that functions are given them.
    pub(in crate::custom) fn passes_parameters(&self) -> bool {
        self.parameters.iter().any(|own| own.count.is_none())
    }
}

impl Signature {
    /// The numbers of an argument.
    pub(in crate::custom) fn of(&self, argument: Argument) -> Vec<Number> {
        let item = 0..self.item.members.len();
        match argument {
            Argument::Item => item.map(By::Item).map(Number::Of).collect(),
            Argument::Picked => item.map(By::Picked).map(Number::Of).collect(),
            Argument::Row => (0..self.row_members().len()).map(By::Row).map(Number::Of).collect(),
            Argument::Shifts => (0..Self::count(&self.shifts)).map(Number::Shift).collect(),
            Argument::Peaks => {
                (0..Self::count(&self.peaks)).map(By::Peak).map(Number::Of).collect()
            }
            Argument::Sums => (0..Self::count(&self.sums)).map(By::Sum).map(Number::Of).collect(),
            Argument::RunningSums => {
                let all = 0..Self::count(&self.running_sums);
                all.map(By::RunningSum).map(Number::Of).collect()
            }
            Argument::SecondSums => {
                let all = 0..Self::count(&self.second_sums);
                all.map(By::SecondSum).map(Number::Of).collect()
            }
            Argument::Parameters => Vec::new(),
        }
    }

    /// What a number is in the functions.
    pub(in crate::custom) fn kind(&self, number: Number) -> Kind {
        match number {
            Number::Of(By::Item(i) | By::Picked(i)) => self.item.members[i].kind,
            Number::Of(By::Row(i)) => self.row_members()[i].kind,
            Number::IsPicked => Kind::Flag,
            Number::Rounds => Kind::Unsigned,
            _ => Kind::Float,
        }
    }

    /// The declaration of a number as an argument.
    pub(in crate::custom) fn declared(&self, number: Number) -> String {
        format!("{}: {}", number.name(self), self.kind(number).written())
    }

    /// Whether a function loops.
    pub(in crate::custom) fn loops(&self) -> bool {
        self.all().any(|own| own.loops.is_some())
    }

    /// The functions that the user declares.
    pub(in crate::custom) fn all(&self) -> impl Iterator<Item = &Called> {
        let Self { shifts, peaks, sums, running_sums, second_sums, .. } = self;
        let all = [shifts, peaks, sums, running_sums, second_sums];
        all.into_iter().flatten().chain([&self.value])
    }
}

/// Which of some members are floats.
fn floats(members: &[Member]) -> impl Iterator<Item = usize> {
    members.iter().enumerate().filter(|(_, own)| own.kind.is_float()).map(|(i, _)| i)
}

impl By {
    pub(in crate::custom) fn name(self, signature: &Signature) -> String {
        match self {
            Self::Item(i) => format!("item_{}", signature.item.members[i].name),
            Self::Picked(i) => format!("picked_{}", signature.item.members[i].name),
            Self::Row(i) => format!("row_{}", signature.row_members()[i].name),
            Self::Peak(i) => format!("peak_{i}"),
            Self::Sum(i) => format!("sum_{i}"),
            Self::RunningSum(i) => format!("running_sum_{i}"),
            Self::SecondSum(i) => format!("second_sum_{i}"),
        }
    }
}

impl Number {
    pub(in crate::custom) fn name(self, signature: &Signature) -> String {
        match self {
            Self::Of(by) => by.name(signature),
            Self::IsPicked => "is_picked".into(),
            Self::Shift(i) => format!("shift_{i}"),
            Self::SumBy(i, by) => format!("sum_{i}_by_{}", by.name(signature)),
            Self::RunningSumBy(i, by) => format!("running_sum_{i}_by_{}", by.name(signature)),
            Self::Later(i) => format!("later_{i}"),
            Self::SecondSumBy(i, by) => format!("second_sum_{i}_by_{}", by.name(signature)),
            Self::Ties(i) => format!("ties_{i}"),
            Self::TiesBy(i, by) => format!("ties_{i}_by_{}", by.name(signature)),
            Self::Known(by) => format!("by_{}", by.name(signature)),
            Self::Rounds => "rounds".into(),
            Self::GivenUp(Step::Peaks) => "peaks_given_up".into(),
            Self::GivenUp(Step::Sums) => "sums_given_up".into(),
            Self::GivenUp(Step::SecondSums) => "second_sums_given_up".into(),
            Self::GivenUp(Step::Row) => "given_up".into(),
        }
    }
}
