//! Loops of many rounds: right numbers up to the limit, an error past it, and never a loop without end.

use super::case::{named, terms_and_slopes};
use crate::common::{Random, assert_agrees, assert_close, backends, bits, tensor, with_limits};
use wgloss::{Batch, Custom, DType, Error, Output, Reduction, Request, Sink, TensorKind};

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
pub(super) struct Nothing;

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
    for rounds in [1, 390, 4000] {
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

#[test]
fn a_series_of_3000_terms() {
    let source = "fn value(p: f32, t: f32) -> f32 {
        var y = 0.0;
        for (var k = 3000; k > 0; k--) { y += t / (f32(k) * f32(k) + p * p); }
        return y;
    }";
    let of = |i: usize| {
        let (p, t) = (((i % 64) as f64 - 31.0) / 64.0, ((i % 64) as f64 - 31.0) / 128.0);
        let [mut y, mut by_p, mut by_t] = [0.0; 3];
        for k in (1..=3000).rev() {
            let below = f64::from(k * k) + p * p;
            y += t / below;
            by_p -= 2.0 * p * t / (below * below);
            by_t += 1.0 / below;
        }
        [y, by_p, by_t]
    };
    let want: Vec<[f64; 3]> = (0..64).map(of).collect();
    evaluate(source, |name, got| {
        for (k, got) in got.expect("few enough rounds").iter().enumerate() {
            let want: Vec<f64> = (0..COUNT).map(|i| want[i % 64][k]).collect();
            assert_close(&format!("{k} on {name}"), got, &want, 1.0);
        }
    });
}

/// Loops change neither the order of a sum nor what a broadcast input's gradient adds up.
#[test]
fn sums_are_those_without_loops() {
    let text = |body: &str| {
        format!("fn value(p: f32, t: f32) -> f32 {{ var y = p * t; {body} return y; }}")
    };
    let [plain, looped] = ["", "for (var i = 0; i < 3; i++) { y = -y; y = -y; }"]
        .map(|body| Custom::new(&text(body)).expect("a loss"));
    let mut random = Random(3);
    for count in [3, 100, 4096, COUNT + 777] {
        let mut column = |_| -> Vec<f64> { (0..count).map(|_| random.unit() - 0.25).collect() };
        let inputs = named(&[column(0), column(1)]);
        for (reduction, totals) in [(Reduction::Sum, false), (Reduction::Mean, true)] {
            for gradients in [&[][..], &["p", "t"]] {
                let request = Request { reduction, gradients, totals, ..Request::default() };
                let batch = Batch { inputs: &inputs, request, ..Batch::default() };
                let all = backends().into_iter().flat_map(|(name, backend)| {
                    [&plain, &looped].map(|loss| {
                        let got = backend.evaluate_blocking(loss, &batch);
                        (name, bits(&got.unwrap_or_else(|e| panic!("{count}: {e}"))))
                    })
                });
                let all: Vec<_> = all.collect();
                for (name, own) in &all {
                    assert!(
                        *own == all[0].1,
                        "{count} terms, {reduction}, {gradients:?} on {name}"
                    );
                }
            }
        }
    }
}

/// Where an invocation adds up a broadcast input's gradient, it has few terms too.
#[test]
fn broadcast_inputs_of_many_rounds() {
    let loss = Custom::new(&sum_of_rounds(4000)).expect("a loss");
    let numbers: Vec<f64> = (0..1600).map(|i| ((i % 64) as f64 - 31.0) / 64.0).collect();
    let inputs = [
        ("p", tensor(DType::F32, &[16, 100], &numbers)),
        ("t", tensor(DType::F32, &[16, 1], &numbers[..16])),
    ];
    let request = Request::with_gradients(&["p", "t"]);
    assert_agrees("many rounds", &loss, &Batch { inputs: &inputs, request, ..Batch::default() });
}

/// So few elements of an invocation are many invocations.
#[test]
fn a_device_of_small_workgroups() {
    let backend = with_limits(wgpu::Limits {
        max_compute_invocations_per_workgroup: 128,
        max_compute_workgroup_size_x: 128,
        ..wgpu::Limits::downlevel_defaults()
    });
    let loss = Custom::new(&sum_of_rounds(2)).expect("a loss");
    let inputs = named(&[vec![1.0], vec![2.0]]);
    match backend.evaluate_blocking(&loss, &terms_and_slopes(&inputs)) {
        Err(Error::Limit { got: 256, limit: 128, name, .. }) => {
            assert_eq!(name, "max_compute_invocations_per_workgroup");
        }
        other => panic!("{other:?}"),
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
            assert!(reason.contains("more than 4000 rounds"), "{name}: {reason}");
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
    assert_given_up(&sum_of_rounds(4001));
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
            for (var i = 0; i < 80; i++) { for (var j = 0; j < 50; j++) { y += t; } }
            return y;
        }",
    );
    assert_given_up(
        "fn turns(x: f32) -> f32 { var y = x; for (var i = 0; i < 1340; i++) { y += x; } return y; }
        fn value(p: f32, t: f32) -> f32 { return turns(p) + turns(t) + turns(p * t); }",
    );
}

/// One element is enough, and the first is named.
#[test]
fn elements_that_go_on_too_long() {
    let source = "fn value(p: f32, t: f32) -> f32 {
        var y = 0.0;
        for (var i = 0.0; i < p * 8600.0; i += 1.0) { y += t; }
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
        for (var i = 0; i < 60; i++) { for (var j = 0; j < 60; j++) { y += t; } }
        return y;
    }";
    evaluate(source, |name, got| {
        let got = got.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(got[0].iter().filter(|x| x.is_nan()).count(), COUNT / 64 * 31, "{name}");
        assert_eq!(got[0][31], 0.0, "{name}");
    });
}

/// Lanes that go different ways through loops take turns, and some drivers count the rounds of all: so loops that
/// depend on an element's numbers have fewer rounds, as many as are right whatever the others do.
#[test]
fn loops_that_lanes_go_through_by_turns() {
    let by_turns = |rounds: u32| {
        format!(
            "fn value(p: f32, t: f32) -> f32 {{
                var y = 0.0;
                let n = select(0, {rounds}, t > 0.0);
                let m = {rounds} - n;
                for (var i = 0; i < n; i++) {{ y += p; }}
                for (var i = 0; i < m; i++) {{ y += p; }}
                return y;
            }}"
        )
    };
    let branches = |rounds: u32| {
        format!(
            "fn a(x: f32) -> f32 {{ var y = 0.0; for (var i = 0; i < {rounds}; i++) {{ y += x; }} return y; }}
            fn b(x: f32) -> f32 {{ var y = 0.0; for (var i = 0; i < {rounds}; i++) {{ y += x; }} return y; }}
            fn value(p: f32, t: f32) -> f32 {{
                if (t > 0.0) {{ return a(p); }}
                return b(p);
            }}"
        )
    };
    let nested = |rounds: u32| {
        format!(
            "fn value(p: f32, t: f32) -> f32 {{
                var y = 0.0;
                let own = i32(64.0 * p + 31.0) % 16;
                for (var i = 0; i < 16; i++) {{
                    for (var j = 0; j < select(0, {rounds}, i == own); j++) {{ y += p; }}
                }}
                return y;
            }}"
        )
    };
    for (what, source, rounds) in [
        ("in a row", by_turns(1999), 1999.0),
        ("branches", branches(1999), 1999.0),
        ("nested", nested(200), 200.0),
    ] {
        evaluate(&source, |name, got| {
            let got = got.unwrap_or_else(|e| panic!("{what} on {name}: {e}"));
            let want: Vec<f64> =
                (0..COUNT).map(|i| rounds * ((i % 64) as f64 - 31.0) / 64.0).collect();
            assert_close(&format!("{what} on {name}"), &got[0], &want, rounds);
            assert_close(&format!("{what} on {name}"), &got[1], &[rounds; COUNT], rounds);
        });
    }
    for (source, most) in [(by_turns(2001), "2000"), (branches(2001), "2000"), (nested(251), "250")]
    {
        evaluate(&source, |name, got| {
            let error = got.expect_err("too many rounds").to_string();
            assert!(error.contains(&format!("more than {most} rounds in all")), "{name}: {error}");
        });
    }
}
