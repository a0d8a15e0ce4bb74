//! Numbers that are gathered from a row side by side, so that the loops run on SIMD lanes.

/// The numbers side by side: enough that one addition need not wait for the one before.
pub(crate) const LANES: usize = 64;

/// A number for each lane.
pub(crate) type Group = [f32; LANES];

/// What the lanes of an absent input hold.
pub(crate) static ZEROS: Group = [0.0; LANES];
pub(crate) static ONES: Group = [1.0; LANES];

/// How two numbers become one.
pub trait Join {
    /// What changes nothing.
    const START: f32;

    /// Joins two numbers.
    fn join(a: f32, b: f32) -> f32;
}

/// The larger number; NaN is passed over.
#[derive(Clone, Copy, Debug)]
pub struct Larger;

/// The sum.
#[derive(Clone, Copy, Debug)]
pub struct Sum;

impl Join for Larger {
    const START: f32 = f32::MIN;

    #[inline(always)]
    fn join(a: f32, b: f32) -> f32 {
        // A comparison and a choice would become a masked store, which the next load waits for.
        a.max(b)
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
pub trait Gathered: Copy {
    /// These numbers in every lane.
    type Lanes: Copy;

    /// The same number everywhere.
    fn splat(number: f32) -> Self::Lanes;

    /// Joins a lane's numbers with others.
    fn join<J: Join>(self, lanes: &mut Self::Lanes, lane: usize);

    /// Sets the lanes from `first` on to what they were before.
    fn restore(lanes: &mut Self::Lanes, before: &Self::Lanes, first: usize);

    /// Adds the lanes to totals, and sets them to 0.
    fn move_into(lanes: &mut Self::Lanes, totals: &mut Self::Lanes);

    /// Joins the lanes.
    fn joined<J: Join>(lanes: Self::Lanes) -> Self;

    /// The first number, 0 where there is none.
    fn first(self) -> f32;
}

impl<const N: usize> Gathered for [f32; N] {
    type Lanes = [Group; N];

    #[inline(always)]
    fn splat(number: f32) -> [Group; N] {
        [[number; LANES]; N]
    }

    #[inline(always)]
    fn join<J: Join>(self, lanes: &mut [Group; N], lane: usize) {
        for k in 0..N {
            lanes[k][lane] = J::join(lanes[k][lane], self[k]);
        }
    }

    #[inline(always)]
    fn restore(lanes: &mut [Group; N], before: &[Group; N], first: usize) {
        for k in 0..N {
            lanes[k][first..].copy_from_slice(&before[k][first..]);
        }
    }

    #[inline(always)]
    fn move_into(lanes: &mut [Group; N], totals: &mut [Group; N]) {
        for k in 0..N {
            for i in 0..LANES {
                totals[k][i] += lanes[k][i];
            }
        }
        *lanes = [ZEROS; N];
    }

    #[inline(always)]
    fn joined<J: Join>(lanes: [Group; N]) -> Self {
        let mut numbers = [0.0; N];
        for k in 0..N {
            let eight: [f32; 8] =
                halved::<J, 16, 8>(halved::<J, 32, 16>(halved::<J, 64, 32>(lanes[k])));
            [numbers[k]] = halved::<J, 2, 1>(halved::<J, 4, 2>(halved::<J, 8, 4>(eight)));
        }
        numbers
    }

    #[inline(always)]
    fn first(self) -> f32 {
        if N == 0 { 0.0 } else { self[0] }
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

/// The group from `start` on: completed in `room` where it is cut short, `absent` where there are no
/// values.
#[inline(always)]
pub(crate) fn group<'a>(
    values: &'a [f32],
    start: usize,
    room: &'a mut Group,
    absent: &'static Group,
) -> &'a Group {
    if values.is_empty() {
        return absent;
    }
    let rest = &values[start..];
    match rest.first_chunk() {
        Some(group) => group,
        None => {
            room[..rest.len()].copy_from_slice(rest);
            room
        }
    }
}

/// The group from `start` on of ones at an index and zeros elsewhere.
#[inline(always)]
pub(crate) fn one_hot(index: usize, start: usize, room: &mut Group) -> &Group {
    match index.checked_sub(start) {
        Some(place) if place < LANES => {
            *room = ZEROS;
            room[place] = 1.0;
            room
        }
        _ => &ZEROS,
    }
}

/// Writes as much of a group as there is room for.
#[inline(always)]
pub(crate) fn store(values: &mut [f32], start: usize, group: &Group) {
    let places = &mut values[start..];
    match places.first_chunk_mut() {
        Some(places) => *places = *group,
        None => places.copy_from_slice(&group[..places.len()]),
    }
}
