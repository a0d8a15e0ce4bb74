//! Random functions: the value and its slopes agree with Rust's, with differences, and on both
//! backends; the slopes' slopes with differences of the slopes.

use super::case::{named, points, slope, terms_and_slopes};
use super::tree::{Dual, HELPERS, Scope, Tree, trees};
use crate::common::{Random, backends};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::sync::atomic::{AtomicUsize, Ordering};
use wgloss::{Batch, Custom, Reduction, Request, reference};

const RANGES: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0)];

/// A function with every kind of statement.
#[derive(Clone, Debug)]
struct Function {
    lets: [Tree; 2],
    condition: [Tree; 2],
    accept: Tree,
    reject: Tree,
    rounds: usize,
    body: Tree,
    result: Tree,
}

impl Function {
    fn text(&self) -> String {
        let two = ["p", "t"];
        let three = ["p", "t", "a"];
        let four = ["p", "t", "a", "b"];
        let all = ["p", "t", "a", "b", "y"];
        format!(
            "{HELPERS}fn value(p: f32, t: f32) -> f32 {{
    let a = {};
    let b = {};
    var y = a;
    if ({} < {}) {{ y = {}; }} else {{ y -= {}; }}
    for (var i = 0; i < {}; i++) {{ y = 0.5 * y + {}; }}
    return {};
}}
",
            self.lets[0].text(&two),
            self.lets[1].text(&three),
            self.condition[0].text(&four),
            self.condition[1].text(&four),
            self.accept.text(&all),
            self.reject.text(&all),
            self.rounds,
            self.body.text(&all),
            self.result.text(&all),
        )
    }

    fn evaluate(&self, x: &[f64], noise: Option<&mut Random>) -> Dual {
        let names = vec![
            Dual { value: x[0], slopes: [1.0, 0.0] },
            Dual { value: x[1], slopes: [0.0, 1.0] },
        ];
        let mut scope = Scope { names, noise };
        for tree in &self.lets {
            let dual = scope.evaluate(tree);
            scope.names.push(dual);
        }
        let [less, more] = [0, 1].map(|i| scope.evaluate(&self.condition[i]));
        scope.names.push(scope.names[2]);
        scope.names[4] = if less.value < more.value {
            scope.evaluate(&self.accept)
        } else {
            let reject = scope.evaluate(&self.reject);
            let y = scope.names[4] - reject;
            scope.rounded(y)
        };
        for _ in 0..self.rounds {
            let body = scope.evaluate(&self.body);
            let y = Dual::constant(0.5) * scope.names[4] + body;
            scope.names[4] = scope.rounded(y);
        }
        scope.evaluate(&self.result)
    }

    /// Whether rounding, here and there, changes next to nothing.
    fn is_well_conditioned(&self, x: &[f64]) -> bool {
        let all = |dual: Dual| [dual.value, dual.slopes[0], dual.slopes[1]];
        let exact = all(self.evaluate(x, None));
        let mut random = Random(5);
        (0..12).all(|_| {
            let near = all(self.evaluate(x, Some(&mut random)));
            exact.iter().zip(near).all(|(exact, near)| {
                (exact - near).abs() <= 1.5e-6 * exact.abs() && exact.abs() < 1e6
            })
        })
    }
}

fn functions() -> impl Strategy<Value = Function> {
    let pair = || [trees(2), trees(2)];
    ([trees(3), trees(3)], pair(), [trees(3), trees(3), trees(3)], 0usize..4, trees(6)).prop_map(
        |(lets, condition, [accept, reject, body], rounds, result)| Function {
            lets,
            condition,
            accept,
            reject,
            rounds,
            body,
            result,
        },
    )
}

/// How many numbers were compared, and how many left out.
#[derive(Default)]
struct Counts {
    compared: AtomicUsize,
    skipped: AtomicUsize,
}

impl Counts {
    /// Counts one, and returns what it was given.
    fn count(&self, compared: bool) -> bool {
        let count = if compared { &self.compared } else { &self.skipped };
        count.fetch_add(1, Ordering::Relaxed);
        compared
    }

    /// Checks that at least so many of a hundred were compared.
    #[track_caller]
    fn check(&self, what: &str, percent: usize) {
        let [compared, skipped] =
            [&self.compared, &self.skipped].map(|count| count.load(Ordering::Relaxed));
        let all = compared + skipped;
        println!("{what}: {compared} of {all} compared");
        assert!(100 * compared >= percent * all, "{what}: {skipped} of {all} left out");
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(3),
        ..ProptestConfig::default()
    }
}

#[track_caller]
fn assert_near(what: &str, got: f64, want: f64, tolerance: f64) {
    assert!((got - want).abs() <= tolerance, "{what}: got {got:e}, want {want:e}");
}

/// The float64 value and slopes of a loss at these points.
fn columns_of(loss: &Custom, columns: &[Vec<f64>], gradients: &[&str]) -> Vec<Vec<f64>> {
    let inputs = named(columns);
    let batch = Batch {
        inputs: &inputs,
        request: Request { reduction: Reduction::None, gradients, ..Request::default() },
        ..Batch::default()
    };
    let answer = reference::evaluate(loss, &batch).expect("a valid batch");
    [answer.value].into_iter().chain(answer.gradients.into_iter().map(|(_, of)| of)).collect()
}

fn check_first(function: &Function, differences: &Counts, float32: &Counts) {
    let text = function.text();
    let loss = Custom::new(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let columns = points(RANGES, &mut Random(11));
    let want = columns_of(&loss, &columns, &["p", "t"]);
    let value = |x: &[f64]| function.evaluate(x, None).value;
    let inputs = named(&columns);
    let batch = terms_and_slopes(&inputs);
    let evaluated = backends().map(|(name, backend)| {
        let got =
            backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let slopes = got.gradients.iter().map(|(_, slopes)| slopes.to_f32().to_vec());
        let value = got.value.as_ref().expect("a value").to_f32().to_vec();
        (name, [value].into_iter().chain(slopes).collect::<Vec<_>>())
    });
    let point = |place: usize| [columns[0][place], columns[1][place]];
    let good = |place: &usize| float32.count(function.is_well_conditioned(&point(*place)));
    let good: Vec<usize> = (0..columns[0].len()).filter(good).collect();
    let largest = |of: &Vec<f64>| good.iter().fold(0.0, |most: f64, &k| most.max(of[k].abs()));
    let scales: Vec<f64> = want.iter().map(largest).collect();
    for &place in &good {
        let x = point(place);
        let exact = function.evaluate(&x, None);
        let exact = [exact.value, exact.slopes[0], exact.slopes[1]];
        for (i, &exact) in exact.iter().enumerate() {
            let what = format!("{} at {x:?} of\n{text}", ["value", "by p", "by t"][i]);
            // naga folds constants such as the slope of `p / 1.25` in float32.
            assert_near(&what, want[i][place], exact, 1e-6 * exact.abs());
            for (name, got) in &evaluated {
                let (got, want) = (f64::from(got[i][place]), want[i][place]);
                let what = format!("on {name}, {what}");
                assert_near(&what, got, want, 1e-5 * want.abs() + 1e-6 * scales[i]);
            }
        }
        for i in 0..2 {
            let slope = slope(&value, &x, i);
            if differences.count(slope.is_some())
                && let Some(slope) = slope
            {
                let what = format!("difference {i} at {x:?} of\n{text}");
                let size = slope.abs() + exact[0].abs().max(0.1);
                assert_near(&what, want[1 + i][place], slope, 1e-6 * size);
            }
        }
    }
}

#[test]
fn slopes() {
    let (differences, float32) = (Counts::default(), Counts::default());
    proptest!(config(120), |(function in functions())| {
        check_first(&function, &differences, &float32);
    });
    differences.check("differences", 90);
    float32.check("well-conditioned points", 60);
}

#[test]
fn slopes_of_slopes() {
    let differences = Counts::default();
    proptest!(config(80), |(function in functions())| {
        let text = function.text();
        let loss = Custom::new(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let slope_loss = loss.derivative("p").unwrap_or_else(|e| panic!("{e}\n{text}"));
        let columns = points(RANGES, &mut Random(13));
        let got = columns_of(&slope_loss, &columns, &["p", "t"]);
        let first = columns_of(&loss, &columns, &["p"]);
        for (place, (&got, &want)) in got[0].iter().zip(&first[1]).enumerate() {
            if want.is_finite() {
                let what = format!("slope at {place} of\n{text}");
                assert_near(&what, got, want, 1e-9 * (want.abs() + first[0][place].abs()));
            }
        }
        for place in 0..columns[0].len() {
            let x = [columns[0][place], columns[1][place]];
            let value = |x: &[f64]| function.evaluate(x, None).slopes[0];
            for i in 0..2 {
                let second = slope(&value, &x, i).filter(|_| value(&x).abs() < 1e6);
                if differences.count(second.is_some())
                    && let Some(second) = second
                {
                    let what = format!("second slope {i} at {x:?} of\n{text}");
                    let size = second.abs() + value(&x).abs().max(0.1);
                    assert_near(&what, got[1 + i][place], second, 1e-6 * size);
                }
            }
        }
    });
    differences.check("differences of slopes", 75);
}
