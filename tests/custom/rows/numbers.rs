//! Gradients by the numbers of rows.

use super::{ALL, F32, Inputs, assert_differences, everything, everything_of, logits, numbers};
use crate::common::{
    Random, assert_agrees, assert_close, backends, bits, gpu, tensor, with_limits,
};
use wgloss::{
    Batch, Custom, DType, Error, Evaluator, GradientType, Loss, Plan, Reduction, Request, Tensor,
    Tuning, reference,
};

/// Cross entropy of logits over a temperature of each row.
const TEMPERATURES: &str = "
struct Item { input: f32 }
struct Row { temperature: f32, target: i32 }
struct Parameters { ignore_index: i32 }

fn shifts(item: Item, row: Row) -> f32 { return item.input / row.temperature; }

fn sums(item: Item, row: Row, shifts: f32) -> f32 { return exp(item.input / row.temperature - shifts); }

fn value(picked: Item, row: Row, shifts: f32, sums: f32) -> f32 {
    return log(sums) + (shifts - picked.input / row.temperature);
}";

fn made(text: &str) -> Custom {
    Custom::new(text).unwrap_or_else(|e| panic!("{e}"))
}

fn temperatures() -> Custom {
    let mut loss = made(TEMPERATURES);
    loss.set("ignore_index", -100.0).expect("a parameter");
    loss
}

/// As the formula says: (x at the target - the mean of x) / temperature^2.
#[test]
fn temperatures_of_rows() {
    let (loss, mut random) = (temperatures(), Random(101));
    for shape in [&[5][..], &[7, 3], &[40, 10], &[3, 4, 5], &[2, 3000]] {
        let mut inputs = logits(shape, &mut random);
        let (classes, inner) = (shape[shape.len().min(2) - 1], shape.iter().skip(2).product());
        let rows = inputs[1].1.shape().to_vec();
        let count: usize = rows.iter().product();
        let of_rows = numbers(count, 0.5, 3.0, &mut random);
        inputs.push(("temperature", tensor(F32, &rows, &of_rows)));
        let [input, target] = [0, 1].map(|i: usize| inputs[i].1.to_f64().to_vec());
        let want: Vec<f64> = (0..count)
            .map(|r: usize| {
                let inner: usize = inner;
                let x = |c: usize| input[(r / inner * classes + c) * inner + r % inner];
                let e = |c: usize| (x(c) / of_rows[r]).exp();
                let all: f64 = (0..classes).map(e).sum();
                let mean = (0..classes).map(|c| e(c) / all * x(c)).sum::<f64>();
                (x(target[r] as usize) - mean) / (of_rows[r] * of_rows[r])
            })
            .collect();
        let gradients = &["temperature", "input"];
        let request = Request { reduction: Reduction::Sum, gradients, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{shape:?}"), &loss, &batch);
        let answer = reference::evaluate(&loss, &batch).expect("a valid batch");
        for (got, want) in answer.gradients[0].1.iter().zip(&want) {
            assert!((got - want).abs() < 1e-9 * (1.0 + want.abs()), "{shape:?}: {got}, {want}");
        }
        for (name, backend) in backends() {
            let got = backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}"));
            let scale = want.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
            assert_close(
                &format!("{shape:?} on {name}"),
                &got.gradients[0].1.to_f32(),
                &want,
                scale,
            );
        }
    }
}

/// A maximum that depends on the row's number moves with it as its items do, all of which have a share.
#[test]
fn maxima_move_with_numbers_of_rows() {
    let loss = made(
        "struct Item { a: f32, b: f32 }
        struct Row { w: f32, x: f32 }
        fn peaks(item: Item, row: Row) -> vec2<f32> { return vec2(item.a + item.b * row.x, row.x - item.a); }
        fn sums(item: Item, row: Row, peaks: vec2<f32>) -> f32 { return item.a * (peaks.y - row.x); }
        fn value(row: Row, peaks: vec2<f32>, sums: f32) -> f32 { return row.w * (3.0 * peaks.x + sums); }",
    );
    // Two items tie for the first maximum, a + b x = 5: by x 3 (1 + 2) / 2. The second is x - min(a), and the sum
    // does not change with x.
    let inputs = [
        ("a", tensor(F32, &[1, 4], &[4.0, 3.0, 4.5, -1.0])),
        ("b", tensor(F32, &[1, 4], &[1.0, 2.0, 0.25, 1.0])),
        ("w", tensor(F32, &[1], &[1.0])),
        ("x", tensor(F32, &[1], &[1.0])),
    ];
    let request = Request { gradients: &["x", "w", "a"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    assert_agrees("ties", &loss, &batch);
    let answer = reference::evaluate(&loss, &batch).expect("a valid batch");
    assert_eq!([&answer.gradients[0].1[..], &answer.gradients[1].1[..]], [[4.5], [25.5]]);
    let moved = [
        ("a", tensor(F32, &[1, 4], &[4.0, 3.25, 4.5, -1.0])),
        inputs[1].clone(),
        inputs[2].clone(),
        ("x", tensor(F32, &[1], &[0.5])),
    ];
    assert!(assert_differences("maxima", &loss, &moved.to_vec(), &["x", "w", "a", "b"]) > 7);
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}"));
        let slopes = [0, 1].map(|i: usize| got.gradients[i].1.to_f32()[0]);
        assert_eq!(slopes, [4.5, 25.5], "{name}");
    }
}

/// Where all items are -inf they share the maximum, which moves with the row's number still; NaN has no slope.
#[test]
fn maxima_without_numbers() {
    let loss = made(
        "struct Item { a: f32 }
        struct Row { x: f32 }
        fn peaks(item: Item, row: Row) -> f32 { return item.a + 2.0 * row.x; }
        fn value(peaks: f32) -> f32 { return 3.0 * peaks; }",
    );
    let a = [f64::NEG_INFINITY, f64::NEG_INFINITY, 1.0, f64::NEG_INFINITY, 1.0, f64::NAN];
    let inputs = [("a", tensor(F32, &[3, 2], &a)), ("x", tensor(F32, &[3], &[0.5, 1.0, 0.5]))];
    let gradients = &["x", "a"];
    let request = Request { reduction: Reduction::None, gradients, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let answer = reference::evaluate(&loss, &batch).expect("a valid batch");
    let by_x = |slopes: [f64; 3]| slopes[..2] == [6.0, 6.0] && slopes[2].is_nan();
    let own = |slopes: &[f64]| <[f64; 3]>::try_from(slopes).is_ok_and(by_x);
    assert!(own(&answer.gradients[0].1), "{:?}", answer.gradients[0].1);
    assert_eq!(answer.gradients[1].1[..4], [1.5, 1.5, 3.0, 0.0]);
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}"));
        let [x, a] = [0, 1].map(|i: usize| got.gradients[i].1.to_f64().to_vec());
        assert!(own(&x), "{name}: {x:?}");
        assert_eq!(a[..4], [1.5, 1.5, 3.0, 0.0], "{name}");
    }
}

/// Rows that are ignored have no slope, and those of a bad target have NaN where it is not refused before.
#[test]
fn rows_that_do_not_count() {
    let (loss, mut random) = (temperatures(), Random(102));
    for classes in [3, 2000] {
        let mut inputs = logits(&[6, classes], &mut random);
        inputs[1].1 = tensor(DType::I64, &[6], &[0.0, -100.0, 2.0, 1.0, -100.0, 0.0]);
        inputs.push(("temperature", tensor(F32, &[6], &numbers(6, 0.5, 2.0, &mut random))));
        for reduction in [Reduction::None, Reduction::Mean] {
            let gradients = &["temperature"];
            let request = Request { reduction, gradients, ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees(&format!("{classes} classes, {reduction}"), &loss, &batch);
            for (name, backend) in backends() {
                let got =
                    backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}"));
                let slopes = got.gradients[0].1.to_f32().to_vec();
                assert_eq!([slopes[1], slopes[4]], [0.0; 2], "{name}");
                assert!([0, 2, 3, 5].iter().all(|&row| slopes[row] != 0.0), "{name}: {slopes:?}");
            }
        }
    }
}

/// Of all types, alone and beside others, in one pass and in many, on devices that bind few buffers, where rows are
/// shared by workgroups, and in the place of what they are by.
#[test]
fn the_same_bits_however_they_are_asked_for() {
    let (loss, mut random) = (everything(), Random(103));
    let tuning = Tuning { quads_per_group: 16, ..Tuning::default() };
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..Default::default() };
    let Evaluator::Gpu(few) = with_limits(limits) else { panic!("a GPU") };
    let gpus = [gpu().clone(), gpu().with_tuning(tuning), few.with_tuning(tuning)];
    for (dtype, shape) in [
        (F32, &[37, 9][..]),
        (DType::F16, &[37, 9]),
        (DType::BF16, &[5, 301]),
        (F32, &[3, 901]),
        (DType::F16, &[3, 20, 11]),
    ] {
        let inputs = everything_of(dtype, shape, &mut random);
        let of = |evaluator: &Evaluator, gradients: &[&str], gradient_type| {
            let request = Request {
                reduction: Reduction::None,
                gradients,
                gradient_type,
                ..Request::default()
            };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            evaluator.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{shape:?}: {e}"))
        };
        let slopes = |evaluator: &Evaluator, gradients: &[&str], gradient_type| {
            let answer = of(evaluator, gradients, gradient_type);
            let (_, tensor) =
                answer.gradients.iter().find(|(name, _)| *name == "factor").expect("a gradient");
            tensor.bytes().to_vec()
        };
        for kind in [GradientType::Input, GradientType::Float32] {
            assert!(
                slopes(&Evaluator::Cpu, ALL, kind) == slopes(&Evaluator::Cpu, &["factor"], kind)
            );
        }
        let mut tuned = Vec::new();
        for gpu in &gpus {
            let gpu = Evaluator::Gpu(gpu.clone());
            for kind in [GradientType::Input, GradientType::Float32] {
                let all = slopes(&gpu, ALL, kind);
                assert!(all == slopes(&gpu, &["factor"], kind), "{shape:?}, {dtype}");
                tuned.push(all);
            }
            // What else is asked for does not change with it.
            let [with, without] =
                [ALL, &["a", "b"]].map(|own| of(&gpu, own, GradientType::Float32));
            assert!(bits(&with)[..bits(&without).len()] == bits(&without)[..], "{shape:?}");
        }
        assert!(tuned[2..4] == tuned[4..], "{shape:?}, {dtype}: few buffers");
    }
}

/// Where loops take too many rounds there is no slope either, and an evaluator says so.
#[test]
fn rows_that_are_given_up() {
    let loss = made(
        "struct Item { p: f32 }
        struct Row { x: f32 }
        fn sums(item: Item, row: Row) -> f32 {
            var y = row.x * item.p;
            while (item.p > 0.7) { y += 0.5; }
            return y;
        }
        fn value(sums: f32) -> f32 { return sums; }",
    );
    let inputs = [
        ("p", tensor(F32, &[2, 3], &[0.5, 0.25, 0.75, 0.5, 0.25, 0.5])),
        ("x", tensor(F32, &[2], &[0.5, 0.75])),
    ];
    let request = Request { reduction: Reduction::None, gradients: &["x"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let answer = reference::evaluate(&loss, &batch).expect("a valid batch");
    let (_, slopes) = &answer.gradients[0];
    assert!(slopes[0].is_nan() && slopes[1] == 1.25, "{slopes:?}");
    for (name, backend) in backends() {
        let error = backend.evaluate_blocking(&loss, &batch).expect_err("too many rounds");
        assert!(error.to_string().contains("in row 0 at class 2"), "{name}: {error}");
    }
}

#[test]
fn what_is_refused() {
    const TEXT: &str = "
        struct Item { p: f32 }
        struct Row { x: f32, y: f32, z: f32 }
        fn sums(item: Item, row: Row) -> array<f32, 8> {
            let q = row.x * item.p;
            return array<f32, 8>(q, q * q, q + 1.0, q - 1.0, 2.0 * q, 3.0 * q, 4.0 * q, row.y * item.p);
        }
        fn value(sums: array<f32, 8>) -> f32 {
            return sums[0] * sums[1] * sums[2] * sums[3] * sums[4] * sums[5] * sums[6] * sums[7];
        }";
    let refusal = |loss: &Custom, name: &str| {
        let place = loss.definition().input(name).expect("an input");
        loss.check_gradient(place).map_err(|error| match error {
            Error::Custom { reason, .. } => reason,
            other => panic!("{other}"),
        })
    };
    let loss = made(TEXT);
    assert_eq!(refusal(&loss, "x"), Ok(()));
    let many = refusal(&loss, "y");
    assert_eq!(many, Ok(()), "16 sums");
    let lost = refusal(&loss, "z").expect_err("it is not in the loss");
    assert_eq!(lost, "the loss does not change with z: it has no derivative by that");
    // One more than there may be is left out, and the loss is there.
    let loss = made(&TEXT.replace("row.y * item.p)", "row.y * q)"));
    assert_eq!(refusal(&loss, "x"), Ok(()));
    let many = refusal(&loss, "y").expect_err("17 sums");
    assert!(many.contains("8 sums of a row come to 17"), "{many}");
    assert!(many.contains("derivatives by p, x, y, by maxima"), "{many}");
    let inputs: Inputs = vec![
        ("p", tensor(F32, &[2, 3], &[0.5, 0.25, 1.0, 0.75, 0.5, 1.0])),
        ("x", tensor(F32, &[2], &[0.5, 0.75])),
        ("y", tensor(F32, &[2], &[0.5, 0.75])),
        ("z", tensor(F32, &[2], &[0.5, 0.75])),
    ];
    let request = Request { gradients: &["p", "x"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    assert_agrees("many sums", &loss, &batch);

    // Rows that workgroups share have no gradient in the place of their number.
    let tuning = Tuning { quads_per_group: 16, ..Tuning::default() };
    let mut inputs = logits(&[3, 901], &mut Random(104));
    inputs.push(("temperature", tensor(F32, &[3], &[1.0, 2.0, 0.5])));
    let kinds: Vec<_> =
        inputs.iter().map(|(name, own): &(_, Tensor<'static>)| (*name, own.kind())).collect();
    let request = Request::with_gradients(&["temperature"]);
    for (gpu, may) in [(gpu().clone(), true), (gpu().with_tuning(tuning), false)] {
        let plan = Plan::new(&gpu, &temperatures(), &kinds, &request).expect("a plan");
        assert_eq!(plan.in_place("temperature").expect("a gradient"), may);
    }
}
