//! Loops of many rounds: right numbers up to the limit, NaN past it, and never a loop without end.

use super::case::named;
use crate::common::{assert_close, backends};
use wgloss::{Batch, Custom, Reduction, Request};

/// Whole blocks, so that every invocation takes all the elements that it can.
const COUNT: usize = 2 * 4096;

/// Evaluates with all gradients, and calls `check` with the backend's name and the columns.
fn evaluate(source: &str, mut check: impl FnMut(&str, Vec<Vec<f32>>)) {
    let loss = Custom::new(source).unwrap_or_else(|e| panic!("{source}: {e}"));
    let column = |step: f64| (0..COUNT).map(|i| ((i % 64) as f64 - 31.0) * step).collect();
    let columns: Vec<Vec<f64>> = vec![column(1.0 / 64.0), column(1.0 / 128.0)];
    let inputs = named(&columns);
    let gradients = &["p", "t"];
    let batch = Batch {
        inputs: &inputs,
        request: Request { reduction: Reduction::None, gradients, ..Request::default() },
        ..Batch::default()
    };
    for (name, backend) in backends() {
        let got =
            backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{name}: {e}"));
        let value = got.value.as_ref().expect("a value").to_f32().to_vec();
        let slopes = got.gradients.iter().map(|(_, slope)| slope.to_f32().to_vec());
        check(name, [value].into_iter().chain(slopes).collect());
    }
}

fn sum_of_rounds(rounds: u32) -> String {
    format!(
        "fn value(p: f32, t: f32) -> f32 {{
            var y = 0.0;
            for (var i = 0; i < {rounds}; i++) {{ y += p * t; }}
            return y;
        }}"
    )
}

#[test]
fn as_many_rounds_as_there_may_be() {
    for rounds in [1, 390, 400] {
        evaluate(&sum_of_rounds(rounds), |name, got| {
            let p = |i: usize| ((i % 64) as f64 - 31.0) / 64.0;
            let n = f64::from(rounds);
            for (i, factor) in [(0, 0.5), (1, 0.5), (2, 1.0)] {
                let of = |k| if i == 0 { n * p(k) * p(k) * factor } else { n * p(k) * factor };
                let want: Vec<f64> = (0..COUNT).map(of).collect();
                assert_close(&format!("{rounds} rounds, {i}, on {name}"), &got[i], &want, n);
            }
        });
    }
}

/// The value, and the slopes too: what is NaN is so altogether.
#[track_caller]
fn assert_nan(source: &str) {
    evaluate(source, |name, got| {
        for (i, column) in got.iter().enumerate() {
            let number = column.iter().position(|x| !x.is_nan());
            assert_eq!(number, None, "column {i} on {name}: a number of\n{source}");
        }
    });
}

#[test]
fn too_many_rounds() {
    assert_nan(&sum_of_rounds(401));
    assert_nan(&sum_of_rounds(2_000_000_000));
    for condition in ["true", "p == p", "y > -1.0", "i >= 0"] {
        assert_nan(&format!(
            "fn value(p: f32, t: f32) -> f32 {{
                var y = p * p; let i = 0;
                while ({condition}) {{ y = y + t * t; if (y < -1.0) {{ break; }} }}
                return y;
            }}"
        ));
    }
    // Of loops within each other and one after the other together, and in helpers.
    assert_nan(
        "fn value(p: f32, t: f32) -> f32 {
            var y = p;
            for (var i = 0; i < 20; i++) { for (var j = 0; j < 20; j++) { y += t; } }
            return y;
        }",
    );
    assert_nan(
        "fn turns(x: f32) -> f32 { var y = x; for (var i = 0; i < 150; i++) { y += x; } return y; }
        fn value(p: f32, t: f32) -> f32 { return turns(p) + turns(t) + turns(p * t); }",
    );
}

/// Elements with too many rounds do not touch their neighbours.
#[test]
fn elements_that_go_on_too_long() {
    let source = "fn value(p: f32, t: f32) -> f32 {
        var y = 0.0;
        for (var i = 0.0; i < p * 1000.0; i += 1.0) { y += t; }
        return y;
    }";
    evaluate(source, |name, got| {
        let p = |i: usize| ((i % 64) as f64 - 31.0) / 64.0;
        let rounds = |i| (p(i) * 1000.0).ceil().max(0.0);
        let bounded = |i, x: f64| if rounds(i) > 400.0 { f64::NAN } else { x };
        let value: Vec<f64> = (0..COUNT).map(|i| bounded(i, rounds(i) * p(i) * 0.5)).collect();
        assert_close(&format!("value on {name}"), &got[0], &value, 100.0);
        let slope: Vec<f64> = (0..COUNT).map(|i| bounded(i, rounds(i))).collect();
        assert_close(&format!("slope by t on {name}"), &got[2], &slope, 0.0);
    });
}
