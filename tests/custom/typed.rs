//! Random programs of floats, integers and conditions, with every kind of statement: what they come to
//! agrees with an evaluator of their trees, the slopes with its differences, and both backends with both.

use super::case::{named, points, slope, terms_and_slopes};
use super::program::{Noise, Program};
use crate::common::{Random, backends};
use wgloss::{Custom, reference};

const RANGES: &[(f64, f64)] = &[(-2.0, 2.0), (-2.0, 2.0)];
const PROGRAMS: u64 = 60;

/// Whether rounding, here and there, changes next to nothing: no branch, and no integer.
fn is_well_conditioned(program: &Program, x: &[f64]) -> bool {
    let exact = program.value(x, &mut Noise::none());
    exact.abs() < 1e6
        && (0..8).all(|seed| {
            let near = program.value(x, &mut Noise::new(seed));
            (exact - near).abs() <= 2e-6 * exact.abs().max(1.0)
        })
}

#[test]
fn programs() {
    let (mut compared, mut differences, mut all) = (0, 0, 0);
    for seed in 0..PROGRAMS {
        let program = Program::random(seed);
        let text = program.text();
        let loss = Custom::new(&text).unwrap_or_else(|e| panic!("{seed}: {e}\n{text}"));
        let columns = points(RANGES, &mut Random(seed));
        let inputs = named(&columns);
        let batch = terms_and_slopes(&inputs);
        let want = reference::evaluate(&loss, &batch).expect("a valid batch");
        let got = backends().map(|(name, backend)| {
            let got = backend
                .evaluate_blocking(&loss, &batch)
                .unwrap_or_else(|e| panic!("{seed}, {name}: {e}\n{text}"));
            let slopes = got.gradients.iter().map(|(_, slopes)| slopes.to_f32().to_vec());
            let value = got.value.as_ref().expect("a value").to_f32().to_vec();
            (name, [value].into_iter().chain(slopes).collect::<Vec<_>>())
        });
        let formula = |x: &[f64]| program.value(x, &mut Noise::none());
        for place in 0..columns[0].len() {
            all += 1;
            let x = [columns[0][place], columns[1][place]];
            if !is_well_conditioned(&program, &x) {
                continue;
            }
            compared += 1;
            let exact = formula(&x);
            let what = format!("program {seed} at {x:?}, {place}");
            let near =
                |got: f64, want: f64, most: f64| (got - want).abs() <= most * want.abs().max(1.0);
            let value = want.value[place];
            assert!(near(value, exact, 1e-6), "{what}: {value:e}, want {exact:e}\n{text}");
            let slopes = [0, 1].map(|i| want.gradients[i].1[place]);
            for (backend, got) in &got {
                let value = f64::from(got[0][place]);
                assert!(
                    near(value, exact, 2e-5),
                    "{what}, {backend}: {value:e}, want {exact:e}\n{text}"
                );
                for (i, &want) in slopes.iter().enumerate() {
                    let slope = f64::from(got[1 + i][place]);
                    let size = want.abs().max(slopes[1 - i].abs()).max(exact.abs()).max(1.0);
                    let near = (slope - want).abs() <= 1e-4 * size;
                    assert!(near, "{what}, {backend}, {i}: {slope:e}, want {want:e}\n{text}");
                }
            }
            for (i, &got) in slopes.iter().enumerate() {
                let Some(slope) = slope(&formula, &x, i) else { continue };
                differences += 1;
                let near = (got - slope).abs() <= 2e-6 * (slope.abs() + exact.abs().max(1.0));
                assert!(near, "{what}, by {i}: {got:e}, difference {slope:e}\n{text}");
            }
        }
    }
    println!("{compared} of {all} points compared, {differences} slopes with differences");
    assert!(10 * compared > 6 * all && 10 * differences > 15 * compared, "too many left out");
}
