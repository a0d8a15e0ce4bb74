//! Histograms of unreduced losses, in memory that does not grow with their number.

use crate::numbers::float;
use serde::Serialize;
use std::convert::Infallible;
use wgloss::{Loss, Tensor};

/// The fewest bars, where there are losses for them, and the most.
const BARS: (u32, u32) = (5, 80);

/// Counted losses. Where there is no finite one, numbers are not finite, and null in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Histogram {
    /// What the bars count, which are of the same width.
    pub bars: Vec<u64>,
    /// Where the first bar begins.
    pub low: f64,
    /// Where the last bar ends.
    pub high: f64,
    /// How many losses are finite and of no ignored row.
    pub count: u64,
    /// The least of these.
    pub least: f32,
    /// The largest of these.
    pub largest: f32,
    /// Their mean.
    pub mean: f64,
    /// Their median, the lower one of two.
    pub median: f32,
    /// How many rows are ignored.
    pub ignored: u64,
    /// How many losses are NaN.
    pub nan: u64,
    /// How many losses are infinite.
    pub infinite: u64,
}

impl Histogram {
    /// Counts losses, so many of which are of ignored rows.
    pub fn of(losses: &[f32], ignored: u64) -> Self {
        let counted = Self::new(ignored, |see| {
            see(losses);
            Ok::<(), Infallible>(())
        });
        let Ok(histogram) = counted;
        histogram
    }

    /// Counts what `read` shows, block by block, both times it is called.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn new<E>(
        ignored: u64,
        mut read: impl FnMut(&mut (dyn FnMut(&[f32]) + Send)) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut facts = Facts::new();
        read(&mut |block| block.iter().for_each(|&x| facts.see(x)))?;
        facts.ignore(ignored);
        let (low, high) = facts.range();
        let (half, rank) = facts.middle();
        let mut lower = vec![0; HALF];
        let mut bars = vec![0; facts.bars()];
        let mut count = |x: f32, times: u64| {
            let bar = place((f64::from(x) - low) / (high - low), bars.len());
            bars[bar] += times;
            if halves(x).0 == half {
                lower[halves(x).1] += times;
            }
        };
        read(&mut |block| {
            let drawn = block.iter().filter(|x| x.is_finite() && **x != 0.0);
            drawn.for_each(|&x| count(x, 1));
        })?;
        if facts.zeros > 0 {
            count(0.0, facts.zeros);
        }
        let median = number(half, find(&lower, rank).0);
        Ok(Self {
            bars,
            low,
            high,
            count: facts.count(),
            least: facts.least,
            largest: facts.largest,
            mean: facts.sum / float(facts.count()),
            median,
            ignored: facts.ignored,
            nan: facts.nan,
            infinite: facts.infinite,
        })
    }
}

/// How many rows of a batch are ignored.
pub fn ignored(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> u64 {
    let target = inputs.iter().find(|(name, _)| *name == "target").map(|(_, tensor)| tensor);
    let (Some(index), Some(target)) = (loss.ignore_index(), target) else { return 0 };
    let dtype = target.dtype();
    let bits = 8 * dtype.size();
    let is_signed = dtype.to_string().starts_with("int");
    let range = if is_signed { -1_i128 << (bits - 1)..1 << (bits - 1) } else { 0..1 << bits };
    if dtype.is_float() || !range.contains(&index.into()) {
        return 0;
    }
    let bytes = &index.to_le_bytes()[..dtype.size()];
    target.bytes().chunks_exact(dtype.size()).filter(|element| *element == bytes).count() as u64
}

/// What one look at all losses tells.
#[derive(Debug)]
struct Facts {
    /// The finite losses by the upper halves of their keys, but for zeros.
    upper: Vec<u64>,
    /// The zeros that are no ignored rows.
    zeros: u64,
    ignored: u64,
    nan: u64,
    infinite: u64,
    sum: f64,
    least: f32,
    largest: f32,
}

impl Facts {
    fn new() -> Self {
        Self {
            upper: vec![0; HALF],
            zeros: 0,
            ignored: 0,
            nan: 0,
            infinite: 0,
            sum: 0.0,
            least: f32::INFINITY,
            largest: f32::NEG_INFINITY,
        }
    }

    fn see(&mut self, x: f32) {
        if x == 0.0 {
            self.zeros += 1;
        } else if x.is_nan() {
            self.nan += 1;
        } else if x.is_infinite() {
            self.infinite += 1;
        } else {
            self.upper[halves(x).0] += 1;
            self.sum += f64::from(x);
            self.least = self.least.min(x);
            self.largest = self.largest.max(x);
        }
    }

    /// Takes ignored rows, whose losses are 0, out of the zeros.
    fn ignore(&mut self, ignored: u64) {
        self.ignored = ignored;
        self.zeros = self.zeros.saturating_sub(ignored);
        if self.zeros > 0 {
            self.upper[halves(0.0).0] += self.zeros;
            self.least = self.least.min(0.0);
            self.largest = self.largest.max(0.0);
        }
    }

    /// How many losses are finite.
    fn count(&self) -> u64 {
        self.upper.iter().sum()
    }

    /// The ends of the axis.
    fn range(&self) -> (f64, f64) {
        let (low, high) = (f64::from(self.least), f64::from(self.largest));
        match () {
            // An axis that nearly begins at 0 does.
            () if 0.0 < low && low < high / 10.0 => (0.0, high),
            () if low < high => (low, high),
            () if low > high => (0.0, 1.0),
            // All losses are one number.
            () if low == 0.0 => (-0.5, 0.5),
            () => (low - low.abs() / 2.0, high + high.abs() / 2.0),
        }
    }

    /// The upper half of the median's key, and the median's rank among the losses that have it.
    fn middle(&self) -> (usize, u64) {
        find(&self.upper, self.count().saturating_sub(1) / 2)
    }

    /// How many bars so many losses have: by the rule of Rice, within reason.
    fn bars(&self) -> usize {
        let bars = (1..BARS.1).find(|bars| u64::from(*bars).pow(3) >= 8 * self.count());
        bars.unwrap_or(BARS.1).max(BARS.0) as usize
    }
}

/// As many as there are halves of a key.
const HALF: usize = 1 << 16;

/// The halves of a key, which is in the order of the numbers.
fn halves(x: f32) -> (usize, usize) {
    let bits = x.to_bits();
    let key = if x.is_sign_negative() { !bits } else { bits | 1 << 31 };
    ((key >> 16) as usize, (key & 0xffff) as usize)
}

/// The number of a key's halves.
fn number(upper: usize, lower: usize) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "both are below 2^16")]
    let key = (upper << 16 | lower) as u32;
    f32::from_bits(if key >> 31 == 1 { key ^ 1 << 31 } else { !key })
}

/// The place in counts at which so many are before a number, and how many of those share its place.
fn find(counts: &[u64], rank: u64) -> (usize, u64) {
    let mut before = rank;
    for (place, count) in counts.iter().enumerate() {
        if before < *count {
            return (place, before);
        }
        before -= count;
    }
    (0, 0)
}

/// The bar of a share of the axis.
fn place(share: f64, bars: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is 0 to 1, and there are few bars"
    )]
    let place = (share * float(bars as u64)) as usize;
    place.min(bars - 1)
}
