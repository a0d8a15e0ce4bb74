//! Losses of a softmax: what is ignored or masked, classes that do not exist, and what is no number.

use super::{INF, NAN, assert_same, evaluated, floats};
use crate::common::{self, assert_agrees, assert_close, tensor};
use wgloss::{
    Batch, CrossEntropy, DType, Evaluator, GeneralizedJsd, Linear, Loss, Poly1CrossEntropy,
    RankingSoftmax, Reduction, Request, SoftmaxEntropy, SoftmaxFocal, Tensor, TotalVariation,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

fn integers(shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    tensor(DType::I64, shape, numbers)
}

/// A request for all gradients agrees with the reference.
fn check(loss: &dyn Loss, inputs: &[(&str, Tensor<'static>)], reduction: Reduction) {
    let gradients = common::differentiable(loss, inputs);
    let request = Request { reduction, gradients: &gradients, ..Request::default() };
    assert_agrees(&format!("{loss:?}"), loss, &Batch { inputs, request, ..Batch::default() });
}

/// Losses that labels mark rows of, with the inputs of three rows; the second row is not to be read.
fn marked() -> Vec<(Box<dyn Loss>, Inputs)> {
    let odd = [0.5, -1.0, 0.25, NAN, INF, -INF, 1.0, 0.0, -0.5];
    let input = ("input", floats(&[3, 3], &odd));
    let teacher = ("teacher", floats(&[3, 3], &odd.map(|x| 2.0 * x + 0.25)));
    let pair = || vec![input.clone(), teacher.clone()];
    let jsd = |beta| GeneralizedJsd { beta, ..GeneralizedJsd::default() };
    vec![
        (Box::<SoftmaxEntropy>::default(), vec![input.clone()]),
        (Box::<TotalVariation>::default(), pair()),
        (Box::new(jsd(0.0)), pair()),
        (Box::new(jsd(0.5)), pair()),
        (Box::new(jsd(1.0)), pair()),
    ]
}

/// Labels are no classes: one value marks a row, and any other keeps it.
#[test]
fn a_marked_row_is_not_read() {
    for (loss, inputs) in marked() {
        let with = |labels: &[f64]| {
            let labels = ("labels", integers(&[3], labels));
            [&inputs[..], &[labels]].concat()
        };
        let some = with(&[32_000.0, -100.0, -7.0]);
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            check(&*loss, &some, reduction);
            for (name, value, gradient) in evaluated(&*loss, &some, reduction) {
                assert_same(name, &gradient[3..6], &[0.0; 3]);
                assert!(value.iter().all(|x| x.is_finite()), "{loss:?} on {name}: {value:?}");
            }
        }
        for (name, value, gradient) in evaluated(&*loss, &with(&[-100.0; 3]), Reduction::Mean) {
            assert_same(name, &value, &[NAN]);
            assert_same(name, &gradient, &[0.0; 9]);
        }
        for (name, value, _) in evaluated(&*loss, &with(&[-100.0; 3]), Reduction::Sum) {
            assert_same(name, &value, &[0.0]);
        }
        // Nothing marks a row where there are no labels.
        for (name, value, gradient) in evaluated(&*loss, &inputs, Reduction::None) {
            assert!(value[1].is_nan(), "{loss:?} on {name}: {value:?}");
            assert_same(name, &gradient[3..6], &[NAN; 3]);
        }
    }
}

/// A label may be the ignored one whatever that is, a class or not.
#[test]
fn any_label_may_be_the_ignored_one() {
    let input = ("input", floats(&[2, 2], &[1.0, 2.0, 3.0, 5.0]));
    for ignore_index in [0, 1, 40_000] {
        let loss = SoftmaxEntropy { ignore_index, ..SoftmaxEntropy::default() };
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let labels = ("labels", integers(&[2], &[ignore_index as f64, -100.0]));
        for (name, value, _) in evaluated(&loss, &[input.clone(), labels], Reduction::None) {
            assert!(value[0] == 0.0 && value[1] > 0.0, "{ignore_index} on {name}: {value:?}");
        }
    }
}

/// What a mask leaves out is not read, in short lists and long ones, and lists without an item do not count.
#[test]
fn a_masked_item_is_not_there() {
    let random = &mut common::Random(23);
    for (lists, items) in [(5, 4), (5, 7), (6, 40), (3, 2500), (3, 20_003), (1, 5)] {
        let mut numbers = |odd: f64| -> (Vec<f64>, Vec<f64>) {
            let random = &mut *random;
            let mask = |i: usize| if i / items == 1 { 0.0 } else { [0.0, 1.0][i * 7 % 5 % 2] };
            let mask: Vec<f64> = (0..lists * items).map(mask).collect();
            let mut number = |&there: &f64| if there == 0.0 { odd } else { 10.0 * random.unit() };
            (mask.iter().map(&mut number).collect(), mask)
        };
        let shape = [lists, items];
        let [x, y, w] = [NAN, INF, -INF].map(|odd| floats(&shape, &numbers(odd).0));
        let mask = integers(&shape, &numbers(0.0).1);
        let flags = tensor(DType::U8, &shape, &numbers(0.0).1);
        for mask in [mask, flags] {
            let inputs = [
                ("input", x.clone()),
                ("target", y.clone()),
                ("weight", w.clone()),
                ("mask", mask.clone()),
            ];
            for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
                check(&RankingSoftmax, &inputs, reduction);
                for (name, _, gradient) in evaluated(&RankingSoftmax, &inputs, reduction) {
                    let flags = mask.to_f32();
                    let missing = gradient.iter().zip(flags.iter());
                    let missing = missing.filter(|(_, flag)| **flag == 0.0);
                    assert!(
                        missing.map(|(slope, _)| slope).all(|x| x.to_bits() & !(1 << 31) == 0),
                        "{name}"
                    );
                }
            }
        }
    }
    let nothing = [
        ("input", floats(&[2, 2], &[NAN; 4])),
        ("target", floats(&[2, 2], &[1.0; 4])),
        ("mask", integers(&[2, 2], &[0.0; 4])),
    ];
    for (reduction, want) in
        [(Reduction::Mean, &[NAN][..]), (Reduction::Sum, &[0.0]), (Reduction::None, &[0.0, 0.0])]
    {
        for (name, value, gradient) in evaluated(&RankingSoftmax, &nothing, reduction) {
            assert_same(name, &value, want);
            assert_same(name, &gradient, &[0.0; 4]);
        }
    }
}

/// A NaN among the items that are there does not reach what is masked.
#[test]
fn a_masked_item_has_no_slope_beside_nan() {
    let inputs = [
        ("input", floats(&[1, 3], &[1.0, 2.0, 0.5])),
        ("target", floats(&[1, 3], &[NAN, 2.0, 0.5])),
        ("mask", integers(&[1, 3], &[1.0, 1.0, 0.0])),
    ];
    for (name, value, gradient) in evaluated(&RankingSoftmax, &inputs, Reduction::Sum) {
        assert_same(name, &value, &[NAN]);
        assert_same(name, &gradient, &[NAN, NAN, 0.0]);
    }
}

#[test]
fn a_class_of_minus_infinity_does_not_exist() {
    let input = floats(&[2, 3], &[0.0, -INF, 1.0, -INF, -INF, 2.0]);
    let teacher = floats(&[2, 3], &[0.5, -INF, 0.25, -INF, -INF, 1.0]);
    let one = [("input", input.clone())];
    for (name, value, gradient) in evaluated(&SoftmaxEntropy::default(), &one, Reduction::None) {
        assert_eq!(value[1], 0.0, "{name}");
        assert_same(name, &gradient[3..], &[0.0; 3]);
    }
    let both = [("input", input.clone()), ("teacher", teacher)];
    let jsd = |beta| GeneralizedJsd { beta, ..GeneralizedJsd::default() };
    for loss in [&jsd(0.0) as &dyn Loss, &jsd(0.3), &jsd(1.0), &TotalVariation::default()] {
        check(loss, &both, Reduction::None);
        for (name, value, gradient) in evaluated(loss, &both, Reduction::None) {
            assert!(value[0] > 0.0 && value[1] == 0.0, "{loss:?} on {name}: {value:?}");
            assert_eq!(gradient[1], 0.0, "{loss:?} on {name}");
        }
    }
    // A class that only one of both has.
    let lacking = [("input", input.clone()), ("teacher", floats(&[2, 3], &[0.5; 6]))];
    let turned = [("input", floats(&[2, 3], &[0.5; 6])), ("teacher", input.clone())];
    for (beta, inputs, infinite) in [
        (0.0, &lacking, true),
        (1.0, &lacking, false),
        (0.0, &turned, false),
        (1.0, &turned, true),
        (0.5, &lacking, false),
        (0.5, &turned, false),
    ] {
        for (name, value, _) in evaluated(&jsd(beta), inputs, Reduction::None) {
            assert_eq!(value[0] == f32::INFINITY, infinite, "{beta} on {name}: {value:?}");
            assert_eq!(value[0].is_finite(), !infinite, "{beta} on {name}: {value:?}");
        }
    }
    // A target that does not exist, and rows without any class.
    let target = ("target", integers(&[2], &[1.0, 2.0]));
    let indexed = [("input", input), target.clone()];
    let none = [("input", floats(&[2, 3], &[-INF; 6])), target];
    for loss in [&SoftmaxFocal::default() as &dyn Loss, &Poly1CrossEntropy::default()] {
        for (name, value, gradient) in evaluated(loss, &indexed, Reduction::None) {
            assert_same(name, &value, &[INF, 0.0]);
            assert_same(name, &gradient[3..], &[0.0; 3]);
        }
        for (name, value, _) in evaluated(loss, &none, Reduction::None) {
            assert_same(name, &value, &[NAN, NAN]);
        }
    }
    for (name, value, _) in evaluated(&SoftmaxEntropy::default(), &none[..1], Reduction::None) {
        assert_same(name, &value, &[NAN, NAN]);
    }
}

/// Without what they add, both are cross entropy.
#[test]
fn cross_entropy_is_among_its_relatives() {
    let random = &mut common::Random(29);
    let relatives: [&dyn Loss; 2] = [
        &SoftmaxFocal { gamma: 0.0, ..SoftmaxFocal::default() },
        &Poly1CrossEntropy { epsilon: 0.0, ..Poly1CrossEntropy::default() },
    ];
    for target in [DType::I64, DType::F32] {
        let rows: &[usize] = if target.is_float() { &[40, 9] } else { &[40] };
        let shapes = [
            ("input", DType::F32, &[40, 9][..]),
            ("target", target, rows),
            ("weight", DType::F32, &[9]),
        ];
        let inputs = common::inputs(&CrossEntropy::default(), &shapes, 9, random);
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            let want = evaluated(&CrossEntropy::default(), &inputs, reduction);
            for loss in relatives {
                let got = evaluated(loss, &inputs, reduction);
                for ((name, value, gradient), (_, want, slopes)) in got.iter().zip(&want) {
                    let what = format!("{loss:?} on {name}");
                    let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| x.into()).collect() };
                    assert_close(&what, value, &wide(want), 1.0);
                    assert_close(&what, gradient, &wide(slopes), 1.0);
                }
            }
        }
    }
}

/// A row that is right keeps the digits of what is missing.
#[test]
fn confident_rows_keep_their_digits() {
    let input = ("input", floats(&[1, 3], &[30.0, 4.0, 0.0]));
    let inputs = [input, ("target", integers(&[1], &[0.0]))];
    let miss = (-26f64).exp() + (-30f64).exp();
    for gamma in [0.0, 0.5, 1.0, 2.0] {
        let loss = SoftmaxFocal { gamma, ..SoftmaxFocal::default() };
        let want = miss.powf(gamma.into()) * miss;
        for (name, value, gradient) in evaluated(&loss, &inputs, Reduction::None) {
            assert_close(name, &value, &[want], want);
            let slope = -(1.0 + f64::from(gamma)) * want;
            assert_close(name, &gradient[..1], &[slope], slope.abs());
        }
    }
    let poly = Poly1CrossEntropy { epsilon: 2.0, ..Poly1CrossEntropy::default() };
    for (name, value, gradient) in evaluated(&poly, &inputs, Reduction::None) {
        assert_close(name, &value, &[3.0 * miss], miss);
        assert_close(name, &gradient[..1], &[-3.0 * miss], miss);
    }
}

/// Equal rows do not differ, also where they are long and far from 0.
#[test]
fn equal_rows_do_not_differ() {
    for classes in [5, 33, 4100] {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let row: Vec<f64> = (0..classes).map(|i| 900.0 + (i * 37 % 101) as f64 / 8.0).collect();
        let row = floats(&[1, classes], &row);
        let inputs = [("input", row.clone()), ("teacher", row)];
        let jsd = |beta| GeneralizedJsd { beta, ..GeneralizedJsd::default() };
        for loss in [&TotalVariation::default() as &dyn Loss, &jsd(0.0), &jsd(0.5), &jsd(1.0)] {
            for (name, value, gradient) in evaluated(loss, &inputs, Reduction::None) {
                assert_same(name, &value, &[0.0]);
                assert_same(name, &gradient, &vec![0.0; classes]);
            }
        }
    }
}

/// The logarithms of both sums differ much where one row is certain and the other even.
#[test]
fn a_certain_row_beside_an_even_one() {
    let classes = 60_000;
    let random = &mut common::Random(7);
    let mut numbers: Vec<f64> = (0..classes).map(|_| random.unit()).collect();
    let flat = floats(&[1, classes], &numbers);
    numbers[7] = 30.0;
    let certain = floats(&[1, classes], &numbers);
    for (input, teacher) in [(&certain, &flat), (&flat, &certain)] {
        let inputs = [("input", input.clone()), ("teacher", teacher.clone())];
        for beta in [0.0, 0.5, 1.0] {
            check(&GeneralizedJsd { beta, ..GeneralizedJsd::default() }, &inputs, Reduction::None);
        }
    }
}

/// Mixtures of any weight keep their digits, and distributions that share almost nothing are finite.
#[test]
fn mixtures_of_any_weight() {
    let random = &mut common::Random(31);
    for beta in [1e-6, 1e-3, 0.3, 0.7, 0.999, 0.999_999] {
        for (size, temperature) in
            [(0.1f64, 1.0f32), (4.0, 1.0), (60.0, 1.0), (3000.0, 1.0), (3000.0, 300.0)]
        {
            let mut numbers =
                || -> Vec<f64> { (0..20 * 11).map(|_| size * (random.unit() - 0.5)).collect() };
            let inputs = [
                ("input", floats(&[20, 11], &numbers())),
                ("teacher", floats(&[20, 11], &numbers())),
            ];
            let loss = GeneralizedJsd { beta, temperature, ..GeneralizedJsd::default() };
            if size / f64::from(temperature) < 20.0 {
                check(&loss, &inputs, Reduction::None);
            } else {
                // Slopes are differences of logarithms that float32 rounds to the same number.
                let request = Request { reduction: Reduction::None, ..Request::default() };
                let batch = Batch { inputs: &inputs, request, ..Batch::default() };
                assert_agrees(&format!("{loss:?} of {size}"), &loss, &batch);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let zeros = |dtype, shape: &[usize]| tensor(dtype, shape, &vec![0.0; shape.iter().product()]);
    let f = |shape: &[usize]| zeros(DType::F32, shape);
    let refused = |loss: &dyn Loss, inputs: &[(&str, Tensor<'static>)], message: &str| {
        let batch = Batch { inputs, ..Batch::default() };
        for (_, backend) in common::backends() {
            let error = backend.evaluate_blocking(loss, &batch).expect_err("it does not fit");
            assert_eq!(error.to_string(), message);
        }
    };
    refused(
        &SoftmaxEntropy::default(),
        &[("input", f(&[3, 4])), ("labels", zeros(DType::I64, &[4]))],
        "labels: shape [4] does not fit, expected [3], the shape of the rows",
    );
    refused(
        &SoftmaxEntropy::default(),
        &[("input", f(&[3, 4])), ("labels", f(&[3]))],
        "labels: element type float32 does not fit, expected an integer type: in NumPy, \
         labels.astype(\"int64\")",
    );
    refused(
        &TotalVariation::default(),
        &[("input", f(&[3, 4])), ("teacher", f(&[3, 5]))],
        "teacher: shape [3, 5] does not fit, expected [3, 4], the input's shape",
    );
    for (name, shape) in [("target", [3, 5]), ("weight", [1, 4]), ("mask", [3, 1])] {
        let mut inputs = vec![("input", f(&[3, 4])), ("target", f(&[3, 4]))];
        inputs.retain(|(own, _)| *own != name);
        inputs.push((name, f(&shape)));
        refused(
            &RankingSoftmax,
            &inputs,
            &format!("{name}: shape {shape:?} does not fit, expected [3, 4], the input's shape"),
        );
    }
    let mask = integers(&[1, 3], &[1.0, 0.0, 2.0]);
    let inputs = [("input", f(&[1, 3])), ("target", f(&[1, 3])), ("mask", mask)];
    refused(&RankingSoftmax, &inputs, "mask[0, 2]: 2 is not valid, expected 0 or 1");
    let error = Evaluator::Cpu
        .evaluate_blocking(
            &GeneralizedJsd { beta: 1.5, ..GeneralizedJsd::default() },
            &Batch { inputs: &[("input", f(&[2])), ("teacher", f(&[2]))], ..Batch::default() },
        )
        .expect_err("no such mixture");
    assert_eq!(error.to_string(), "beta: 1.5 is not valid, expected a number from 0 to 1");
}

/// Any label may be the one that marks a row.
#[test]
fn rows_marked_by_0() {
    let odd = [0.5, -1.0, 0.25, NAN, INF, -INF, 1.0, 0.0, -0.5];
    let input = ("input", floats(&[3, 3], &odd));
    let teacher = ("teacher", floats(&[3, 3], &odd.map(|x| 2.0 * x + 0.25)));
    let weight = ("linear_weight", floats(&[2, 3], &[1.0, -0.5, 0.25, 0.5, 1.0, -1.0]));
    let labels = ("labels", integers(&[3], &[1.0, 0.0, -100.0]));
    let entropy = SoftmaxEntropy { ignore_index: 0, ..SoftmaxEntropy::default() };
    let distance = TotalVariation { ignore_index: 0, ..TotalVariation::default() };
    let losses: [(&dyn Loss, Inputs); 3] = [
        (&entropy, vec![input.clone(), labels.clone()]),
        (&distance, vec![input.clone(), teacher, labels.clone()]),
        (&Linear(entropy), vec![input, weight, labels]),
    ];
    for (loss, inputs) in losses {
        check(loss, &inputs, Reduction::Mean);
    }
}
