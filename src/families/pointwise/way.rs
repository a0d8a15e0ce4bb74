//! How an input follows the elements of an output that it broadcasts to.

use super::shape::Axis;
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
pub(super) struct Tile {
    /// Where it begins, counted from the first element that was asked for.
    pub(super) start: usize,
    pub(super) runs: usize,
    pub(super) count: usize,
    /// The input's element of the first of them.
    pub(super) place: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A run is of one element of the input, the next run of the next one.
    Column,
    /// Each run is of the same elements, side by side.
    Row,
}

impl Tile {
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.runs * self.count
    }

    /// How many of the input's elements it is of.
    pub(super) fn width(&self) -> usize {
        match self.kind {
            Kind::Column => self.runs,
            Kind::Row => self.count,
        }
    }
}

impl Way {
    /// That of the input at a place of the definition, with so many numbers for each element, which are
    /// elements themselves here.
    pub(super) fn new(axes: &[Axis], input: usize, width: usize) -> Self {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let mut steps: Vec<Step> = Vec::new();
        if width > 1 {
            steps.push(Step { size: width, stride: 1 });
        }
        for axis in axes {
            let own = Step { size: size(axis.size), stride: width * size(axis.strides[input]) };
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
    pub(super) fn tiles(&self, first: usize, count: usize, mut each: impl FnMut(Tile)) {
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
    pub(super) fn places(&self, first: usize, count: usize) -> Range<usize> {
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

    /// The groups that the output is a row of, each of the input's next elements: how many elements the
    /// output and the input have in one; all in one where the input does not move along the outermost axis.
    pub(super) fn group(&self, elements: usize) -> (usize, usize) {
        match self.0.split_last() {
            Some((outer, inner)) if outer.stride > 0 => (size(inner), outer.stride),
            _ => (size(&self.0), elements),
        }
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
pub(super) use short;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Inputs of shape [3, 1, 4] in an output of [3, 5, 4], [4, 1] in [3, 4, 5], and columns and
    /// rows of few elements.
    pub(in super::super) fn ways() -> Vec<Vec<Axis>> {
        let axis = |(size, stride)| Axis {
            size,
            strides: std::array::from_fn(|i| if i == 0 { stride } else { 0 }),
        };
        let axes = |axes: &[(u64, u64)]| axes.iter().copied().map(axis).collect();
        let mut ways = vec![axes(&[(4, 1), (5, 0), (3, 4)]), axes(&[(5, 0), (4, 1), (3, 0)])];
        for n in [2, 3, 7, 9] {
            ways.extend([axes(&[(n, 0), (12, 1)]), axes(&[(n, 1), (12, 0)])]);
        }
        ways
    }

    /// Where an element lies, by divisions.
    pub(in super::super) fn place(axes: &[Axis], mut i: u64) -> usize {
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
            let way = Way::new(&axes, 0, 1);
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
}
