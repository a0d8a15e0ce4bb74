//! Some rows as a task of the CPU has read them.

use super::shape::{MOST_LABELS, MOST_OVER};

/// What a task reads its rows into, where they do not lie as it needs them.
#[derive(Default)]
pub(super) struct Rooms {
    pub(super) inputs: [Vec<f32>; MOST_OVER],
    pub(super) target: Vec<f32>,
    pub(super) weight: Vec<f32>,
    pub(super) labels: [Vec<f32>; MOST_LABELS],
    pub(super) indices: Vec<Option<usize>>,
    pub(super) kept: Vec<bool>,
    pub(super) mask: Vec<f32>,
    pub(super) listed: Vec<i64>,
    /// Three inputs, the target and the weights without what the mask leaves out.
    pub(super) masked: [Vec<f32>; 5],
}

/// Some rows: what is absent is empty.
pub(super) struct Rows<'a> {
    pub(super) first: usize,
    pub(super) inputs: [&'a [f32]; MOST_OVER],
    pub(super) target: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) labels: [&'a [f32]; MOST_LABELS],
    pub(super) indices: Option<&'a [Option<usize>]>,
    pub(super) kept: Option<&'a [bool]>,
    pub(super) mask: &'a [f32],
    /// The classes that lists name.
    pub(super) listed: &'a [i64],
}

impl<'a> Rows<'a> {
    /// The same without the items that the mask leaves out: a first input of -inf is a class that does not
    /// exist, and all else there counts as 0.
    pub(super) fn masked(self, rooms: &'a mut [Vec<f32>; 5]) -> Self {
        let Self { mut inputs, target, weight, mask, .. } = self;
        let [a, b, c, d, e] = rooms;
        let zeros = |numbers, room| without(numbers, mask, 0.0, room);
        inputs[0] = without(inputs[0], mask, f32::NEG_INFINITY, a);
        (inputs[1], inputs[2]) = (zeros(inputs[1], b), zeros(inputs[2], c));
        Self { inputs, target: zeros(target, d), weight: zeros(weight, e), ..self }
    }

    /// The inputs that a formula may have.
    pub(super) fn of_formula(&self) -> [&'a [f32]; 3] {
        let [first, second, third, ..] = self.inputs;
        [first, second, third]
    }

    /// Whether a row is to be computed.
    pub(super) fn is_kept(&self, row: usize) -> bool {
        self.kept.is_none_or(|kept| kept[row])
    }
}

/// The numbers with others in place of those that a mask leaves out.
fn without<'a>(numbers: &[f32], mask: &[f32], other: f32, room: &'a mut Vec<f32>) -> &'a [f32] {
    room.clear();
    room.extend(numbers.iter().zip(mask).map(|(&x, &flag)| if flag == 0.0 { other } else { x }));
    room
}
