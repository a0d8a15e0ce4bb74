//! The inputs of a loss of elements or rows: their roles say how they lie, and each point is a term.

use super::super::form::{self, Lies};
use super::super::numbers::{self, Numbers};
use super::{Held, Wanted};
use crate::error::Result;
use wgloss::Loss;
use wgloss::definition::{Domain, Role, Whole};

/// An input, and how it lies.
pub(super) struct Lying<'a> {
    wanted: &'a Wanted<'a>,
    lies: Lies,
    integers: bool,
    /// How it lies if it varies.
    varied: Lies,
    /// Whether it is the first, which is predicted.
    predicted: bool,
}

/// All inputs; `None` where the loss alone knows how one lies.
pub(super) fn lying<'a>(loss: &dyn Loss, wanted: &'a [Wanted<'a>]) -> Option<Vec<Lying<'a>>> {
    let lying = |(i, wanted): (usize, &'a Wanted<'a>)| {
        let role = wanted.input.role;
        let (lies, integers) = form::lies(loss, role, wanted.is_list())?;
        let integers = integers || wanted.input.whole().is_some();
        let (varied, _) = form::lies(loss, role, true)?;
        Some(Lying { wanted, lies, integers, varied, predicted: i == 0 })
    };
    wanted.iter().enumerate().map(lying).collect()
}

/// The same with their numbers.
pub(super) fn held(all: &[Lying<'_>]) -> Result<Vec<Held>> {
    let width = width(all);
    let stays = |lying: &Lying<'_>| lying.is_vector() && !lying.wanted.varies;
    let last = all.iter().rposition(stays);
    all.iter().enumerate().map(|(i, lying)| lying.held(width, last == Some(i))).collect()
}

/// The numbers in a row: as many as in the first list.
fn width(all: &[Lying<'_>]) -> usize {
    let rows = || all.iter().filter(|lying| lying.wanted.present && lying.lies != Lies::Single);
    let lengths = rows().filter_map(|lying| Some(lying.wanted.text?.split(',').count()));
    let given = lengths.into_iter().find(|length| *length > 1);
    given.unwrap_or(if rows().any(Lying::is_vector) { 2 } else { 3 })
}

/// The shape of a point.
fn shape(lies: Lies, width: usize) -> Vec<usize> {
    if lies == Lies::Single { Vec::new() } else { vec![width] }
}

impl Lying<'_> {
    fn is_vector(&self) -> bool {
        self.wanted.input.role == Role::Features
    }

    /// `last` is the last of the vectors that stay.
    fn held(&self, width: usize, last: bool) -> Result<Held> {
        let &Wanted { input, present, text, .. } = self.wanted;
        // A vector of elements has a length of its own.
        let width = match input.role {
            Role::ElementVectors(size) => size.into(),
            _ => width,
        };
        let shape = shape(self.lies, width);
        let numbers = match text {
            Some(text) if self.integers => numbers::integers(input.name, text, &shape)?,
            Some(text) => numbers::floats(input.name, text, &shape)?,
            None => self.usual(shape.iter().product(), last),
        };
        let largest = i64::try_from(width).unwrap_or(i64::MAX).saturating_sub(1);
        let least = if shape.is_empty() { 0 } else { -1 };
        let within = match input.whole() {
            Some(Whole::Signed) => [-10, 10],
            Some(Whole::Unsigned) => [0, 10],
            Some(Whole::Flag) => [0, 1],
            _ => [least, largest],
        };
        Ok(Held {
            input,
            present,
            given: text.is_some(),
            numbers,
            each: self.lies != Lies::Shared,
            within: self.integers.then_some(within),
            logits: false,
            varied: self::shape(self.varied, width),
            shape,
        })
    }

    /// The numbers of an input that was not given.
    fn usual(&self, count: usize, last: bool) -> Numbers {
        if self.integers {
            // Class 0, and of a list of classes no other: a negative number ends it.
            let other = if self.wanted.input.whole().is_some() { 0 } else { -1 };
            let mut row = vec![other; count];
            row[0] = 0;
            return Numbers::Integers(row);
        }
        let number = match (self.lies, self.wanted.input.domain) {
            // Beside zeros a number alone would have the cosines 1 and -1 only.
            (Lies::Rows, _) if self.is_vector() && self.wanted.varies => 1.0,
            (Lies::Rows, _) => 0.0,
            (_, Domain::Real) => 0.0,
            (_, Domain::Unit) if self.predicted => 0.5,
            (_, Domain::NonPositive) => -1.0,
            _ => 1.0,
        };
        let mut row = vec![number; count];
        if last {
            // Two vectors of zeros would have no cosine, and no distance to compare with.
            row[0] = 1.0;
        }
        Numbers::Floats(row)
    }
}
