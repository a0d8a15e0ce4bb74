//! Rows: what is ignored or without weight, infinite logits, and squares out of range.

use super::{INF, NAN, assert_same, evaluated, floats};
use crate::common::{self, assert_agrees, tensor};
use wgloss::definition::Role;
use wgloss::{
    Batch, CosineEmbedding, CrossEntropy, DType, Distance, Loss, Nll, Reduction, Request, Tensor,
    TripletMargin, TripletMarginWithDistance,
};

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
            let one = |(i, input): (usize, &wgloss::definition::Input)| match input.role {
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
            request: Request {
                reduction: Reduction::None,
                gradients: &gradients,
                ..Request::default()
            },
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
