//! The gradient of an input that broadcasts, added up on the CPU.

use super::shape::Axis;
use super::way::{Kind, Way, short};
use crate::cpu::Filled;
use crate::order::BLOCK_SIZE;
use crate::request::Slot;
use rayon::prelude::*;

/// The terms whose sums are taken side by side.
pub(super) const SPAN: usize = 1 << 18;

/// The gradient of an input that broadcasts: sums over the places that it was broadcast to. The
/// output is a row of groups of elements, each of the input's next elements; a group's sums are
/// complete with its last element.
pub(super) struct Gather {
    way: Way,
    /// The numbers of an element, which are elements of the way.
    width: usize,
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
        width: usize,
        elements: usize,
        offset: f32,
    ) -> Result<Self, u64> {
        let way = Way::new(axes, input, width);
        let (units, numbers) = way.group(elements);
        let mut sums = Vec::new();
        sums.try_reserve_exact(numbers).map_err(|_| 8 * numbers as u64)?;
        sums.resize(numbers, 0.0);
        let group = Filled { slot: Slot::Gradient(input), units, numbers };
        Ok(Self { way, width, group, offset, sums })
    }

    /// What is complete once so many terms were added, each with all its numbers.
    pub(super) fn filled(&self) -> Filled {
        Filled { units: self.group.units / self.width, ..self.group }
    }

    /// Adds numbers from `first` on, a multiple of [`SPAN`], and finishes what is complete with
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
    use super::super::way::tests::{place, ways};
    use super::*;

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
                let mut gather = Gather::new(&axes, 0, 1, size, 0.5).expect("memory");
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
