//! A panel with axes, and what is the same in all of them.

use super::head::{LEFT, RIGHT};
use super::picture::{AXIS, Drawn, GRID, UNIT, letters, stroke};
use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use std::ops::Range;

/// The room for the marks and the name of the axis below a panel, in pixels.
pub(super) const BELOW: i32 = 48;

/// The axes of a panel.
#[derive(Debug)]
pub(super) struct Axes<'a, Y> {
    pub(super) x: Range<f64>,
    pub(super) y: Y,
    /// `None` where the panel below has the axis.
    pub(super) x_name: Option<&'a str>,
    pub(super) y_name: &'a str,
}

/// What curves are drawn on.
pub(super) type Chart<'a, DB, Y> =
    ChartContext<'a, DB, Cartesian2d<plotters::coord::types::RangedCoordf64, Y>>;

/// Draws grid and axes, and returns what is drawn on.
pub(super) fn panel<'a, DB, Y>(
    area: &'a DrawingArea<DB, Shift>,
    axes: Axes<'_, Y>,
) -> Drawn<Chart<'a, DB, Y::CoordDescType>>
where
    DB: DrawingBackend<ErrorType: 'static>,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let span = axes.x.end - axes.x.start;
    let below = if axes.x_name.is_some() { BELOW } else { 0 };
    let mut chart = ChartBuilder::on(area)
        .margin_top(8 * UNIT)
        .margin_left(8 * UNIT)
        .margin_right(RIGHT * UNIT)
        .x_label_area_size(below * UNIT)
        .y_label_area_size((LEFT - 8) * UNIT)
        .build_cartesian_2d(axes.x, axes.y)?;
    let heights = chart.as_coord_spec().y_spec().range();
    let height = (heights.end - heights.start).abs();
    chart
        .configure_mesh()
        .axis_style(stroke(AXIS, 1.0))
        .bold_line_style(stroke(GRID, 1.0))
        .light_line_style(TRANSPARENT)
        .label_style(letters(12))
        .axis_desc_style(letters(14))
        .set_all_tick_mark_size(4 * UNIT)
        .x_labels(9)
        .y_labels(7)
        .x_label_formatter(&|x| mark(*x, span))
        .y_label_formatter(&|y| mark(*y, height))
        .x_desc(axes.x_name.unwrap_or_default())
        .y_desc(axes.y_name)
        .draw()?;
    Ok(chart)
}

/// Draws the frame of a panel.
pub(super) fn frame<DB, Y>(chart: &mut Chart<'_, DB, Y>) -> Drawn<()>
where
    DB: DrawingBackend<ErrorType: 'static>,
    Y: Ranged<ValueType = f64>,
{
    let (x, y) = (chart.as_coord_spec().x_spec().range(), chart.as_coord_spec().y_spec().range());
    let (low, high) = ((x.start, y.start), (x.end, y.end));
    // SVG's rectangles do not say how wide their lines are.
    let corners = [low, (high.0, low.1), high, (low.0, high.1), low];
    chart.draw_series([PathElement::new(corners, stroke(AXIS, 1.0))])?;
    Ok(())
}

/// A mark of an axis that spans so much: without the last digits of its sum, which are noise.
pub(super) fn mark(x: f64, span: f64) -> String {
    if x.abs() < span * 1e-12 {
        return "0".into();
    }
    let x: f64 = format!("{x:.9e}").parse().unwrap_or(x);
    let text = if (1e-4..1e6).contains(&x.abs()) { x.to_string() } else { format!("{x:e}") };
    text.replace('-', "\u{2212}")
}
