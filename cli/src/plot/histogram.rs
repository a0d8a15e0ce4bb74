//! Pictures of histograms.

use super::axis::Linear;
use super::head::{Head, Key, WIDTH};
use super::panel::{Axes, BELOW, frame, panel};
use super::picture::{Drawn, Format, Picture, SERIES, UNIT, stroke};
use crate::error::{Error, Result};
use crate::report::digits;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use wgloss::Loss;
use wgloss_kit::histogram::Histogram;
use wgloss_kit::numbers::float;

const HEIGHT: i32 = 330;
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
    let counts = Histogram::new(ignored, read)?;
    let drawing = Drawing { loss: loss.definition().name, counts };
    format.paint(&drawing).map_err(|error| Error::file("--histogram", path, error))
}

/// The counted losses of a loss.
#[derive(Debug)]
struct Drawing {
    loss: &'static str,
    counts: Histogram,
}

impl Drawing {
    fn head(&self) -> Head {
        let counts = &self.counts;
        let count = counts.count;
        let (least, largest) = (digits(counts.least.into()), digits(counts.largest.into()));
        let mut notes = vec![match count {
            0 => "no finite losses".into(),
            _ => format!("{count} finite losses, from {least} to {largest}"),
        }];
        let others =
            [(counts.ignored, "ignored"), (counts.nan, "NaN"), (counts.infinite, "infinite")];
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
        let Histogram { mean, median, .. } = self.counts;
        [("mean", mean, SERIES[1]), ("median", median.into(), SERIES[4])]
    }

    /// The bars, from the foot of the axis.
    fn panel<DB, Y>(&self, area: &DrawingArea<DB, Shift>, y: Y, y_name: &str) -> Drawn<()>
    where
        DB: DrawingBackend<ErrorType: 'static>,
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let Histogram { bars, low, high, .. } = &self.counts;
        let axes = Axes { x: *low..*high, y, x_name: Some("loss"), y_name };
        let mut chart = panel(area, axes)?;
        let heights = chart.as_coord_spec().y_spec().range();
        let width = (high - low) / float(bars.len() as u64);
        for (i, count) in bars.iter().enumerate().filter(|(_, count)| **count > 0) {
            let left = low + width * float(i as u64);
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

impl Picture for Drawing {
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
        let mut counts: Vec<u64> =
            self.counts.bars.iter().copied().filter(|count| *count > 0).collect();
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
