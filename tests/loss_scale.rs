//! The loss scale on both backends; `types` has others with every loss of the catalogue.

use crate::common::catalogue::all_inputs;
use crate::common::{Random, assert_agrees, backends, differentiable, tensor};
use wgloss::{
    Batch, CrossEntropy, Ctc, DType, GradientType, LinearCrossEntropy, Loss, Mse, MultiLabelMargin,
    Plan, Request, SourceOptions, losses,
};

/// A scale that is a power of two changes exponents only, in every gradient and in no value.
#[test]
fn a_loss_scale_scales_gradients_alone() {
    let mut random = Random(34);
    let families: [Box<dyn Loss>; 5] = [
        Box::new(Mse),
        Box::<CrossEntropy>::default(),
        Box::<Ctc>::default(),
        Box::new(MultiLabelMargin),
        Box::<LinearCrossEntropy>::default(),
    ];
    for loss in families {
        for inputs in all_inputs(loss.as_ref(), DType::BF16, &mut random) {
            let gradients = differentiable(loss.as_ref(), &inputs);
            for (name, backend) in backends() {
                let run = |loss_scale| {
                    let batch = Batch {
                        inputs: &inputs,
                        request: Request {
                            gradients: &gradients,
                            gradient_type: GradientType::Input,
                            loss_scale,
                            ..Request::default()
                        },
                        ..Batch::default()
                    };
                    backend.evaluate_blocking(loss.as_ref(), &batch).expect("a valid batch")
                };
                let (plain, scaled) = (run(1.0), run(1024.0));
                let what = format!("{} on {name}", loss.definition().name);
                assert_eq!(plain.scalar().map(f32::to_bits), scaled.scalar().map(f32::to_bits));
                for ((name, plain), (_, scaled)) in plain.gradients.iter().zip(&scaled.gradients) {
                    let plain: Vec<f64> = plain.to_f64().iter().map(|x| 1024.0 * x).collect();
                    assert_eq!(plain, scaled.to_f64(), "{what}: gradient of {name}");
                }
            }
        }
    }
}

/// Of 2^20 elements, none has a gradient that float16 could hold, but for the scale.
#[test]
fn a_loss_scale_keeps_small_gradients() {
    const COUNT: usize = 1 << 20;
    let mut random = Random(35);
    let numbers: Vec<f64> = (0..COUNT).map(|_| 0.005 + 0.005 * random.unit()).collect();
    let input = tensor(DType::F16, &[COUNT], &numbers);
    let target = tensor(DType::F16, &[COUNT], &vec![0.0; COUNT]);
    let inputs = [("input", input), ("target", target)];
    let scaled = Batch {
        inputs: &inputs,
        request: Request {
            gradients: &["input"],
            gradient_type: GradientType::Input,
            loss_scale: 65_536.0,
            ..Request::default()
        },
        ..Batch::default()
    };
    assert_agrees("scaled", &Mse, &scaled);
    let plain =
        Batch { request: Request { loss_scale: 1.0, ..scaled.request.clone() }, ..scaled.clone() };
    for (name, backend) in backends() {
        let run = |batch| backend.evaluate_blocking(&Mse, batch).expect("a valid batch");
        let (vanished, kept) = (run(&plain), run(&scaled));
        assert!(vanished.gradients[0].1.to_f64().iter().all(|&x| x == 0.0), "{name}");
        assert!(kept.gradients[0].1.to_f64().iter().all(|&x| x > 6e-4), "{name}");
        assert_eq!(vanished.scalar(), kept.scalar(), "{name}");
    }
}

#[test]
fn another_loss_scale_needs_no_other_kernels() {
    let mut random = Random(36);
    for loss in losses::catalogue() {
        for inputs in all_inputs(loss.as_ref(), DType::BF16, &mut random) {
            let gradients = differentiable(loss.as_ref(), &inputs);
            let kinds: Vec<_> =
                inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
            let sources = |loss_scale| {
                let request = Request { gradients: &gradients, loss_scale, ..Request::default() };
                Plan::sources(loss.as_ref(), &kinds, &request, SourceOptions::default())
                    .expect("a valid request")
            };
            assert_eq!(sources(1.0), sources(3e-5), "{}", loss.definition().name);
        }
    }
}

#[test]
fn a_scale_that_would_lose_all_gradients_is_refused() {
    let tensor = tensor(DType::F32, &[2], &[1.0, 2.0]);
    let inputs = [("input", tensor.clone()), ("target", tensor)];
    for (loss_scale, got) in [(0.0, "0"), (f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let batch = Batch {
            inputs: &inputs,
            request: Request { loss_scale, ..Request::default() },
            ..Batch::default()
        };
        for (name, backend) in backends() {
            let error = backend.evaluate_blocking(&Mse, &batch).expect_err(name);
            let message =
                format!("loss_scale: {got} is not valid, expected a finite number other than 0");
            assert_eq!(error.to_string(), message, "{name}");
        }
    }
}
