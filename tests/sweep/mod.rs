//! Values and slopes of the losses against float64, relative to each number itself rather than to the
//! largest one beside it: no loss may lose digits that its inputs hold. Inputs are of every size and
//! sign that a domain has, denormal numbers included, near 0, 1/2, 1 and 2, and in pairs that are
//! units of the last place apart.

mod cancelling;
mod elements;
mod rows;

use crate::common::{backends, differentiable};
use std::collections::BTreeMap;
use wgloss::definition::{Domain, Setting};
use wgloss::{Batch, Evaluation, Loss, Reduction, Request, Tensor, losses, reference};

/// How close the numbers around 1/2, 1 and 2 lie.
#[derive(Clone, Copy)]
enum Spacing {
    Coarse,
    Dense,
}

/// Positive numbers around 1/2, 1 and 2; coarse ones also denormal and of every size.
#[expect(clippy::cast_possible_truncation, reason = "float32 inputs are the purpose")]
fn positive(spacing: Spacing) -> Vec<f64> {
    let spread = |count: i32, step: f64| {
        (0..count).map(move |i| 0.137 * 10f64.powf(-step * f64::from(i))).collect::<Vec<_>>()
    };
    let (others, distances) = match spacing {
        Spacing::Dense => (vec![], spread(2000, 0.002)),
        Spacing::Coarse => {
            let denormal = [1, 0x1234, 0x7f_ffff].map(|bits| f64::from(f32::from_bits(bits)));
            let spaced = (-63..64).map(|i| 1.37 * 10f64.powf(f64::from(i) * 0.59));
            let units = [0.0, 1.0, 2.0, 5.0].map(|n| n * 2f64.powi(-23));
            let distances = [&units[..], &spread(11, 0.59)].concat();
            (denormal.into_iter().chain(spaced).collect(), distances)
        }
    };
    let around =
        |centre: f64| distances.iter().flat_map(move |d| [-d, *d].map(|d| centre + centre * d));
    let near = [0.5, 1.0, 2.0].into_iter().flat_map(around);
    others.into_iter().chain(near).map(|x| f64::from(x as f32)).collect()
}

/// The numbers of a domain.
#[expect(clippy::cast_possible_truncation, reason = "float32 inputs are the purpose")]
fn numbers(domain: Domain, spacing: Spacing) -> Vec<f64> {
    let all = positive(spacing).into_iter();
    match domain {
        Domain::Unit => {
            let low = all.filter(|&x| x <= 1.0);
            let both = low.flat_map(|x| [x, f64::from((1.0 - x) as f32)]);
            both.chain([0.0, 1.0]).collect()
        }
        Domain::NonNegative => all.chain([0.0]).collect(),
        Domain::NonPositive => all.map(|x| -x).chain([0.0]).collect(),
        Domain::Sign => vec![1.0, -1.0],
        Domain::Binary => vec![1.0, 0.0],
        _ => all.flat_map(|x| [x, -x]).chain([0.0]).collect(),
    }
}

/// The float32 number `steps` units of the last place farther from 0, or x itself where that is past 0
/// or the largest one.
#[expect(clippy::cast_possible_truncation, reason = "float32 inputs are the purpose")]
fn moved(x: f64, steps: i32) -> f64 {
    let moved = (x as f32).to_bits().checked_add_signed(steps).map(f32::from_bits);
    let moved = moved.map_or(x, f64::from);
    if moved.is_finite() && moved * x >= 0.0 { moved } else { x }
}

/// Whether a number agrees with what is wanted, up to 1e-5 of itself, 1e-6 of what cancels in it, and
/// what float32 cannot hold: a denormal number may count as 0, also as a factor of a logarithm.
fn agrees(got: f32, want: f64, cancels: f64) -> bool {
    const LARGEST: f64 = f32::MAX as f64;
    const FLOOR: f64 = 128.0 * f32::MIN_POSITIVE as f64;
    let got = f64::from(got);
    if cancels > LARGEST && !got.is_finite() {
        return true; // of terms beyond float32 there is no difference
    }
    if want.is_nan() || got.is_nan() {
        return want.is_nan() && got.is_nan();
    }
    let [got, want] = [got, want].map(|x| x.clamp(-1.00001 * LARGEST, 1.00001 * LARGEST));
    (got - want).abs() <= 1e-5 * want.abs() + 1e-6 * cancels + FLOOR
}

/// The disagreements, counted, with the worst of each backend, loss and output.
#[derive(Default)]
struct Wrong(BTreeMap<String, (usize, f64, String)>);

impl Wrong {
    fn check(&mut self, what: &str, x: &[f64], got: f32, want: f64, cancels: f64) {
        if agrees(got, want, cancels) {
            return;
        }
        let error = (f64::from(got) - want).abs() / want.abs();
        let worst = self.0.entry(what.into()).or_insert((0, 0.0, String::new()));
        worst.0 += 1;
        if error >= worst.1 || error.is_nan() {
            worst.1 = error;
            worst.2 = format!("at {x:?} {got:e}, not {want:e}, in which {cancels:e} cancel");
        }
    }

    #[track_caller]
    fn assert_none(&self) {
        let line = |(what, (count, _, worst)): (&String, &(usize, f64, String))| {
            format!("{what}: {count} times, worst {worst}")
        };
        let lines: Vec<String> = self.0.iter().map(line).collect();
        assert!(lines.is_empty(), "digits are lost:\n{}", lines.join("\n"));
    }
}

/// A loss with its defaults, and with each option set to other values.
fn variants(name: &str) -> Vec<Box<dyn Loss>> {
    let new = || losses::by_name(name).expect("a loss of the catalogue");
    let others = |(option, setting): (&'static str, Setting<'_>)| {
        let others: Vec<&str> = match (option, setting) {
            (_, Setting::Flag(_)) => vec!["true", "false"],
            (_, Setting::Integer(_)) => vec!["1", "2"],
            (_, Setting::Choice(choice)) => choice.names().to_vec(),
            ("eps", _) => vec!["1e-3"],
            ("gamma", _) => vec!["0", "0.5", "1"],
            ("alpha", _) => vec!["-1"],
            ("p", _) => vec!["1", "3"],
            _ => vec!["0.7"],
        };
        others.into_iter().map(move |other| (option, other)).collect::<Vec<_>>()
    };
    let changed = |(option, other): (&'static str, &str)| {
        let mut loss = new();
        for (name, mut setting) in loss.options() {
            if name == option {
                setting.set(name, other).expect("a valid option");
            }
        }
        // What some choices need.
        for (name, mut setting) in loss.options() {
            if name == "label_smoothing" && option == "loss_type" && needs_smoothing(other) {
                setting.set(name, "0.1").expect("a valid option");
            }
        }
        loss
    };
    let changes: Vec<_> = new().options().into_iter().flat_map(others).collect();
    [new()].into_iter().chain(changes.into_iter().map(changed)).collect()
}

fn needs_smoothing(choice: &str) -> bool {
    ["robust", "exo_pair"].contains(&choice)
}

/// What is wanted, and what both backends give.
fn evaluated(
    loss: &dyn Loss,
    inputs: &[(&str, Tensor<'_>)],
) -> (reference::Answer, [(&'static str, Evaluation); 2]) {
    let gradients = differentiable(loss, inputs);
    let request =
        Request { reduction: Reduction::None, gradients: &gradients, ..Request::default() };
    let batch = Batch { inputs, request, ..Batch::default() };
    let want = reference::evaluate(loss, &batch).expect("the reference takes it");
    let got = backends().map(|(name, backend)| {
        (name, backend.evaluate_blocking(loss, &batch).unwrap_or_else(|e| panic!("{loss:?}: {e}")))
    });
    (want, got)
}
