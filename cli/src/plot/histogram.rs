//! Histograms of unreduced losses, in memory that does not grow with their number.

use super::axis::Linear;
use super::head::{Head, Key, WIDTH};
use super::panel::{Axes, BELOW, frame, panel};
use super::picture::{Drawn, Format, Picture, SERIES, UNIT, stroke};
use crate::error::{Error, Result};
use crate::report::digits;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use wgloss::{Loss, Tensor};

const HEIGHT: i32 = 330;
/// The fewest bars, where there are losses for them, and the most.
const BARS: (u32, u32) = (5, 80);
/// Counts that differ so much are drawn by their logarithms: the largest, and the median of the bars.
const APART: u64 = 100;

/// The picture of the unreduced losses of a batch, of which so many are ignored rows.
pub(crate) fn histogram(
    path: &str,
    loss: &dyn Loss,
    ignored: u64,
    read: impl FnMut(&mut (dyn FnMut(&[f32]) + Send)) -> Result<()>,
) -> Result<Vec<u8>> {
    let format = Format::of("--histogram", path)?;
    let histogram = Histogram::new(loss.definition().name, ignored, read)?;
    format.paint(&histogram).map_err(|error| Error::file("--histogram", path, error))
}

/// How many rows are ignored.
pub(crate) fn ignored(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> u64 {
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

/// Counted losses.
#[derive(Debug)]
struct Histogram {
    loss: &'static str,
    facts: Facts,
    /// What the bars count, and between which numbers they are.
    bars: Vec<u64>,
    low: f64,
    high: f64,
    median: f32,
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

impl Histogram {
    /// Counts what `read` shows, block by block, both times it is called.
    fn new(
        loss: &'static str,
        ignored: u64,
        mut read: impl FnMut(&mut (dyn FnMut(&[f32]) + Send)) -> Result<()>,
    ) -> Result<Self> {
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
        Ok(Self { loss, facts, bars, low, high, median })
    }

    fn head(&self) -> Head {
        let facts = &self.facts;
        let count = facts.count();
        let (least, largest) = (digits(facts.least.into()), digits(facts.largest.into()));
        let mut notes = vec![match count {
            0 => "no finite losses".into(),
            _ => format!("{count} finite losses, from {least} to {largest}"),
        }];
        let others = [(facts.ignored, "ignored"), (facts.nan, "NaN"), (facts.infinite, "infinite")];
        let others = others.into_iter().filter(|(count, _)| *count > 0);
        let others: Vec<_> = others.map(|(count, what)| format!("{count} {what}")).collect();
        if !others.is_empty() {
            notes.push(format!("not drawn: {}", others.join(", ")));
        }
        let keys = self.marks().map(|(name, x, color)| Key {
            name: format!("{name} {}", digits(x)),
            style: stroke(color, 2.0),
        });
        let keys = keys.into_iter().filter(|_| count > 0).collect();
        Head { title: format!("Losses of {}", self.loss), notes, keys }
    }

    /// Lines at some numbers.
    fn marks(&self) -> [(&'static str, f64, RGBColor); 2] {
        let mean = self.facts.sum / float(self.facts.count());
        [("mean", mean, SERIES[1]), ("median", self.median.into(), SERIES[4])]
    }

    /// The bars, from the foot of the axis.
    fn panel<DB, Y>(&self, area: &DrawingArea<DB, Shift>, y: Y, y_name: &str) -> Drawn<()>
    where
        DB: DrawingBackend<ErrorType: 'static>,
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let axes = Axes { x: self.low..self.high, y, x_name: Some("loss"), y_name };
        let mut chart = panel(area, axes)?;
        let heights = chart.as_coord_spec().y_spec().range();
        let width = (self.high - self.low) / float(self.bars.len() as u64);
        for (i, count) in self.bars.iter().enumerate().filter(|(_, count)| **count > 0) {
            let left = self.low + width * float(i as u64);
            let sides = [left + width * 0.04, left + width * 0.96];
            let corners = [(sides[0], heights.start), (sides[1], float(*count))];
            chart.draw_series([Rectangle::new(corners, SERIES[0].filled())])?;
        }
        frame(&mut chart)?;
        for (_, x, color) in self.marks().into_iter().filter(|(_, x, _)| x.is_finite()) {
            let ends = [(x, heights.start), (x, heights.end)];
            chart.draw_series([PathElement::new(ends, stroke(color, 2.0))])?;
        }
        Ok(())
    }
}

impl Picture for Histogram {
    fn size(&self) -> Drawn<(u32, u32)> {
        let height = self.head().height()? + HEIGHT + BELOW + 8;
        Ok((WIDTH.unsigned_abs(), height.unsigned_abs()))
    }

    fn draw<DB>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<()>
    where
        DB: DrawingBackend<ErrorType: 'static>,
    {
        let head = self.head();
        head.draw(root)?;
        let (_, area) = root.split_vertically(head.height()? * UNIT);
        let mut counts: Vec<u64> = self.bars.iter().copied().filter(|count| *count > 0).collect();
        counts.sort_unstable();
        let most = counts.last().copied().unwrap_or(1);
        let middle = counts.get(counts.len() / 2).copied().unwrap_or(1);
        if most / middle < APART {
            return self.panel(&area, Linear::from(0.0..float(most) * 1.05), "number of losses");
        }
        // A bar of a single loss is seen too.
        let y = (0.5..float(most) * 2.0).log_scale();
        self.panel(&area, y, "number of losses (log scale)")
    }
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

#[expect(clippy::cast_precision_loss, reason = "nobody sees the difference")]
fn float(count: u64) -> f64 {
    count as f64
}
