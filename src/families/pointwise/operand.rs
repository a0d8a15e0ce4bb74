//! An input that is read, and a gradient that is added up, as the output's elements broadcast it.

use super::shape::{Access, Axis};
use crate::cpu::Filled;
use crate::order::BLOCK_SIZE;
use crate::request::Slot;
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::ops::Range;

/// One axis of an output: its size, and how far an input moves along it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    size: usize,
    stride: usize,
}

/// How an input follows the output's elements: by axes, innermost first, at least one. Along the
/// innermost axis along which it moves it does so by 1, since its elements lie side by side.
#[derive(Clone, Debug)]
pub(super) struct Way(Vec<Step>);

/// Elements of the output that follow one another: so many runs of so many.
#[derive(Clone, Copy, Debug)]
struct Tile {
    /// Where it begins, counted from the first element that was asked for.
    start: usize,
    runs: usize,
    count: usize,
    /// The input's element of the first of them.
    place: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A run is of one element of the input, the next run of the next one.
    Column,
    /// Each run is of the same elements, side by side.
    Row,
}

impl Tile {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.runs * self.count
    }

    /// How many of the input's elements it is of.
    fn width(&self) -> usize {
        match self.kind {
            Kind::Column => self.runs,
            Kind::Row => self.count,
        }
    }
}

impl Way {
    /// That of the input at a place of the definition.
    pub(super) fn new(axes: &[Axis], input: usize) -> Self {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let mut steps: Vec<Step> = Vec::new();
        for axis in axes {
            let own = Step { size: size(axis.size), stride: size(axis.strides[input]) };
            match steps.last_mut() {
                Some(last) if own.stride == last.stride * last.size => last.size *= own.size,
                _ => steps.push(own),
            }
        }
        if steps.is_empty() {
            steps.push(Step { size: 1, stride: 0 });
        }
        debug_assert!(steps.iter().find(|step| step.stride > 0).is_none_or(|s| s.stride == 1));
        Self(steps)
    }

    /// The tiles of so many elements from `first` on.
    #[inline(always)]
    fn tiles(&self, first: usize, count: usize, mut each: impl FnMut(Tile)) {
        let mut rest = first;
        let mut places: Vec<usize> = Vec::with_capacity(self.0.len());
        for step in &self.0 {
            places.push(rest % step.size);
            rest /= step.size;
        }
        let mut place: usize = places.iter().zip(&self.0).map(|(i, step)| i * step.stride).sum();
        let Step { size, stride } = self.0[0];
        let kind = if stride == 0 { Kind::Column } else { Kind::Row };
        let mut start = 0;
        while start < count {
            let left = count - start;
            // Whole runs along the second axis, of which there may be many short ones.
            let whole = self.0.get(1).filter(|_| places[0] == 0 && left >= size);
            let (axis, runs, length) = match whole {
                Some(second) => (1, (second.size - places[1]).min(left / size), size),
                None => (0, 1, (size - places[0]).min(left)),
            };
            each(Tile { start, runs, count: length, place, kind });
            start += runs * length;
            let steps = if axis == 0 { length } else { runs };
            places[axis] += steps;
            place += steps * self.0[axis].stride;
            self.carry(&mut places, &mut place);
        }
    }

    /// The input's elements between which those of so many of the output's are, at least one.
    fn places(&self, first: usize, count: usize) -> Range<usize> {
        let (mut first, mut last) = (first, first + count - 1);
        let mut start = 0;
        for (axis, step) in self.0.iter().enumerate().rev() {
            let inner = &self.0[..axis];
            let (from, to) = (first / size(inner), last / size(inner));
            start += from * step.stride;
            (first, last) = (first % size(inner), last % size(inner));
            if from == to {
                continue;
            }
            if step.stride == 0 {
                // The end of one and the beginning of the next are the ends of all.
                return start..start + span(inner);
            }
            let end = (to - from) * step.stride + highest(inner, last) + 1;
            return start + lowest(inner, first)..start + end;
        }
        start..start + 1
    }

    /// Begins the next element of an axis where the one within it has ended.
    fn carry(&self, places: &mut [usize], place: &mut usize) {
        for (axis, pair) in self.0.windows(2).enumerate() {
            if places[axis] < pair[0].size {
                continue;
            }
            places[axis] = 0;
            *place -= pair[0].size * pair[0].stride;
            places[axis + 1] += 1;
            *place += pair[1].stride;
        }
    }
}

/// How many elements of the output there are along some axes.
fn size(steps: &[Step]) -> usize {
    steps.iter().map(|step| step.size).product()
}

/// How many of the input's elements there are along some axes.
fn span(steps: &[Step]) -> usize {
    steps.iter().map(|step| (step.size - 1) * step.stride).sum::<usize>() + 1
}

/// The lowest place of the elements from `first` on.
fn lowest(steps: &[Step], first: usize) -> usize {
    let Some((outer, inner)) = steps.split_last() else { return 0 };
    let (at, within) = (first / size(inner), first % size(inner));
    if outer.stride == 0 && at + 1 < outer.size {
        return 0;
    }
    at * outer.stride + lowest(inner, within)
}

/// The highest place of the elements up to `last`.
fn highest(steps: &[Step], last: usize) -> usize {
    let Some((outer, inner)) = steps.split_last() else { return 0 };
    let (at, within) = (last / size(inner), last % size(inner));
    if outer.stride == 0 && at > 0 {
        return span(inner) - 1;
    }
    at * outer.stride + highest(inner, within)
}

/// An input, read as the output's elements are.
pub(super) struct Operand<'a> {
    tensor: &'a Tensor<'a>,
    access: Access,
    way: Way,
}

impl<'a> Operand<'a> {
    pub(super) fn new(tensor: &'a Tensor<'a>, access: Access, axes: &[Axis], input: usize) -> Self {
        Self { tensor, access, way: Way::new(axes, input) }
    }

    /// The operand at so many of the output's elements from `first` on; in `room` where they do not
    /// lie side by side as float32.
    pub(super) fn block<'b>(
        &'b self,
        first: usize,
        count: usize,
        room: &'b mut Vec<f32>,
    ) -> &'b [f32] {
        if self.access == Access::Dense {
            return self.tensor.floats(first..first + count, room);
        }
        let places = self.way.places(first, count);
        room.resize(count, 0.0);
        if let Some(floats) = self.tensor.as_f32() {
            self.spread(first, room, &floats[places.clone()], places.start);
        } else if places.len() <= count {
            // The numbers that the block is of lie behind it.
            room.resize(count + places.len(), 0.0);
            let (block, numbers) = room.split_at_mut(count);
            self.tensor.read(places.start, numbers);
            self.spread(first, block, numbers, places.start);
        } else {
            // The end of a row and the beginning of the next, which is the same.
            self.way.tiles(first, count, |tile| {
                self.tensor.read(tile.place, &mut room[tile.range()][..tile.width()]);
            });
        }
        &room[..count]
    }

    /// Fills a block with the numbers that it is of, of which the first is the input's `low`th.
    fn spread(&self, first: usize, block: &mut [f32], numbers: &[f32], low: usize) {
        self.way.tiles(first, block.len(), |tile| {
            let numbers = &numbers[tile.place - low..][..tile.width()];
            let block = &mut block[tile.range()];
            match (tile.kind, tile.count) {
                (Kind::Column, count) => short!(count, repeat(block, numbers), {
                    block.chunks_exact_mut(count).zip(numbers).for_each(|(run, &x)| run.fill(x));
                }),
                (Kind::Row, count) => {
                    // Each copy is as long as all before it.
                    block[..count].copy_from_slice(numbers);
                    let mut there = count;
                    while there < block.len() {
                        let more = there.min(block.len() - there);
                        block.copy_within(..more, there);
                        there += more;
                    }
                }
            }
        });
    }
}

/// What is made for runs of so many, and what is done with others.
macro_rules! short {
    ($count:ident, $made:ident($($argument:ident),*), $others:block) => {
        match $count {
            2 => $made::<2>($($argument),*),
            3 => $made::<3>($($argument),*),
            4 => $made::<4>($($argument),*),
            5 => $made::<5>($($argument),*),
            6 => $made::<6>($($argument),*),
            7 => $made::<7>($($argument),*),
            _ => $others,
        }
    };
}
use short;

/// Fills short runs with a number each.
fn repeat<const N: usize>(block: &mut [f32], numbers: &[f32]) {
    let (groups, rest) = block.as_chunks_mut::<N>().0.as_chunks_mut::<4>();
    let (fours, others) = numbers.as_chunks::<4>();
    // Four runs at once, whose stores are as wide as they can be.
    for (group, four) in groups.iter_mut().zip(fours) {
        *group = four.map(|x| [x; N]);
    }
    rest.iter_mut().zip(others).for_each(|(run, &x)| *run = [x; N]);
}

/// The terms whose sums are taken side by side.
pub(super) const SPAN: usize = 1 << 18;

/// The gradient of an input that broadcasts: sums over the places that it was broadcast to. The
/// output is a row of groups of elements, each of the input's next elements; a group's sums are
/// complete with its last element.
pub(super) struct Gather {
    way: Way,
    group: Filled,
    /// What is taken off each sum.
    offset: f32,
    /// The sums of the group that is not complete yet.
    sums: Vec<f64>,
}

/// Sums of terms of one group.
struct Part {
    /// Where in the group the first of the sums is.
    place: usize,
    sums: Vec<f64>,
    /// Whether the group ends with them.
    ends: bool,
}

impl Gather {
    /// For an input with so many elements; or the bytes of a group's sums, if there is no memory for
    /// them.
    pub(super) fn new(
        axes: &[Axis],
        input: usize,
        elements: usize,
        offset: f32,
    ) -> Result<Self, u64> {
        let way = Way::new(axes, input);
        let (units, numbers) = match way.0.split_last() {
            Some((outer, inner)) if outer.stride > 0 => (size(inner), outer.stride),
            _ => (size(&way.0), elements),
        };
        let mut sums = Vec::new();
        sums.try_reserve_exact(numbers).map_err(|_| 8 * numbers as u64)?;
        sums.resize(numbers, 0.0);
        let group = Filled { slot: Slot::Gradient(input), units, numbers };
        Ok(Self { way, group, offset, sums })
    }

    /// What is complete once so many terms were added.
    pub(super) fn filled(&self) -> Filled {
        self.group
    }

    /// Adds the terms from `first` on, a multiple of [`SPAN`], and finishes what is complete with
    /// them. The sums do not depend on how many come at once.
    pub(super) fn add(&mut self, first: usize, terms: &[f32], mut places: &mut [f32]) {
        // As many at once as fill the cores, but not the memory.
        for (k, terms) in terms.chunks(16 * SPAN).enumerate() {
            let start = first + 16 * k * SPAN;
            let mut spans = Vec::new();
            for (i, terms) in terms.chunks(SPAN).enumerate() {
                let first = start + i * SPAN;
                let range = self.group.range(first..first + terms.len());
                let (own, rest) = std::mem::take(&mut places).split_at_mut(range.len());
                places = rest;
                spans.push((first, terms, own));
            }
            let parts: Vec<_> = spans
                .into_par_iter()
                .map(|(first, terms, places)| self.span(first, terms, places))
                .collect();
            for (part, places) in parts.into_iter().flatten() {
                self.join(part, places);
            }
        }
    }

    /// Finishes the groups that are whole in a span. Returns the sums at its ends, with the places
    /// of the groups that they complete.
    fn span<'a>(
        &self,
        first: usize,
        terms: &[f32],
        places: &'a mut [f32],
    ) -> [(Part, &'a mut [f32]); 2] {
        let Filled { units, numbers, .. } = self.group;
        let open = (first.next_multiple_of(units) - first).min(terms.len());
        let (head, terms) = terms.split_at(open);
        let head = self.part(first, head);
        let (own, places) = places.split_at_mut(if head.ends { numbers } else { 0 });
        let first = first + open;
        let (whole, tail) = terms.split_at(terms.len() / units * units);
        // As many groups at once as stay in the cache.
        let groups = (BLOCK_SIZE / units).max(1);
        let mut sums = Vec::new();
        let chunks = whole.chunks(groups * units).zip(places.chunks_mut(groups * numbers));
        for (k, (terms, places)) in chunks.enumerate() {
            let first = first + k * groups * units;
            sums.clear();
            sums.resize(places.len(), 0.0);
            self.add_tiles(first, terms, &mut sums, self.group.until(first));
            finish(&sums, self.offset, places);
        }
        let tail = self.part(first + whole.len(), tail);
        [(head, own), (tail, &mut [])]
    }

    /// The sums of terms of one group.
    fn part(&self, first: usize, terms: &[f32]) -> Part {
        if terms.is_empty() {
            return Part { place: 0, sums: Vec::new(), ends: false };
        }
        let places = self.way.places(first, terms.len());
        let mut sums = vec![0.0; places.len()];
        self.add_tiles(first, terms, &mut sums, places.start);
        let ends = (first + terms.len()).is_multiple_of(self.group.units);
        Part { place: places.start - self.group.until(first), sums, ends }
    }

    fn join(&mut self, Part { place, sums, ends }: Part, places: &mut [f32]) {
        self.sums[place..].iter_mut().zip(sums).for_each(|(own, sum)| *own += sum);
        if ends {
            finish(&self.sums, self.offset, places);
            self.sums.fill(0.0);
        }
    }

    /// Adds terms to sums, of which the first is that of the input's `low`th element.
    fn add_tiles(&self, first: usize, terms: &[f32], sums: &mut [f64], low: usize) {
        self.way.tiles(first, terms.len(), |tile| {
            let sums = &mut sums[tile.place - low..][..tile.width()];
            let terms = &terms[tile.range()];
            match (tile.kind, tile.count) {
                (Kind::Column, count) => short!(count, add_columns(sums, terms), {
                    let runs = terms.chunks_exact(count);
                    sums.iter_mut().zip(runs).for_each(|(own, run)| *own += sum(run));
                }),
                (Kind::Row, count) => short!(count, add_rows(sums, terms), {
                    terms.chunks_exact(count).for_each(|run| {
                        sums.iter_mut().zip(run).for_each(|(own, &term)| *own += f64::from(term));
                    });
                }),
            }
        });
    }
}

/// The sums less an offset, and each element's alone.
#[expect(clippy::cast_possible_truncation, reason = "a float32 gradient is the purpose")]
fn finish(sums: &[f64], offset: f32, places: &mut [f32]) {
    let offset = f64::from(offset);
    places.iter_mut().zip(sums).for_each(|(place, sum)| *place = (sum - offset) as f32);
}

/// Adds short runs to a sum each.
fn add_columns<const N: usize>(sums: &mut [f64], terms: &[f32]) {
    for (own, run) in sums.iter_mut().zip(terms.as_chunks::<N>().0) {
        *own += run.iter().fold(0.0, |sum, &term| sum + f64::from(term));
    }
}

/// Adds short runs to the same sums, in eight lanes.
fn add_rows<const N: usize>(sums: &mut [f64], terms: &[f32]) {
    let (groups, rest) = terms.as_chunks::<N>().0.as_chunks::<8>();
    let mut lanes = [[0.0; N]; 8];
    for group in groups {
        for (lane, run) in lanes.iter_mut().zip(group) {
            lane.iter_mut().zip(run).for_each(|(own, &term)| *own += f64::from(term));
        }
    }
    for run in rest {
        lanes[0].iter_mut().zip(run).for_each(|(own, &term)| *own += f64::from(term));
    }
    for lane in lanes {
        sums.iter_mut().zip(lane).for_each(|(own, sum)| *own += sum);
    }
}

/// The sum in float64, in eight lanes.
fn sum(terms: &[f32]) -> f64 {
    let (groups, rest) = terms.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for group in groups {
        lanes.iter_mut().zip(group).for_each(|(lane, &term)| *lane += f64::from(term));
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&term| f64::from(term)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::{Axis, Gather, Kind, SPAN, Way};

    /// Inputs of shape [3, 1, 4] in an output of [3, 5, 4], [4, 1] in [3, 4, 5], and columns and
    /// rows of few elements.
    fn ways() -> Vec<Vec<Axis>> {
        let axis = |(size, stride)| Axis { size, strides: [stride, 0, 0, 0] };
        let axes = |axes: &[(u64, u64)]| axes.iter().copied().map(axis).collect();
        let mut ways = vec![axes(&[(4, 1), (5, 0), (3, 4)]), axes(&[(5, 0), (4, 1), (3, 0)])];
        for n in [2, 3, 7, 9] {
            ways.extend([axes(&[(n, 0), (12, 1)]), axes(&[(n, 1), (12, 0)])]);
        }
        ways
    }

    /// Where an element lies, by divisions.
    fn place(axes: &[Axis], mut i: u64) -> usize {
        let mut place = 0;
        for axis in axes {
            place += i % axis.size * axis.strides[0];
            i /= axis.size;
        }
        usize::try_from(place).expect("a small number")
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    fn tiles_go_where_the_axes_say() {
        for axes in ways() {
            let count = axes.iter().map(|axis| axis.size as usize).product();
            let way = Way::new(&axes, 0);
            for first in 0..count {
                for end in first..=count {
                    let mut got = Vec::new();
                    way.tiles(first, end - first, |tile| {
                        assert_eq!(tile.start, got.len());
                        for run in 0..tile.runs {
                            got.extend((0..tile.count).map(|i| match tile.kind {
                                Kind::Column => tile.place + run,
                                Kind::Row => tile.place + i,
                            }));
                        }
                    });
                    let want: Vec<usize> = (first..end).map(|i| place(&axes, i as u64)).collect();
                    assert_eq!(got, want, "{first}..{end}");
                    if first < end {
                        let places = way.places(first, end - first);
                        assert_eq!(got.iter().min(), Some(&places.start), "{first}..{end}");
                        assert_eq!(got.iter().max(), Some(&(places.end - 1)), "{first}..{end}");
                    }
                }
            }
        }
    }

    #[test]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "small numbers"
    )]
    fn gradients_are_added_up_where_the_axes_say() {
        for mut axes in ways() {
            // More spans than one, the last of them cut short.
            axes.last_mut().expect("an axis").size = 300_000;
            let count = axes.iter().map(|axis| axis.size as usize).product();
            let size = place(&axes, count as u64 - 1) + 1;
            assert!(count > 2 * SPAN && count % SPAN > 0);
            let terms: Vec<f32> = (0..count).map(|i| (i * 31 % 101) as f32).collect();
            let mut want = vec![0.0; size];
            for (i, &term) in terms.iter().enumerate() {
                want[place(&axes, i as u64)] += f64::from(term);
            }
            let want: Vec<f32> = want.into_iter().map(|sum| (sum - 0.5) as f32).collect();
            for at_once in [SPAN, 2 * SPAN, count] {
                let mut gather = Gather::new(&axes, 0, size, 0.5).expect("memory");
                let mut got = vec![0.0; size];
                for (k, terms) in terms.chunks(at_once).enumerate() {
                    let first = k * at_once;
                    let range = gather.filled().range(first..first + terms.len());
                    gather.add(first, terms, &mut got[range]);
                }
                assert_eq!(got, want, "{at_once} at once");
            }
        }
    }
}
