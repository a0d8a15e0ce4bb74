//! Loops of many rounds: right numbers up to the limit, an error past it, and never a loop without end.

use super::case::{named, terms_and_slopes};
use crate::common::{assert_close, backends};
use wgloss::{Custom, Error, Output, Sink, TensorKind};

/// Whole blocks, so that every invocation takes all the elements that it can.
const COUNT: usize = 2 * 4096;

/// Evaluates with all gradients, and calls `check` with the backend's name and the columns, or the error.
fn evaluate(source: &str, mut check: impl FnMut(&str, Result<Vec<Vec<f32>>, Error>)) {
    let loss = Custom::new(source).unwrap_or_else(|e| panic!("{source}: {e}"));
    let column = |step: f64| (0..COUNT).map(|i| ((i % 64) as f64 - 31.0) * step).collect();
    let columns: Vec<Vec<f64>> = vec![column(1.0 / 64.0), column(1.0 / 128.0)];
    let inputs = named(&columns);
    let batch = terms_and_slopes(&inputs);
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).map(|got| {
            let value = got.value.as_ref().expect("a value").to_f32().to_vec();
            let slopes = got.gradients.iter().map(|(_, slope)| slope.to_f32().to_vec());
            [value].into_iter().chain(slopes).collect()
        });
        check(name, got);
        // What has been given away is looked through too.
        let mut sink = Nothing;
        let given = backend.evaluate_to_blocking(&loss, &batch, &mut sink).map(|_| Vec::new());
        if given.is_err() {
            check(name, given);
        }
    }
}

/// Takes everything, and keeps nothing.
struct Nothing;

impl Sink for Nothing {
    fn begin(&mut self, _: &[(Output, TensorKind)]) -> std::io::Result<()> {
        Ok(())
    }

    fn take(&mut self, _: Output, _: &[u8]) -> std::io::Result<()> {
        Ok(())
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
    for rounds in [1, 390, 500] {
        evaluate(&sum_of_rounds(rounds), |name, got| {
            let got = got.expect("few enough rounds");
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

/// That is said, with the place of the first loop.
#[track_caller]
fn assert_given_up(source: &str) {
    let mut times = 0;
    let offset = ["for (", "while (", "loop {"].iter().filter_map(|word| source.find(word)).min();
    let before = &source[..offset.expect("a loop")];
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().expect("a line").len();
    evaluate(source, |name, got| match got {
        Err(Error::Custom { line: own, column: place, reason }) => {
            assert_eq!((own, place), (line, column), "{name}: {reason}\n{source}");
            assert!(reason.contains("more than 500 rounds"), "{name}: {reason}");
            assert!(reason.starts_with("with p = "), "{name}: {reason}");
            times += 1;
        }
        Err(other) => panic!("{name}: {other}\n{source}"),
        Ok(_) => panic!("{name}: no error of\n{source}"),
    });
    assert_eq!(times, 4, "{source}");
}

#[test]
fn too_many_rounds() {
    assert_given_up(&sum_of_rounds(501));
    assert_given_up(&sum_of_rounds(2_000_000_000));
    for condition in ["true", "p == p", "y > -1.0", "i >= 0"] {
        assert_given_up(&format!(
            "fn value(p: f32, t: f32) -> f32 {{
                var y = p * p; let i = 0;
                while ({condition}) {{ y = y + t * t; if (y < -1.0) {{ break; }} }}
                return y;
            }}"
        ));
    }
    // Of loops within each other and one after the other together, and in helpers.
    assert_given_up(
        "fn value(p: f32, t: f32) -> f32 {
            var y = p;
            for (var i = 0; i < 25; i++) { for (var j = 0; j < 20; j++) { y += t; } }
            return y;
        }",
    );
    assert_given_up(
        "fn turns(x: f32) -> f32 { var y = x; for (var i = 0; i < 180; i++) { y += x; } return y; }
        fn value(p: f32, t: f32) -> f32 { return turns(p) + turns(t) + turns(p * t); }",
    );
}

/// One element is enough, and the first is named.
#[test]
fn elements_that_go_on_too_long() {
    let source = "fn value(p: f32, t: f32) -> f32 {
        var y = 0.0;
        for (var i = 0.0; i < p * 1100.0; i += 1.0) { y += t; }
        return y;
    }";
    evaluate(source, |name, got| match got {
        Err(Error::Custom { line: 3, reason, .. }) => {
            assert!(reason.starts_with("with p = 0.46875, t = 0.234375 "), "{name}: {reason}");
        }
        Err(other) => panic!("{name}: {other}"),
        Ok(_) => panic!("{name}: no error"),
    });
}

/// NaN that no loop makes stays what it is.
#[test]
fn nan_beside_loops() {
    let source = "fn value(p: f32, t: f32) -> f32 {
        var y = sqrt(p);
        for (var i = 0; i < 20; i++) { for (var j = 0; j < 20; j++) { y += t; } }
        return y;
    }";
    evaluate(source, |name, got| {
        let got = got.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(got[0].iter().filter(|x| x.is_nan()).count(), COUNT / 64 * 31, "{name}");
        assert_eq!(got[0][31], 0.0, "{name}");
    });
}
