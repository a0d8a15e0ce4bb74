//! Random programs of floats, integers, conditions and vectors, with every kind of argument and statement:
//! what they come to agrees with an evaluator of their trees, the slopes with its differences, and both backends with both.

use super::case::{points, slope};
use super::program::{Argument, NAMES, Noise, Program, Type};
use crate::common::{Random, backends, tensor};
use wgloss::{Batch, Custom, DType, Reduction, Request, Tensor, reference};

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

/// A column for each number of the arguments.
fn columns(program: &Program, random: &mut Random) -> Vec<Vec<f64>> {
    let kinds = program.arguments().iter().flat_map(|own| own.kinds());
    let ranges: Vec<(f64, f64)> = kinds
        .clone()
        .map(|kind| match kind {
            Type::Float => (-2.0, 2.0),
            Type::Signed => (-1e9, 1e9),
            Type::Unsigned => (0.0, 4e9),
            Type::Bool => (0.0, 2.0),
        })
        .collect();
    let mut columns = points(&ranges, random);
    for (column, kind) in columns.iter_mut().zip(kinds) {
        for (i, x) in column.iter_mut().enumerate().filter(|_| kind != Type::Float) {
            // Small ones too.
            let small = kind != Type::Bool && i % 2 == 0;
            *x = if small { (*x / 1e8).trunc() } else { x.trunc() };
        }
    }
    columns
}

/// The arguments as tensors.
fn inputs(program: &Program, columns: &[Vec<f64>]) -> Vec<(&'static str, Tensor<'static>)> {
    let (mut rest, count) = (columns, columns[0].len());
    let mut one = |argument: &Argument| {
        let (own, others) = rest.split_at(argument.kinds().len());
        rest = others;
        let (dtype, shape) = match argument {
            Argument::Vector(size) => (DType::F32, vec![count, *size]),
            Argument::Number(Type::Float) => (DType::F32, vec![count]),
            Argument::Number(Type::Signed) => (DType::I32, vec![count]),
            Argument::Number(Type::Unsigned) => (DType::I64, vec![count]),
            Argument::Number(Type::Bool) => (DType::U8, vec![count]),
        };
        let numbers: Vec<f64> =
            (0..count).flat_map(|place| own.iter().map(move |column| column[place])).collect();
        tensor(dtype, &shape, &numbers)
    };
    NAMES.into_iter().zip(program.arguments()).map(|(name, own)| (name, one(own))).collect()
}

#[test]
fn programs() {
    let (mut compared, mut differences, mut all) = (0, 0, 0);
    for seed in 0..PROGRAMS {
        let program = Program::random(seed);
        let text = program.text();
        let loss = Custom::new(&text).unwrap_or_else(|e| panic!("{seed}: {e}\n{text}"));
        let columns = columns(&program, &mut Random(seed));
        let inputs = inputs(&program, &columns);
        let floats = inputs.iter().filter(|(_, tensor)| tensor.dtype().is_float());
        let gradients: Vec<&str> = floats.map(|(name, _)| *name).collect();
        let request =
            Request { reduction: Reduction::None, gradients: &gradients, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        // For each float among the numbers: which it is, its gradient and its place in a vector.
        let mut floats = Vec::new();
        let (mut number, mut gradient) = (0, 0);
        for argument in program.arguments() {
            let kinds = argument.kinds();
            if kinds[0] == Type::Float {
                floats.extend((0..kinds.len()).map(|k| (number + k, gradient, k, kinds.len())));
                gradient += 1;
            }
            number += kinds.len();
        }
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
            let x: Vec<f64> = columns.iter().map(|column| column[place]).collect();
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
            let slope_of = |&(_, gradient, k, size): &(usize, usize, usize, usize)| {
                want.gradients[gradient].1[size * place + k]
            };
            let slopes: Vec<f64> = floats.iter().map(slope_of).collect();
            let largest = slopes.iter().fold(exact.abs().max(1.0), |most, x| most.max(x.abs()));
            for (backend, got) in &got {
                let value = f64::from(got[0][place]);
                assert!(
                    near(value, exact, 2e-5),
                    "{what}, {backend}: {value:e}, want {exact:e}\n{text}"
                );
                for (i, &want) in slopes.iter().enumerate() {
                    let (_, gradient, k, size) = floats[i];
                    let slope = f64::from(got[1 + gradient][size * place + k]);
                    let near = (slope - want).abs() <= 1e-4 * largest;
                    assert!(near, "{what}, {backend}, {i}: {slope:e}, want {want:e}\n{text}");
                }
            }
            for (i, &got) in slopes.iter().enumerate() {
                let Some(slope) = slope(&formula, &x, floats[i].0) else { continue };
                differences += 1;
                let near = (got - slope).abs() <= 2e-6 * (slope.abs() + exact.abs().max(1.0));
                assert!(near, "{what}, by {i}: {got:e}, difference {slope:e}\n{text}");
            }
        }
    }
    println!("{compared} of {all} points compared, {differences} slopes with differences");
    assert!(10 * compared > 6 * all && 10 * differences > 15 * compared, "too many left out");
}
