//! Distillation from a teacher of which only the most probable classes are known.

use crate::common::{Random, assert_agrees, assert_close, backends, inputs, tensor};
use wgloss::{
    Batch, DType, Error, Evaluator, GeneralizedJsd, Loss, Reduction, Request, Tensor,
    TopKDistillation,
};

const INF: f64 = f64::INFINITY;

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// Logits of the teacher, and what is kept of them: the most probable classes of each row, in no order.
fn teacher(rows: usize, classes: usize, k: usize, random: &mut Random) -> (Vec<f64>, Inputs) {
    let (mut logits, mut log_probs, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let row: Vec<f64> = (0..classes).map(|_| 12.0 * random.unit()).collect();
        let log_sum = row.iter().map(|x| x.exp()).sum::<f64>().ln();
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        order.truncate(k);
        for i in 0..k {
            let other = i + random.below(k - i);
            order.swap(i, other);
        }
        log_probs.extend(order.iter().map(|&class| row[class] - log_sum));
        #[expect(clippy::cast_precision_loss, reason = "class indices are small")]
        listed.extend(order.iter().map(|&class| class as f64));
        logits.extend(row);
    }
    let kept = vec![
        ("teacher_log_probs", tensor(DType::F32, &[rows, k], &log_probs)),
        ("teacher_classes", tensor(DType::I32, &[rows, k], &listed)),
    ];
    (logits, kept)
}

fn of(
    backend: &Evaluator,
    loss: &dyn Loss,
    inputs: &[(&str, Tensor<'static>)],
    reduction: Reduction,
) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let request = Request { reduction, ..Request::with_gradients(&["input"]) };
    let batch = Batch { inputs, request, ..Batch::default() };
    let got = backend.evaluate_blocking(loss, &batch)?;
    Ok((got.value.expect("wanted").to_f32().to_vec(), got.gradients[0].1.to_f32().to_vec()))
}

/// Rows that a lane keeps and others, whole quads and others, more classes than the filter has bits.
#[test]
fn lists_of_any_length() {
    let mut random = Random(91);
    for (shape, k, dtype, reduction) in [
        (&[5, 7][..], 1, DType::F32, Reduction::None),
        (&[5, 8], 8, DType::F32, Reduction::Mean),
        (&[70, 12], 5, DType::F32, Reduction::Sum),
        (&[3, 4, 301], 17, DType::F32, Reduction::Mean),
        (&[9], 4, DType::F32, Reduction::Mean),
        (&[4, 1000], 300, DType::F16, Reduction::Mean),
        (&[4, 1001], 64, DType::BF16, Reduction::Sum),
        (&[2, 128_256], 64, DType::F32, Reduction::None),
        (&[2, 70_001], 100, DType::F32, Reduction::Mean),
    ] {
        let (before, classes) = (&shape[..shape.len() - 1], shape[shape.len() - 1]);
        let rows: usize = before.iter().product();
        let (_, mut own) = teacher(rows, classes, k, &mut random);
        for (_, tensor) in &mut own {
            let listed = [before, &[k]].concat();
            let (numbers, kind) = (tensor.to_f64(), tensor.kind());
            *tensor = crate::common::tensor(kind.dtype, &listed, &numbers);
        }
        let loss = TopKDistillation { temperature: 0.8, ignore_index: 3 };
        let others = [("input", dtype, shape), ("labels", DType::U8, before)];
        own.extend(inputs(&loss, &others, 9, &mut random));
        let request = Request { reduction, ..Request::with_gradients(&["input"]) };
        let batch = Batch { inputs: &own, request, ..Batch::default() };
        assert_agrees(&format!("{shape:?} {k} {dtype}"), &loss, &batch);
    }
}

/// Classes that are next to each other, and the first and last ones.
#[test]
fn neighbours() {
    let mut random = Random(92);
    for classes in [40, 41, 600, 5003] {
        for start in [0, 1, classes - 9] {
            #[expect(clippy::cast_precision_loss, reason = "class indices are small")]
            let listed: Vec<f64> = (start..start + 9).rev().map(|class| class as f64).collect();
            let mut own = inputs(
                &TopKDistillation::default(),
                &[("input", DType::F32, &[1, classes])],
                classes,
                &mut random,
            );
            let log_probs: Vec<f64> = (1..10).map(|i| -2.0 - f64::from(i) / 4.0).collect();
            own.push(("teacher_log_probs", tensor(DType::F32, &[1, 9], &log_probs)));
            own.push(("teacher_classes", tensor(DType::U16, &[1, 9], &listed)));
            let request = Request::with_gradients(&["input"]);
            let batch = Batch { inputs: &own, request, ..Batch::default() };
            let what = format!("{classes} classes from {start}");
            assert_agrees(&what, &TopKDistillation::default(), &batch);
        }
    }
}

/// With all classes it is the divergence from the teacher, and with fewer at most that; of a student that is the
/// teacher it is 0.
#[test]
fn at_most_the_divergence() {
    let mut random = Random(93);
    let forward = GeneralizedJsd { beta: 0.0, ..GeneralizedJsd::default() };
    let (rows, classes) = (6, 50);
    for k in [1, 5, 49, 50] {
        let (logits, kept) = teacher(rows, classes, k, &mut random);
        let logits = tensor(DType::F32, &[rows, classes], &logits);
        let student: Vec<f64> = (0..rows * classes).map(|_| 6.0 * random.unit()).collect();
        let student = ("input", tensor(DType::F32, &[rows, classes], &student));
        let whole = [student.clone(), ("teacher", logits.clone())];
        let own = [vec![student], kept.clone()].concat();
        let same = [vec![("input", logits)], kept].concat();
        for (name, backend) in backends() {
            let loss = TopKDistillation::default();
            let (most, slopes) = of(&backend, &forward, &whole, Reduction::None).expect("valid");
            let (got, own) = of(&backend, &loss, &own, Reduction::None).expect("valid");
            assert!(got.iter().all(|&x| x >= 0.0), "{name}, {k}: {got:?}");
            if k == classes {
                let wide = |x: &[f32]| x.iter().copied().map(f64::from).collect::<Vec<_>>();
                assert_close(&format!("{name}: value"), &got, &wide(&most), 10.0);
                assert_close(&format!("{name}: gradient"), &own, &wide(&slopes), 1.0);
            }
            for (got, most) in got.iter().zip(&most) {
                assert!(*got <= most * (1.0 + 1e-5), "{name}, {k}: {got}, {most}");
            }
            let (none, flat) = of(&backend, &loss, &same, Reduction::None).expect("valid");
            assert!(none.iter().all(|&x| (0.0..1e-7).contains(&x)), "{name}, {k}: {none:?}");
            assert!(flat.iter().all(|&x| x.abs() < 1e-6), "{name}, {k}: {flat:?}");
        }
    }
}

/// A rest that is next to nothing or to all, of the teacher, of the student or of both, is exact.
#[test]
fn a_rest_of_any_size() {
    for log_probs in [[-1e-7, -17.0], [-3e-5, -30.0], [-40.0, -20.0], [-0.7, -0.7], [-INF, -50.0]] {
        for logits in [
            [40.0, 30.0, 0.0, -1.0, 2.0],
            [0.0, 1.0, 60.0, 59.0, 0.0],
            [300.0, 290.0, 0.0, 100.0, -50.0],
            [4096.0, 4096.5, 4097.0, 4095.0, 4096.0],
            [17.0, 0.5, 0.0, 0.25, 0.5],
        ] {
            let inputs = [
                ("input", tensor(DType::F32, &[1, 5], &logits)),
                ("teacher_log_probs", tensor(DType::F32, &[1, 2], &log_probs)),
                ("teacher_classes", tensor(DType::I64, &[1, 2], &[0.0, 1.0])),
            ];
            let request = Request::with_gradients(&["input"]);
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let what = format!("{log_probs:?} {logits:?}");
            assert_agrees(&what, &TopKDistillation::default(), &batch);
        }
    }
}

/// Classes that do not exist, and what is no number.
#[test]
fn infinities() {
    for (logits, log_probs, value, slopes) in [
        // A needed class, a needed rest, a row of nothing, one of NaN, a class that none needs.
        ([-INF, 0.0, 0.0], [-1.0, -INF], INF, None),
        ([0.0, 0.0, -INF], [-1.0, -1.0], INF, None),
        ([-INF, -INF, -INF], [-1.0, -1.0], f64::NAN, Some([f64::NAN; 3])),
        ([0.0, f64::NAN, 0.0], [-1.0, -1.0], f64::NAN, Some([f64::NAN; 3])),
        ([0.0, 0.0, f64::NAN], [-1.0, -1.0], f64::NAN, Some([f64::NAN; 3])),
        ([INF, 0.0, 0.0], [-1.0, -1.0], f64::NAN, None),
        ([0.0, -INF, -INF], [0.0, -INF], 0.0, Some([0.0; 3])),
        ([-INF, -INF, 0.0], [-INF, -INF], 0.0, Some([0.0; 3])),
    ] {
        let inputs = [
            ("input", tensor(DType::F32, &[1, 3], &logits)),
            ("teacher_log_probs", tensor(DType::F32, &[1, 2], &log_probs)),
            ("teacher_classes", tensor(DType::I8, &[1, 2], &[0.0, 1.0])),
        ];
        for (name, backend) in backends() {
            let got = of(&backend, &TopKDistillation::default(), &inputs, Reduction::Sum);
            let (got, gradient) = got.expect("valid");
            let same =
                |got: f32, want: f64| f64::from(got) == want || (got.is_nan() && want.is_nan());
            let what = format!("{logits:?} {log_probs:?} on {name}: {got:?}, {gradient:?}");
            assert!(same(got[0], value), "{what}");
            for (got, want) in gradient.iter().zip(slopes.iter().flatten()) {
                assert!(same(*got, *want), "{what}");
            }
        }
        let request = Request { reduction: Reduction::Sum, ..Request::with_gradients(&["input"]) };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{logits:?} {log_probs:?}"), &TopKDistillation::default(), &batch);
    }
}

/// What is no class, or comes twice, is named; not in rows that are ignored.
#[test]
fn refused() {
    let given = |classes: &[f64], labels: &[f64]| -> Inputs {
        vec![
            ("input", tensor(DType::F32, &[3, 4], &[0.5; 12])),
            ("teacher_log_probs", tensor(DType::F32, &[3, 2], &[-1.0; 6])),
            ("teacher_classes", tensor(DType::I64, &[3, 2], classes)),
            ("labels", tensor(DType::I64, &[3], labels)),
        ]
    };
    let kept = [0.0; 3];
    for (classes, labels, want) in [
        (
            [0.0, 1.0, 2.0, 4.0, 1.0, 0.0],
            kept,
            Some("teacher_classes[1, 1] is 4, expected 0 to 3, each once in a row"),
        ),
        (
            [0.0, 1.0, 2.0, 3.0, -1.0, 0.0],
            kept,
            Some("teacher_classes[2, 0] is -1, expected 0 to 3, each once in a row"),
        ),
        (
            [0.0, 1.0, 2.0, 2.0, 3.0, 3.0],
            kept,
            Some("teacher_classes[1, 1] is 2, expected 0 to 3, each once in a row (2 such in all)"),
        ),
        (
            [0.0, 1.0, 4_294_967_296.0, 2.0, 3.0, 0.0],
            kept,
            Some("teacher_classes[1, 0] is 4294967296, expected 0 to 3, each once in a row"),
        ),
        ([0.0, 1.0, 2.0, 2.0, 9.0, 3.0], [0.0, -100.0, -100.0], None),
    ] {
        for (name, backend) in backends() {
            let got = of(
                &backend,
                &TopKDistillation::default(),
                &given(&classes, &labels),
                Reduction::Mean,
            );
            match (got, want) {
                (Err(error), Some(want)) => assert_eq!(error.to_string(), want, "{name}"),
                (Ok((value, _)), None) => assert!(value[0].is_finite(), "{name}: {value:?}"),
                (got, want) => panic!("{name}: {got:?}, expected {want:?}"),
            }
        }
    }
    for (input, log_probs, classes, name) in [
        (&[3, 4][..], &[3, 2][..], &[3, 1][..], "teacher_log_probs"),
        (&[3, 4], &[3, 5], &[3, 5], "teacher_log_probs"),
        (&[3, 4], &[3, 0], &[3, 0], "teacher_log_probs"),
        (&[3, 4], &[2], &[2], "teacher_log_probs"),
        (&[4], &[1, 2], &[1, 2], "teacher_log_probs"),
    ] {
        let count = |shape: &[usize]| vec![0.0; shape.iter().product()];
        let inputs = [
            ("input", tensor(DType::F32, input, &count(input))),
            ("teacher_log_probs", tensor(DType::F32, log_probs, &count(log_probs))),
            ("teacher_classes", tensor(DType::I64, classes, &count(classes))),
        ];
        for (on, backend) in backends() {
            let got = of(&backend, &TopKDistillation::default(), &inputs, Reduction::Mean);
            let error = got.expect_err("shapes do not fit").to_string();
            assert!(error.starts_with(name), "{on}: {error}");
        }
    }
}

/// Log-probabilities that are rounded to 16 bits may add up to more than 1.
#[test]
fn rounded_probabilities() {
    let mut random = Random(94);
    for dtype in [DType::F16, DType::BF16] {
        for k in [3, 30] {
            let (_, mut own) = teacher(20, 30, k, &mut random);
            let numbers = own[0].1.to_f64();
            own[0].1 = tensor(dtype, &[20, k], &numbers);
            own.extend(inputs(
                &TopKDistillation::default(),
                &[("input", dtype, &[20, 30])],
                30,
                &mut random,
            ));
            let request =
                Request { reduction: Reduction::None, ..Request::with_gradients(&["input"]) };
            let batch = Batch { inputs: &own, request, ..Batch::default() };
            assert_agrees(&format!("{dtype} {k}"), &TopKDistillation::default(), &batch);
        }
    }
}
