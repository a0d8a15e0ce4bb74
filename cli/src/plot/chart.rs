//! Curves in two panels, one above the other: the losses, and their slopes.

use super::axis::Linear;
use super::head::{Head, Key, WIDTH};
use super::panel::{Axes, BELOW, frame, panel};
use super::picture::{AXIS, Drawn, Picture, SERIES, UNIT, stroke};
use plotters::coord::Shift;
use plotters::prelude::*;
use wgloss_kit::curves::heights;

/// The heights of both panels in pixels, without what is below the second.
const HEIGHTS: [i32; 2] = [270, 220];
/// How far a point may lie from the line between its neighbours and be left out, in units.
const CLOSE: f64 = 0.5;

type Point = (f64, f64);

/// A loss and its slope.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// In the order of the panels; what is not finite is a gap.
    pub(super) points: [Vec<Point>; 2],
}

/// Curves over the same numbers.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) notes: Vec<String>,
    /// What the curves are drawn against.
    pub(super) x_name: String,
    pub(super) from: f64,
    pub(super) to: f64,
    /// As many as there are colours, at most.
    pub(super) lines: Vec<Line>,
}

impl Chart {
    fn head(&self) -> Head {
        let keys = self.lines.iter().enumerate();
        let keys = keys.map(|(i, line)| Key { name: line.name.clone(), style: self.style(i) });
        Head { title: self.title.clone(), notes: self.notes.clone(), keys: keys.collect() }
    }

    /// Curves that coincide are all seen: those below are wider.
    fn style(&self, line: usize) -> ShapeStyle {
        let number = |count: usize| f64::from(u8::try_from(count).unwrap_or(u8::MAX));
        let step = f64::min(1.2, 4.2 / number(self.lines.len()));
        stroke(SERIES[line % SERIES.len()], 2.0 + step * number(self.lines.len() - 1 - line))
    }

    /// The panel's lowest and highest number.
    fn heights(&self, panel: usize) -> (f64, f64) {
        let numbers = |line: &Line| line.points[panel].iter().map(|(_, y)| *y).collect();
        heights(self.lines.iter().map(numbers))
    }
}

impl Picture for Chart {
    fn size(&self) -> Drawn<(u32, u32)> {
        let height = self.head().height()? + HEIGHTS.iter().sum::<i32>() + BELOW + 8;
        Ok((WIDTH.unsigned_abs(), height.unsigned_abs()))
    }

    fn draw<DB>(&self, root: &DrawingArea<DB, Shift>) -> Drawn<()>
    where
        DB: DrawingBackend<ErrorType: 'static>,
    {
        let head = self.head();
        head.draw(root)?;
        let (_, below) = root.split_vertically(head.height()? * UNIT);
        let (upper, lower) = below.split_vertically(HEIGHTS[0] * UNIT);
        // Names that do not fit beside a panel stand below it.
        let slope = match self.x_name.len() {
            0..=36 => format!("slope by {}", self.x_name),
            _ => "slope".into(),
        };
        for (i, (area, y_name)) in [(upper, "loss"), (lower, &slope)].into_iter().enumerate() {
            let (low, high) = self.heights(i);
            let x_name = (i == 1).then_some(&*self.x_name);
            let axes = Axes { x: self.from..self.to, y: Linear::from(low..high), x_name, y_name };
            let mut chart = panel(&area, axes)?;
            let zeros = [[(self.from, 0.0), (self.to, 0.0)], [(0.0, low), (0.0, high)]];
            let seen = [(low..high).contains(&0.0), (self.from..self.to).contains(&0.0)];
            for (ends, _) in zeros.into_iter().zip(seen).filter(|(_, seen)| *seen) {
                chart.draw_series([PathElement::new(ends, stroke(AXIS, 1.0))])?;
            }
            frame(&mut chart)?;
            let close = CLOSE * (high - low) / f64::from(HEIGHTS[i] * UNIT);
            for (j, line) in self.lines.iter().enumerate() {
                for part in visible(&line.points[i], low, high) {
                    let part = simplified(&part, close);
                    chart.draw_series([PathElement::new(part, self.style(j))])?;
                }
            }
        }
        Ok(())
    }
}

/// The parts of a curve between two heights.
fn visible(points: &[Point], low: f64, high: f64) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((start, end)) = clipped(pair[0], pair[1], low, high) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&start) => part.push(end),
            _ => parts.push(vec![start, end]),
        }
    }
    parts
}

/// The part of a line between two heights. One from below to above is the jump of a pole.
fn clipped(from: Point, to: Point, low: f64, high: f64) -> Option<(Point, Point)> {
    let side = |y: f64| i8::from(y > high) - i8::from(y < low);
    if !from.1.is_finite() || !to.1.is_finite() || (side(from.1) != 0 && side(to.1) != 0) {
        return None;
    }
    let end = |point: Point| {
        let edge = match side(point.1) {
            0 => return point,
            1 => high,
            _ => low,
        };
        (from.0 + (to.0 - from.0) * (edge - from.1) / (to.1 - from.1), edge)
    };
    Some((end(from), end(to)))
}

/// Without the points that lie on the line between others.
fn simplified(points: &[Point], close: f64) -> Vec<Point> {
    let [first, .., last] = points else { return points.to_vec() };
    let slope = (last.1 - first.1) / (last.0 - first.0);
    let far = |point: &Point| (point.1 - first.1 - slope * (point.0 - first.0)).abs();
    let inner = points.iter().enumerate().skip(1).take(points.len() - 2);
    let farthest = inner.max_by(|a, b| far(a.1).total_cmp(&far(b.1)));
    match farthest {
        Some((i, point)) if far(point) > close => {
            let mut left = simplified(&points[..=i], close);
            // It is the first of the right part too.
            left.pop();
            left.extend(simplified(&points[i..], close));
            left
        }
        _ => vec![*first, *last],
    }
}
