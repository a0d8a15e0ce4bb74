//! A panel with axes, and what is the same in all of them.

use super::axis::{self, Linear};
use super::head::{LEFT, RIGHT, WIDTH};
use super::picture::{AXIS, Drawn, GRID, UNIT, letters, stroke, text_width};
use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use std::ops::Range;

/// The room for the marks and the name of the axis below a panel, in pixels.
pub(super) const BELOW: i32 = 48;

/// The size of the marks' letters.
const MARK: u8 = 12;

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
pub(super) type Chart<'a, DB, Y> = ChartContext<'a, DB, Cartesian2d<Linear, Y>>;

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
    let count = x_marks(&axes.x)?;
    let below = if axes.x_name.is_some() { BELOW } else { 0 };
    let mut chart = ChartBuilder::on(area)
        .margin_top(14 * UNIT)
        .margin_left(8 * UNIT)
        .margin_right(RIGHT * UNIT)
        .x_label_area_size(below * UNIT)
        .y_label_area_size((LEFT - 8) * UNIT)
        .build_cartesian_2d(Linear::from(axes.x), axes.y)?;
    chart
        .configure_mesh()
        .axis_style(stroke(AXIS, 1.0))
        .bold_line_style(stroke(GRID, 1.0))
        .light_line_style(TRANSPARENT)
        .label_style(letters(MARK.into()))
        .axis_desc_style(letters(14))
        .set_all_tick_mark_size(4 * UNIT)
        .x_labels(count)
        .y_labels(7)
        .x_label_formatter(&|x| axis::text(*x))
        .y_label_formatter(&|y| axis::text(*y))
        .x_desc(axes.x_name.unwrap_or_default())
        .y_desc(axes.y_name)
        .draw()?;
    Ok(chart)
}

/// How many marks the axis below has room for.
fn x_marks(range: &Range<f64>) -> Drawn<usize> {
    let mut most = 9;
    while most > 2 {
        let marks = axis::marks(range, most);
        let widths = marks.iter().map(|mark| text_width(&axis::text(*mark), MARK));
        let widest = widths.collect::<Drawn<Vec<_>>>()?.into_iter().max().unwrap_or(0);
        if (widest + 12) * i32::try_from(marks.len())? <= WIDTH - LEFT - RIGHT {
            break;
        }
        most -= 1;
    }
    Ok(most)
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
