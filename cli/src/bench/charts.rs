//! Charts as SVG.

use crate::plot::{Drawn, GRID, TEXT};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The colours of the series in their order. Only these, that of text and that of the grid are used:
/// the page replaces them where the reader's system is dark.
pub(super) const SERIES: [RGBColor; 3] =
    [RGBColor(0x1a, 0x66, 0xc2), RGBColor(0xc2, 0x5e, 0x10), RGBColor(0x7d, 0x4b, 0xb8)];

const WIDTH: u32 = 760;
/// The room for names at the left.
const NAMES: u32 = 250;

/// Points that a line joins, in the colour of its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) color: usize,
    pub(super) points: &'a [(f64, f64)],
}

/// A name with a number in some of the series.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) numbers: Vec<(usize, f64)>,
}

/// Lines, both axes by logarithms; `marks` are colours and sizes.
pub(super) fn lines(y: &str, lines: &[Line<'_>], marks: &[(usize, f64)]) -> Drawn<String> {
    let points = || lines.iter().flat_map(|line| line.points);
    let (left, right) = span(points().map(|(x, _)| *x), 1.3);
    let (low, high) = span(points().map(|(_, y)| *y), 2.0);
    draw(380, |root| {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(34)
            .y_label_area_size(84)
            .build_cartesian_2d((left..right).log_scale().base(4.0), (low..high).log_scale())?;
        chart
            .configure_mesh()
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(text(15))
            .x_labels(10)
            .y_labels(8)
            .y_desc(y)
            .x_label_formatter(&|x| power_of_two(*x))
            .y_label_formatter(&|y| plain(*y))
            .draw()?;
        for line in lines {
            let color = SERIES[line.color];
            let dots = line.points.iter().map(|&point| Circle::new(point, 3, color.filled()));
            chart.draw_series(dots)?;
            let key = move |(x, y)| Rectangle::new([(x, y - 1), (x + 16, y + 1)], color.filled());
            let points = line.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)))?
                .label(line.name)
                .legend(key);
        }
        for &(series, size) in marks {
            let ends = [(size, low), (size, high)].into_iter();
            let style = SERIES[series].stroke_width(1);
            chart.draw_series(DashedLineSeries::new(ends, 4, 4, style))?;
        }
        let labels = &mut chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperLeft).label_font(text(16)).draw()?;
        Ok(())
    })
}

/// A dot for each number, by logarithms.
pub(super) fn dots(entries: &[Entry<'_>]) -> Drawn<String> {
    let numbers = entries.iter().flat_map(|entry| &entry.numbers);
    let (low, high) = span(numbers.map(|(_, number)| *number), 1.5);
    beside(entries, (low..high).log_scale(), &plain, None)
}

/// A bar for each percentage, and a line at 100 %.
pub(super) fn bars(entries: &[Entry<'_>]) -> Drawn<String> {
    let numbers = entries.iter().flat_map(|entry| &entry.numbers);
    let most = numbers.map(|(_, number)| *number).fold(100.0, f64::max);
    beside(entries, 0.0..most * 1.05, &|percent| format!("{percent} %"), Some(100.0))
}

/// Dots, or bars from 0 where there is a `roof`, beside their names.
fn beside<X>(
    entries: &[Entry<'_>],
    axis: X,
    format: &dyn Fn(f64) -> String,
    roof: Option<f64>,
) -> Drawn<String>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let rows = i32::try_from(entries.len())?;
    draw(60 + 34 * rows.unsigned_abs(), |root| {
        let mut chart = ChartBuilder::on(root)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(axis, f64::from(rows)..0.0)?;
        chart
            .configure_mesh()
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(text(15))
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(8)
            .x_label_formatter(&|x| format(*x))
            .draw()?;
        let (across, down) = chart.plotting_area().get_pixel_range();
        for (entry, row) in entries.iter().zip(0..) {
            for &(series, number) in &entry.numbers {
                let color = SERIES[series].filled();
                // The series lie one below the other.
                let y = f64::from(row) + if series == 0 { 0.32 } else { 0.68 };
                if roof.is_some() {
                    let bar = Rectangle::new([(0.0, y - 0.15), (number, y + 0.15)], color);
                    chart.draw_series([bar])?;
                } else {
                    chart.draw_series([Circle::new((number, y), 5, color)])?;
                }
            }
            let middle = down.start + (down.end - down.start) * (2 * row + 1) / (2 * rows);
            root.draw(&Text::new(entry.name, (across.start - 10, middle), named()))?;
        }
        if let Some(roof) = roof {
            let ends = [(roof, 0.0), (roof, f64::from(rows))].into_iter();
            chart.draw_series(DashedLineSeries::new(ends, 4, 4, TEXT.stroke_width(1)))?;
        }
        Ok(())
    })
}

fn draw(height: u32, draw: impl FnOnce(&Root<'_>) -> Drawn<()>) -> Drawn<String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    draw(&root)?;
    root.present()?;
    drop(root);
    Ok(svg)
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&TEXT)
}

fn named() -> TextStyle<'static> {
    text(16).pos(Pos::new(HPos::Right, VPos::Center))
}

/// The least and the largest number, with room for a factor beyond both.
fn span(numbers: impl Iterator<Item = f64>, room: f64) -> (f64, f64) {
    let (low, high) =
        numbers.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    if low > 0.0 && low <= high { (low / room, high * room) } else { (1.0, 10.0) }
}

/// A size, which is a power of 2.
fn power_of_two(size: f64) -> String {
    let digits: Vec<char> =
        "\u{2070}\u{b9}\u{b2}\u{b3}\u{2074}\u{2075}\u{2076}\u{2077}\u{2078}\u{2079}"
            .chars()
            .collect();
    let power = size.log2().round().to_string();
    let raised =
        power.chars().filter_map(|c| c.to_digit(10)).filter_map(|d| digits.get(d as usize));
    format!("2{}", raised.collect::<String>())
}

/// A number without needless zeros.
fn plain(x: f64) -> String {
    match x {
        _ if x >= 1e9 => format!("{} G", x / 1e9),
        _ if x >= 1e6 => format!("{} M", x / 1e6),
        _ if x >= 1e3 => format!("{} k", x / 1e3),
        _ => format!("{}", (x * 1e6).round() / 1e6),
    }
}
