//! The corners: where wgloss is right and PyTorch 2.15 is not, and where both agree.

mod common;

use common::{assert_agrees, tensor};
use wgloss::loss::{Domain, Family, Role};
use wgloss::{
    Batch, BinaryCrossEntropy, BinaryCrossEntropyWithLogits, CosineEmbedding, CrossEntropy, DType,
    Distance, Evaluation, KlDiv, L1, Loss, Nll, PoissonNll, Reduction, SigmoidFocal, SmoothL1,
    SoftMargin, Tensor, TripletMargin, TripletMarginWithDistance, losses,
};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn floats(shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    tensor(DType::F32, shape, numbers)
}

/// The unreduced losses and the first input's gradient, on each backend.
fn evaluated(
    loss: &dyn Loss,
    inputs: &[(&str, Tensor<'_>)],
    reduction: Reduction,
) -> Vec<(&'static str, Vec<f32>, Vec<f32>)> {
    let first = [loss.definition().inputs[0].name];
    let batch = Batch { inputs, reduction, gradients: &first, ..Batch::default() };
    let run = |(name, backend): (&'static str, wgloss::Backend)| {
        let got: Evaluation = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
        let value = got.value.expect("wanted").to_f32().to_vec();
        (name, value, got.gradients[0].1.to_f32().to_vec())
    };
    common::backends().into_iter().map(run).collect()
}

/// Equal, where NaN equals NaN.
#[track_caller]
fn assert_same(what: &str, got: &[f32], want: &[f64]) {
    let same =
        |(got, want): (&f32, &f64)| f64::from(*got) == *want || (got.is_nan() && want.is_nan());
    let all = got.len() == want.len() && got.iter().zip(want).all(same);
    assert!(all, "{what}: got {got:?}, want {want:?}");
}

#[test]
fn an_ignored_row_is_zero_whatever_it_holds() {
    let logits = floats(&[3, 2], &[NAN, 1.0, INF, -INF, 0.0, 0.0]);
    let target = tensor(DType::I64, &[3], &[-100.0, -100.0, 1.0]);
    let inputs = [("input", logits), ("target", target)];
    for loss in [&CrossEntropy::default() as &dyn Loss, &Nll::default()] {
        for reduction in [Reduction::Sum, Reduction::Mean, Reduction::None] {
            for (name, value, gradient) in evaluated(loss, &inputs, reduction) {
                assert_same(name, &gradient[..4], &[0.0; 4]);
                assert!(value.iter().all(|x| x.is_finite()), "{name}: {value:?}");
            }
        }
    }
}

#[test]
fn all_rows_ignored_or_without_weight_is_nan() {
    let inputs = [
        ("input", floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0])),
        ("target", tensor(DType::I64, &[2], &[-100.0, -100.0])),
    ];
    for loss in [&CrossEntropy::default() as &dyn Loss, &Nll::default()] {
        for (name, value, gradient) in evaluated(loss, &inputs, Reduction::Mean) {
            assert_same(name, &value, &[NAN]);
            assert_same(name, &gradient, &[0.0; 4]);
        }
        for (name, value, _) in evaluated(loss, &inputs, Reduction::Sum) {
            assert_same(name, &value, &[0.0]);
        }
    }
    let weightless = [
        ("input", floats(&[1, 2], &[1.0, 2.0])),
        ("target", tensor(DType::I64, &[1], &[1.0])),
        ("weight", floats(&[2], &[1.0, 0.0])),
    ];
    for loss in [&CrossEntropy::default() as &dyn Loss, &Nll::default()] {
        for (name, value, gradient) in evaluated(loss, &weightless, Reduction::Mean) {
            assert_same(name, &value, &[NAN]);
            assert_same(name, &gradient, &[0.0; 2]);
        }
    }
}

#[test]
fn a_probability_of_zero_silences_an_infinite_logit() {
    let inputs = [
        ("input", floats(&[1, 3], &[0.0, -INF, 0.0])),
        ("target", floats(&[1, 3], &[0.5, 0.0, 0.5])),
    ];
    for (name, value, gradient) in evaluated(&CrossEntropy::default(), &inputs, Reduction::Sum) {
        common::assert_close(name, &value, &[2f64.ln()], 1.0);
        assert_same(name, &gradient, &[0.0, 0.0, 0.0]);
    }
}

#[test]
fn a_weight_of_zero_silences_an_infinite_log_probability() {
    let inputs = [
        ("input", floats(&[2, 2], &[-INF, 0.0, -1.0, -0.5])),
        ("target", tensor(DType::I64, &[2], &[0.0, 1.0])),
        ("weight", floats(&[2], &[0.0, 1.0])),
    ];
    for (name, value, _) in evaluated(&Nll::default(), &inputs, Reduction::None) {
        assert_same(name, &value, &[0.0, 0.5]);
    }
    for (name, value, _) in evaluated(&CrossEntropy::default(), &inputs, Reduction::None) {
        assert_same(name, &value[..1], &[0.0]);
    }
}

#[test]
fn infinite_logits_of_binary_cross_entropy() {
    let inputs = [
        ("input", floats(&[4], &[INF, -INF, -INF, NAN])),
        ("target", floats(&[4], &[1.0, 0.0, 1.0, 1.0])),
    ];
    let loss = BinaryCrossEntropyWithLogits;
    for (name, value, gradient) in evaluated(&loss, &inputs, Reduction::None) {
        assert_same(name, &value, &[0.0, 0.0, INF, NAN]);
        assert_same(name, &gradient, &[0.0, 0.0, -1.0, NAN]);
    }
}

#[test]
fn binary_cross_entropy_clamps_and_refuses() {
    let inputs = [
        ("input", floats(&[5], &[0.0, 1.0, -0.1, 1.1, NAN])),
        ("target", floats(&[5], &[1.0, 0.0, 0.0, 1.0, 0.0])),
    ];
    for (name, value, gradient) in evaluated(&BinaryCrossEntropy, &inputs, Reduction::None) {
        assert_same(name, &value, &[100.0, 100.0, NAN, NAN, NAN]);
        assert_same(name, &gradient[2..], &[NAN, NAN, NAN]);
        assert!(gradient[0] < -9e11 && gradient[1] > 9e11, "{name}: {gradient:?}");
    }
}

#[test]
fn kullback_leibler_of_nothing_is_nothing() {
    let inputs =
        [("input", floats(&[3], &[-INF, -1.0, NAN])), ("target", floats(&[3], &[0.0, 0.0, 0.0]))];
    for (name, value, gradient) in evaluated(&KlDiv::default(), &inputs, Reduction::None) {
        assert_same(name, &value, &[0.0, 0.0, NAN]);
        assert_same(name, &gradient[..2], &[0.0, 0.0]);
    }
    let inputs = [("input", floats(&[2], &[-INF, -1.0])), ("target", floats(&[2], &[-INF, -INF]))];
    for (name, value, _) in evaluated(&KlDiv { log_target: true }, &inputs, Reduction::None) {
        assert_same(name, &value, &[0.0, 0.0]);
    }
}

#[test]
fn l1_of_nan_has_a_nan_gradient_and_a_kink_has_none() {
    let inputs = [
        ("input", floats(&[4], &[NAN, INF, 2.0, -1.0])),
        ("target", floats(&[4], &[0.0, INF, 2.0, 0.0])),
    ];
    for loss in [&L1 as &dyn Loss, &SmoothL1 { beta: 0.0 }] {
        for (name, value, gradient) in evaluated(loss, &inputs, Reduction::None) {
            assert_same(name, &value, &[NAN, NAN, 0.0, 1.0]);
            assert_same(name, &gradient, &[NAN, NAN, 0.0, -1.0]);
        }
    }
}

#[test]
fn an_empty_input_has_mean_nan_and_sum_zero() {
    let inputs = [("input", floats(&[0, 3], &[])), ("target", floats(&[0, 3], &[]))];
    for (reduction, want) in
        [(Reduction::Mean, &[NAN][..]), (Reduction::Sum, &[0.0]), (Reduction::None, &[])]
    {
        for (name, value, gradient) in evaluated(&L1, &inputs, reduction) {
            assert_same(name, &value, want);
            assert_same(name, &gradient, &[]);
        }
    }
    let inputs = [("input", floats(&[0, 3], &[])), ("target", tensor(DType::I64, &[0], &[]))];
    for (name, value, _) in evaluated(&CrossEntropy::default(), &inputs, Reduction::Mean) {
        assert_same(name, &value, &[NAN]);
    }
}

#[test]
fn soft_margin_overflows_for_nothing() {
    let inputs = [
        ("input", floats(&[3], &[-100.0, 1e30, 88.0])),
        ("target", floats(&[3], &[1.0, -1.0, -1.0])),
    ];
    for (name, value, gradient) in evaluated(&SoftMargin, &inputs, Reduction::None) {
        assert_same(name, &value, &[100.0, f64::from(1e30f32), 88.0]);
        assert_same(name, &gradient, &[-1.0, 1.0, 1.0]);
    }
}

/// The cosine of vectors whose squares overflow or vanish is that of vectors of ordinary size.
#[test]
fn cosines_of_huge_and_tiny_vectors() {
    for size in [1.0, 1e20, 1e-20, 1e35, 1e-35] {
        let inputs = [
            ("input1", floats(&[1, 2], &[3.0 * size, 4.0 * size])),
            ("input2", floats(&[1, 2], &[4.0, 3.0])),
            ("target", floats(&[1], &[1.0])),
        ];
        for (name, value, gradient) in
            evaluated(&CosineEmbedding::default(), &inputs, Reduction::None)
        {
            let what = format!("{size:e} on {name}");
            common::assert_close(&what, &value, &[1.0 - 0.96], 1.0);
            let scaled: Vec<f32> =
                gradient.iter().map(|g| g * floats(&[], &[size]).to_f32()[0]).collect();
            common::assert_close(&what, &scaled, &[-0.0448, 0.0336], 1.0);
        }
    }
    let inputs = [
        ("input1", floats(&[1, 2], &[0.0, 0.0])),
        ("input2", floats(&[1, 2], &[4.0, 3.0])),
        ("target", floats(&[1], &[1.0])),
    ];
    for (name, value, gradient) in evaluated(&CosineEmbedding::default(), &inputs, Reduction::None)
    {
        assert_same(name, &value, &[1.0]);
        assert_same(name, &gradient, &[0.0, 0.0]);
    }
}

/// Rows whose squares overflow, vanish or are all 0 give the right losses beside others, and leave
/// those as they are alone.
#[test]
fn huge_and_tiny_rows_beside_others() {
    // Of the first, second and third vector.
    const SIZES: [[f64; 3]; 9] = [
        [1.0, 1.0, 1.0],
        [1e30, 1e30, 1e30],
        [1.0, 1.0, 1e30],
        [1e-30, 1e-30, 1e-30],
        [1e30, 1.0, 1e30],
        [1.0, 1e-30, 1.0],
        [1e-30, 1.0, 1e-30],
        [0.0, 0.0, 0.0],
        [3.0, 3.0, 3.0],
    ];
    const CLASSES: usize = 300;
    let distance = |distance| TripletMarginWithDistance { distance, ..Default::default() };
    let all: [&dyn Loss; 6] = [
        &CosineEmbedding::default(),
        &TripletMargin { eps: 0.0, ..Default::default() },
        &TripletMargin { p: 1.0, ..Default::default() },
        &TripletMargin { p: 3.0, swap: true, ..Default::default() },
        &distance(Distance::Euclidean),
        &distance(Distance::Cosine),
    ];
    for loss in all {
        let random = &mut common::Random(5);
        let mut numbers = |input: usize| -> Vec<f64> {
            let mut element = |k: usize| SIZES[k / CLASSES][input] * (random.unit() - 0.5);
            (0..SIZES.len() * CLASSES).map(&mut element).collect()
        };
        let vectors = [0, 1, 2].map(&mut numbers);
        let inputs = |rows: std::ops::Range<usize>| -> Vec<(&str, Tensor<'static>)> {
            let one = |(i, input): (usize, &wgloss::loss::Input)| match input.role {
                Role::Labels => (input.name, floats(&[rows.len()], &vec![1.0; rows.len()])),
                _ => {
                    let part = &vectors[i][rows.start * CLASSES..rows.end * CLASSES];
                    (input.name, floats(&[rows.len(), CLASSES], part))
                }
            };
            loss.definition().inputs.iter().enumerate().map(one).collect()
        };
        let inputs_together = inputs(0..SIZES.len());
        let gradients = common::differentiable(loss, &inputs_together);
        let batch = Batch {
            inputs: &inputs_together,
            reduction: Reduction::None,
            gradients: &gradients,
            ..Batch::default()
        };
        assert_agrees(loss.definition().name, loss, &batch);
        let together = evaluated(loss, &inputs_together, Reduction::None);
        for r in 0..SIZES.len() {
            let alone = evaluated(loss, &inputs(r..r + 1), Reduction::None);
            for ((name, value, gradient), (_, values, gradients)) in alone.iter().zip(&together) {
                let what = format!("row {r} of {loss:?} on {name}");
                assert_eq!(value[0].to_bits(), values[r].to_bits(), "{what}");
                let own = &gradients[r * CLASSES..(r + 1) * CLASSES];
                assert!(
                    gradient.iter().map(|x| x.to_bits()).eq(own.iter().map(|x| x.to_bits())),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn poisson_of_a_target_of_zero() {
    let loss = PoissonNll { full: true, ..PoissonNll::default() };
    let inputs = [("input", floats(&[1], &[0.5])), ("target", floats(&[1], &[0.0]))];
    let batch = Batch { inputs: &inputs, gradients: &["target"], ..Batch::default() };
    for (name, backend) in common::backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert_same(name, &got.gradients[0].1.to_f32(), &[-0.5]);
    }
}

#[test]
fn focal_loss_of_a_certain_prediction() {
    for gamma in [0.0, 0.5, 1.0, 2.0] {
        let loss = SigmoidFocal { gamma, ..SigmoidFocal::default() };
        let inputs = [("input", floats(&[2], &[INF, -INF])), ("target", floats(&[2], &[1.0, 0.0]))];
        for (name, value, gradient) in evaluated(&loss, &inputs, Reduction::None) {
            assert_same(&format!("{gamma} on {name}"), &value, &[0.0, 0.0]);
            assert_same(&format!("{gamma} on {name}"), &gradient, &[0.0, 0.0]);
        }
    }
}

/// Two runs of any loss over random rows or elements give the same bits.
#[test]
fn two_runs_give_the_same_bits() {
    for loss in losses::catalogue() {
        let loss = loss.as_ref();
        if matches!(loss.family(), Family::Own(_)) {
            continue; // in their own tests
        }
        let shape: &[usize] = &[50, 300];
        let (classes, output) = common::rows_of(loss, shape);
        let needed = loss.definition().inputs.iter().filter(|input| !input.optional);
        let shapes: Vec<_> = needed
            .map(|input| match input.role {
                Role::Index | Role::IndexOrRows => (input.name, DType::I64, &output[..]),
                Role::Labels => (input.name, DType::F32, &output[..]),
                _ => (input.name, DType::F32, shape),
            })
            .collect();
        let inputs = common::inputs(loss, &shapes, classes, &mut common::Random(17));
        let gradients = common::differentiable(loss, &inputs);
        let batch = Batch { inputs: &inputs, gradients: &gradients, ..Batch::default() };
        for (name, backend) in common::backends() {
            let run = || {
                let got = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
                let gradients = got.gradients.iter().map(|(_, g)| g.bytes().to_vec());
                (got.scalar().map(f32::to_bits), gradients.collect::<Vec<_>>())
            };
            assert_eq!(run(), run(), "{} on {name}", loss.definition().name);
        }
    }
}

/// A NaN in any kept element of any float input makes every loss NaN, on both backends.
#[test]
fn nan_is_carried() {
    for loss in losses::catalogue() {
        if matches!(loss.family(), Family::Own(_)) {
            continue; // it has this in its own tests
        }
        let definition = loss.definition();
        if matches!(loss.family(), Family::Own(_)) {
            continue; // in tests of their own: their shapes are
        }
        let rows = matches!(loss.family(), Family::Rows(_));
        let make = |input: &wgloss::loss::Input, nan: bool| {
            let odd = if nan { NAN } else { 0.75 };
            match input.role {
                Role::Index | Role::IndexOrRows => tensor(DType::I64, &[3], &[0.0, 1.0, 2.0]),
                Role::Classes | Role::Labels => floats(&[3], &[1.0, -1.0, odd]),
                _ if rows => floats(&[3, 3], &[0.5, 0.25, 0.5, 0.5, 0.25, 0.5, 0.5, 0.5, odd]),
                _ => floats(&[3], &[0.5, 0.25, odd]),
            }
        };
        let floating =
            |input: &wgloss::loss::Input| !matches!(input.role, Role::Index | Role::IndexOrRows);
        for odd in definition.inputs.iter().filter(|input| floating(input)) {
            let given = definition.inputs.iter().filter(|i| !i.optional || i.name == odd.name);
            let inputs: Vec<_> =
                given.map(|input| (input.name, make(input, input.name == odd.name))).collect();
            for (name, value, _) in evaluated(loss.as_ref(), &inputs, Reduction::Sum) {
                let what = format!("{}, {} on {name}", definition.name, odd.name);
                assert_same(&what, &value, &[NAN]);
            }
        }
    }
}

#[test]
fn extreme_values_agree() {
    let both = |exponent: i32| [10f64.powi(exponent), -(10f64.powi(exponent))];
    let squarable: Vec<f64> = [-30, -20, -10, -5, 5, 8].into_iter().flat_map(both).collect();
    let numbers = [&squarable[..], &both(20), &both(30), &[0.0]].concat();
    for (loss, numbers) in [
        (&L1 as &dyn Loss, &numbers),
        (&SmoothL1::default(), &numbers),
        (&wgloss::Huber::default(), &numbers),
        (&wgloss::LogCosh, &numbers),
        (&wgloss::Quantile::default(), &numbers),
        (&SoftMargin, &numbers),
        (&BinaryCrossEntropyWithLogits, &numbers),
        (&wgloss::Mse, &squarable),
    ] {
        let numbers = floats(&[numbers.len()], numbers).to_f64();
        let (count, signs) = (numbers.len(), numbers.iter().map(|x| x.signum()));
        let target: Vec<f64> = match loss.definition().inputs[1].domain {
            Domain::Unit => signs.map(|sign| (1.0 - sign) / 2.0).collect(),
            Domain::Sign => signs.rev().collect(),
            _ => numbers.iter().rev().copied().collect(),
        };
        let inputs = [("input", floats(&[count], &numbers)), ("target", floats(&[count], &target))];
        let batch = Batch {
            inputs: &inputs,
            reduction: Reduction::None,
            gradients: &["input"],
            ..Batch::default()
        };
        assert_agrees(&format!("{loss:?}"), loss, &batch);
    }
    let numbers = floats(&[numbers.len()], &numbers).to_f64();
    let count = numbers.len();
    let rows = [numbers.clone(), vec![7.5; count], vec![-1e30; count]].concat();
    let target = tensor(DType::I64, &[3], &[3.0, 0.0, 1.0]);
    let inputs = [("input", floats(&[3, count], &rows)), ("target", target)];
    let batch = Batch {
        inputs: &inputs,
        reduction: Reduction::None,
        gradients: &["input"],
        ..Batch::default()
    };
    assert_agrees("cross entropy", &CrossEntropy::default(), &batch);
}
