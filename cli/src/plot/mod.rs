//! `wgloss plot`: losses and their slopes against an input. `wgloss eval` draws histograms.

mod axis;
mod chart;
mod curve;
mod font;
mod head;
mod histogram;
mod panel;
mod picture;
mod raster;

pub(crate) use histogram::histogram;
pub(crate) use picture::{Drawn, Format, GRID, TEXT};

use crate::error::{Error, Result};
use crate::outputs::Output;
use chart::{Chart, Line};
use clap::Args;
use curve::Curve;
use picture::SERIES;
use wgloss_kit::curves::{self, Points};
use wgloss_kit::numbers::plain;

/// The points of a curve, with both ends: at least one for each pixel, so that a kink is sharp.
const POINTS: u16 = 1201;
/// The names that a title has room for.
const NAMED: usize = 4;

/// The arguments of `wgloss plot`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each LOSS is followed by its own options and by values of its inputs, and the same loss may come again.
A LOSS whose name ends in .wgsl is a custom one. What NAME=VALUE stands before the first LOSS is of the
one that --custom names.

The loss is drawn above its slope, which is the derivative by the input. Inputs that have no value
are 0, or 1 where 0 is not meant (signs, probabilities, variances); weights are left out. Of a loss
over rows one number of a row varies: of three classes, the first of which is the target, or of
vectors of two numbers. A list such as input=0,1,2 sets a row, and --by input[1] varies its second
number. A loss whose shapes are its own has a small example, of whose numbers one varies: lists have
its tables row by row, --by linear_weight[2,0] varies the first number of the third row, and
log-probabilities are set and varied by their logits. Everything is evaluated by the CPU backend,
with no formula of the plot's own.

Examples: wgloss plot l1 mse smooth_l1 beta=1 --out smooth_l1.svg
          wgloss plot huber delta=0.5 huber delta=2 target=1 --from -2 --to 4 --out huber.png
          wgloss plot cross_entropy input=0,1,2 target=2 --by input[2] --out cross_entropy.svg
          wgloss plot ctc --by log_probs[0,1] --out ctc.svg
          wgloss plot --custom my_loss.wgsl delta=0.5 t=1 mse target=1 --out my_loss.svg")]
pub(crate) struct Plot {
    /// The losses, each with its options and values of its inputs
    #[arg(value_name = "LOSS [NAME=VALUE...]", required_unless_present = "custom")]
    words: Vec<String>,
    /// A WGSL file with `fn value`, drawn first; its gradient is derived
    #[arg(long, value_name = "FILE")]
    custom: Option<String>,
    /// The input to plot against, NAME or NAME[INDEX]; if none is named, the first with a gradient
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The least number to plot at, -3 or where the input's numbers begin
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    from: Option<f32>,
    /// The largest number to plot at, 3 or where the input's numbers end
    #[arg(long, value_name = "B", allow_negative_numbers = true)]
    to: Option<f32>,
    /// The picture, a .svg or .png file
    #[arg(long, value_name = "FILE")]
    out: String,
}

impl Plot {
    /// Evaluates and draws.
    pub(crate) fn run(self) -> Result<String> {
        let format = Format::of("--out", &self.out)?;
        let output = Output::new("--out".into(), &self.out, &[format.ending()])?;
        let words = curve::split(self.custom.as_deref(), &self.words)?;
        if words.len() > SERIES.len() {
            let most = format!("at most {}, which can be told apart", SERIES.len());
            return Err(Error::argument("LOSS", format!("{} losses", words.len()), most));
        }
        let by = self.by.as_deref();
        let curves = words.iter().map(|words| Curve::new(words, by)).collect::<Result<Vec<_>>>()?;
        let (from, to) = self.range(&curves)?;
        let chart = chart(&curves, from, to)?;
        let bytes = format.paint(&chart);
        let bytes = bytes.map_err(|error| Error::file("--out", &self.out, error))?;
        output.write_whole(&bytes)?;
        Ok(format!("written  {}\n", self.out))
    }

    /// The ends of the axis: as asked for, or what all inputs may be.
    fn range(&self, curves: &[Curve]) -> Result<(f32, f32)> {
        let [from, to] = curves::range(curves.iter().map(|curve| &curve.curve));
        let (from, to) = (self.from.unwrap_or(from), self.to.unwrap_or(to));
        for (name, x) in [("--from", from), ("--to", to)] {
            if !x.is_finite() {
                return Err(Error::argument(name, x.to_string(), "a finite number"));
            }
        }
        if from >= to {
            return Err(Error::argument(
                "--from",
                from.to_string(),
                format!("less than --to {to}"),
            ));
        }
        Ok((from, to))
    }
}

fn chart(curves: &[Curve], from: f32, to: f32) -> Result<Chart> {
    let (start, end) = (f64::from(from), f64::from(to));
    let xs = curves::points(from, to, POINTS);
    let mut lines = Vec::new();
    for curve in curves {
        let Points { values, slopes } = pollster::block_on(curve.curve.evaluate(&xs))?;
        let points = [values, slopes].map(|ys| {
            let points = xs.iter().zip(ys);
            points.map(|(x, y)| (f64::from(*x), f64::from(y))).collect::<Vec<_>>()
        });
        if !points[0].iter().any(|(_, y)| y.is_finite()) {
            let others = curve.curve.others();
            let with = if others.is_empty() { others } else { format!(" with {others}") };
            let range = format!("{} to {}", plain(from), plain(to));
            let got = format!("{range}, where {}{with} is nowhere finite,", curve.name);
            return Err(Error::argument("--from, --to", got, "numbers at which it is"));
        }
        lines.push(Line { name: curve.name.clone(), points });
    }
    let mut x_names: Vec<String> = Vec::new();
    for label in curves.iter().map(|curve| curve.curve.label()) {
        if !x_names.contains(&label) {
            x_names.push(label);
        }
    }
    Ok(Chart {
        title: title(curves),
        notes: notes(curves),
        x_name: x_names.join(", "),
        from: start,
        to: end,
        lines,
    })
}

/// The losses' names.
fn title(curves: &[Curve]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for curve in curves {
        if !names.contains(&curve.loss) {
            names.push(curve.loss);
        }
    }
    match names.len() {
        0..=NAMED => names.join(", "),
        many => format!("{many} losses"),
    }
}

/// What the other numbers are, once where they are the same.
fn notes(curves: &[Curve]) -> Vec<String> {
    let mut notes: Vec<(String, Vec<&str>)> = Vec::new();
    for curve in curves {
        let others = curve.curve.others();
        match notes.iter_mut().find(|(note, _)| *note == others) {
            Some((_, names)) => names.push(&curve.name),
            None => notes.push((others, vec![&curve.name])),
        }
    }
    let several = notes.len() > 1;
    let note = |(note, names): (String, Vec<&str>)| {
        if several { format!("{}: {note}", names.join(", ")) } else { note }
    };
    notes.into_iter().filter(|(note, _)| !note.is_empty()).map(note).collect()
}
