//! An input that is read, and a gradient that is added up, as the output's elements broadcast it.

use super::shape::{Access, Axis};
use crate::tensor::Tensor;
use std::ops::Range;

/// One axis of an output: its size, and how far an input moves along it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    size: usize,
    stride: usize,
}

/// How an input follows the output's elements: by axes, innermost first, at least one.
#[derive(Clone, Debug)]
pub(super) struct Way(Vec<Step>);

/// Elements of the output that follow one another, and the input's element of the first of them.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Where it begins, counted from the first element that was asked for.
    start: usize,
    count: usize,
    place: usize,
    stride: usize,
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
        Self(steps)
    }

    /// The runs of so many elements from `first` on.
    #[inline(always)]
    fn runs(&self, first: usize, count: usize, mut each: impl FnMut(Run)) {
        let mut rest = first;
        let mut places: Vec<usize> = Vec::with_capacity(self.0.len());
        for step in &self.0 {
            places.push(rest % step.size);
            rest /= step.size;
        }
        let mut place: usize = places.iter().zip(&self.0).map(|(i, step)| i * step.stride).sum();
        let Step { size, stride } = self.0[0];
        let mut start = 0;
        while start < count {
            let length = (size - places[0]).min(count - start);
            each(Run { start, count: length, place, stride });
            start += length;
            places[0] += length;
            place += length * stride;
            self.carry(&mut places, &mut place);
            // Whole runs along the second axis, of which there may be many short ones.
            if let (Some(second), 0) = (self.0.get(1), places[0]) {
                let whole = (second.size - places[1]).min((count - start) / size);
                for _ in 0..whole {
                    each(Run { start, count: size, place, stride });
                    start += size;
                    place += second.stride;
                }
                places[1] += whole;
                self.carry(&mut places, &mut place);
            }
        }
    }

    /// The input's elements between which those of so many of the output's are, at least one.
    fn places(&self, mut first: usize, count: usize) -> Range<usize> {
        let mut last = first + count - 1;
        let mut start = 0;
        for (axis, step) in self.0.iter().enumerate().rev() {
            let inner: usize = self.0[..axis].iter().map(|step| step.size).product();
            let (from, to) = (first / inner, last / inner);
            if from != to {
                let within = self.0[..axis].iter().map(|step| (step.size - 1) * step.stride);
                let end = start + to * step.stride + within.sum::<usize>() + 1;
                return start + from * step.stride..end;
            }
            start += from * step.stride;
            (first, last) = (first % inner, last % inner);
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

/// An input, read as the output's elements are.
pub(super) struct Operand<'a> {
    tensor: &'a Tensor<'a>,
    floats: Option<&'a [f32]>,
    access: Access,
    way: Way,
}

impl<'a> Operand<'a> {
    pub(super) fn new(tensor: &'a Tensor<'a>, access: Access, axes: &[Axis], input: usize) -> Self {
        Self { tensor, floats: tensor.as_f32(), access, way: Way::new(axes, input) }
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
        room.resize(count, 0.0);
        self.spread(first, room);
        room
    }

    fn spread(&self, first: usize, room: &mut [f32]) {
        let at = |place: usize| match self.floats {
            Some(floats) => floats[place],
            None => {
                let mut number = [0.0];
                self.tensor.read(place, &mut number);
                number[0]
            }
        };
        self.way.runs(first, room.len(), |Run { start, count, place, stride }| {
            let places = &mut room[start..start + count];
            match (stride, self.floats) {
                (0, _) => places.fill(at(place)),
                (1, Some(floats)) => places.copy_from_slice(&floats[place..place + count]),
                (1, None) => self.tensor.read(place, places),
                _ => {
                    for (i, number) in places.iter_mut().enumerate() {
                        *number = at(place + i * stride);
                    }
                }
            }
        });
    }
}

/// The terms whose sums are taken side by side.
pub(super) const SPAN: usize = 1 << 18;

/// The gradient of an input that broadcasts: sums over the places that it was broadcast to.
pub(super) struct Gather {
    way: Way,
    sums: Vec<f64>,
}

/// The sums of a span, of the input's elements from `first` on.
struct SpanSums {
    first: usize,
    sums: Vec<f64>,
}

impl Gather {
    /// Of an input with so many elements; `None` where there is no memory for them.
    pub(super) fn new(axes: &[Axis], input: usize, size: usize) -> Option<Self> {
        let mut sums = Vec::new();
        sums.try_reserve_exact(size).ok()?;
        sums.resize(size, 0.0);
        Some(Self { way: Way::new(axes, input), sums })
    }

    /// Adds the terms from `first` on, a multiple of [`SPAN`]. The sums do not depend on how many
    /// come at once.
    pub(super) fn add(&mut self, first: usize, terms: &[f32]) {
        use rayon::prelude::*;
        // As many at once as fill the cores, but not the memory.
        for (k, group) in terms.chunks(16 * SPAN).enumerate() {
            let start = first + 16 * k * SPAN;
            let spans = group.par_chunks(SPAN).enumerate();
            let all: Vec<SpanSums> =
                spans.map(|(i, terms)| self.span(start + i * SPAN, terms)).collect();
            for SpanSums { first, sums } in all {
                let own = &mut self.sums[first..first + sums.len()];
                own.iter_mut().zip(sums).for_each(|(own, sum)| *own += sum);
            }
        }
    }

    fn span(&self, first: usize, terms: &[f32]) -> SpanSums {
        let places = self.way.places(first, terms.len());
        let (low, mut sums) = (places.start, vec![0.0; places.len()]);
        self.way.runs(first, terms.len(), |Run { start, count, place, stride }| {
            let terms = &terms[start..start + count];
            let sums = &mut sums[place - low..];
            match stride {
                0 => sums[0] += sum(terms),
                1 => sums.iter_mut().zip(terms).for_each(|(s, &term)| *s += f64::from(term)),
                _ => {
                    let sums = sums.iter_mut().step_by(stride);
                    sums.zip(terms).for_each(|(s, &term)| *s += f64::from(term));
                }
            }
        });
        SpanSums { first: low, sums }
    }

    /// The sums less an offset, and each element's alone.
    #[expect(clippy::cast_possible_truncation, reason = "a float32 gradient is the purpose")]
    pub(super) fn finish(&self, offset: f32) -> Vec<f32> {
        self.sums.iter().map(|sum| (sum - f64::from(offset)) as f32).collect()
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
    use super::{Axis, Gather, Run, SPAN, Way};

    /// An input of shape [3, 1, 4] in an output of [3, 5, 4], and of [4, 1] in one of [3, 4, 5].
    fn ways() -> [(Vec<Axis>, usize, usize); 2] {
        let axis = |size, stride| Axis { size, strides: [stride, 0, 0, 0] };
        [
            (vec![axis(4, 1), axis(5, 0), axis(3, 4)], 60, 12),
            (vec![axis(5, 0), axis(4, 1), axis(3, 0)], 60, 4),
        ]
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
    fn runs_go_where_the_axes_say() {
        for (axes, count, _) in ways() {
            let way = Way::new(&axes, 0);
            for first in 0..count {
                for end in first..=count {
                    let mut got = Vec::new();
                    way.runs(first, end - first, |Run { start, count, place, stride }| {
                        assert_eq!(start, got.len());
                        got.extend((0..count).map(|i| place + i * stride));
                    });
                    let want: Vec<usize> = (first..end).map(|i| place(&axes, i as u64)).collect();
                    assert_eq!(got, want, "{first}..{end}");
                    if first < end {
                        let places = way.places(first, end - first);
                        assert!(got.iter().all(|place| places.contains(place)), "{first}..{end}");
                    }
                }
            }
        }
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn gradients_are_added_up_where_the_axes_say() {
        for (mut axes, _, size) in ways() {
            // More spans than one, the last of them cut short.
            axes[2].size = 40_000;
            let size = if axes[2].strides[0] > 0 { 4 * 40_000 } else { size };
            let count = 20 * 40_000;
            assert!(count > 2 * SPAN && count % SPAN > 0);
            let terms: Vec<f32> = (0..count).map(|i| (i * 31 % 101) as f32).collect();
            let mut want = vec![0.0; size];
            for (i, &term) in terms.iter().enumerate() {
                want[place(&axes, i as u64)] += f64::from(term);
            }
            let mut whole = Gather::new(&axes, 0, size).expect("memory");
            whole.add(0, &terms);
            assert_eq!(whole.sums, want);
            let mut cut = Gather::new(&axes, 0, size).expect("memory");
            for (k, terms) in terms.chunks(SPAN).enumerate() {
                cut.add(k * SPAN, terms);
            }
            assert_eq!(cut.sums, want);
        }
    }
}
