//! Numbers that are gathered from a row side by side, so that the loops run on SIMD lanes.

/// The numbers side by side: enough that one addition need not wait for the one before, few enough
/// to stay in registers.
pub(crate) const ABREAST: usize = 32;

/// A number for each lane.
pub(crate) type Group = [f32; ABREAST];

pub(crate) const ZEROS: Group = [0.0; ABREAST];

/// How two numbers become one.
pub(crate) trait Join {
    /// The identity: a finite number that is joined with it stays what it is.
    const START: f32;

    /// Joins two numbers.
    fn join(a: f32, b: f32) -> f32;
}

/// The larger number; a second one that is NaN is passed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Larger;

/// The sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum;

impl Join for Larger {
    const START: f32 = f32::MIN;

    #[inline(always)]
    fn join(a: f32, b: f32) -> f32 {
        // One instruction, where `max` takes three.
        if b > a { b } else { a }
    }
}

impl Join for Sum {
    const START: f32 = 0.0;

    #[inline(always)]
    fn join(a: f32, b: f32) -> f32 {
        a + b
    }
}

/// Numbers that are gathered from a row together.
pub(crate) trait Gathered: Copy {
    /// These numbers in every lane.
    type Lanes: Copy;

    /// The identity of joining.
    fn start<J: Join>() -> Self;

    /// The identity of joining, in every lane.
    fn lanes<J: Join>() -> Self::Lanes;

    /// Joins a lane's numbers with others.
    fn join<J: Join>(self, lanes: &mut Self::Lanes, lane: usize);

    /// Joins these numbers with others.
    fn with<J: Join>(self, others: Self) -> Self;

    /// Joins the first lanes, so many.
    fn joined<J: Join>(lanes: Self::Lanes, count: usize) -> Self;

    /// The first number, 0 where there is none.
    fn first(self) -> f32;

    /// The first of some numbers.
    fn read(numbers: &[f32]) -> Self;

    /// Puts these numbers before others.
    fn write(self, numbers: &mut [f32]);

    /// A lane's numbers.
    fn at(lanes: &Self::Lanes, lane: usize) -> Self;

    /// Puts these numbers into a lane.
    fn put(self, lanes: &mut Self::Lanes, lane: usize);

    /// These numbers in every lane.
    fn in_all(self) -> Self::Lanes;
}

impl<const N: usize> Gathered for [f32; N] {
    type Lanes = [Group; N];

    #[inline(always)]
    fn start<J: Join>() -> Self {
        [J::START; N]
    }

    #[inline(always)]
    fn lanes<J: Join>() -> [Group; N] {
        [[J::START; ABREAST]; N]
    }

    #[inline(always)]
    fn join<J: Join>(self, lanes: &mut [Group; N], lane: usize) {
        for k in 0..N {
            lanes[k][lane] = J::join(lanes[k][lane], self[k]);
        }
    }

    #[inline(always)]
    fn with<J: Join>(mut self, others: Self) -> Self {
        for k in 0..N {
            self[k] = J::join(self[k], others[k]);
        }
        self
    }

    #[inline(always)]
    fn joined<J: Join>(mut lanes: [Group; N], count: usize) -> Self {
        let mut all = [0.0; N];
        for (number, lanes) in all.iter_mut().zip(&mut lanes) {
            if count < ABREAST {
                lanes[count..].fill(J::START);
            }
            let eight: [f32; 8] = halved::<J, 16, 8>(halved::<J, 32, 16>(*lanes));
            [*number] = halved::<J, 2, 1>(halved::<J, 4, 2>(halved::<J, 8, 4>(eight)));
        }
        all
    }

    #[inline(always)]
    fn first(self) -> f32 {
        if N == 0 { 0.0 } else { self[0] }
    }

    #[inline(always)]
    fn read(numbers: &[f32]) -> Self {
        let mut own = [0.0; N];
        own.copy_from_slice(&numbers[..N]);
        own
    }

    #[inline(always)]
    fn write(self, numbers: &mut [f32]) {
        numbers[..N].copy_from_slice(&self);
    }

    #[inline(always)]
    fn at(lanes: &[Group; N], lane: usize) -> Self {
        let mut own = [0.0; N];
        for k in 0..N {
            own[k] = lanes[k][lane];
        }
        own
    }

    #[inline(always)]
    fn put(self, lanes: &mut [Group; N], lane: usize) {
        for k in 0..N {
            lanes[k][lane] = self[k];
        }
    }

    #[inline(always)]
    fn in_all(self) -> [Group; N] {
        self.map(|number| [number; ABREAST])
    }
}

/// Both halves joined.
#[inline(always)]
fn halved<J: Join, const WHOLE: usize, const HALF: usize>(lanes: [f32; WHOLE]) -> [f32; HALF] {
    let mut joined = [0.0; HALF];
    for i in 0..HALF {
        joined[i] = J::join(lanes[i], lanes[i + HALF]);
    }
    joined
}

/// The group from `start` on, completed where it is cut short or where there are no values.
#[inline(always)]
pub(crate) fn group(values: &[f32], start: usize, absent: f32) -> Group {
    let mut padded = [absent; ABREAST];
    if !values.is_empty() {
        let rest = &values[start..];
        match rest.first_chunk() {
            Some(group) => return *group,
            None => padded[..rest.len()].copy_from_slice(rest),
        }
    }
    padded
}

/// The group from `start` on of ones at an index and zeros elsewhere.
#[inline(always)]
pub(crate) fn one_hot(index: usize, start: usize) -> Group {
    let mut group = [0.0; ABREAST];
    if let Some(place) = index.checked_sub(start).and_then(|place| group.get_mut(place)) {
        *place = 1.0;
    }
    group
}

/// Writes as much of a group as there is padded for.
#[inline(always)]
pub(crate) fn store(values: &mut [f32], start: usize, group: &Group) {
    let places = &mut values[start..];
    match places.first_chunk_mut() {
        Some(places) => *places = *group,
        None => places.copy_from_slice(&group[..places.len()]),
    }
}
