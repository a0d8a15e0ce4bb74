//! A custom loss has what every loss has: reductions, upstream gradients, types, broadcasting,
//! totals, windows and pieces, plans, shared buffers, threads.

use crate::common::buffers::filled;
use crate::common::{
    Random, assert_agrees, assert_close, bits, limited, read, tensor, with_limits,
};
use wgloss::{
    Batch, Bindings, Custom, DType, Evaluator, GradientType, Part, Plan, Reduction, Request,
    Tensor, Totals, reference,
};

const F32: DType = DType::F32;
const ALL: &[&str] = &["p", "t", "q"];

/// Three arguments, a parameter, a helper, a branch and a loop.
fn loss() -> Custom {
    let source = "struct Parameters { width: f32 }
    fn way(p: f32, t: f32) -> f32 { return p - 0.5 * t; }
    fn value(p: f32, t: f32, q: f32, c: Parameters) -> f32 {
        let x = way(p, t);
        if (abs(x) < c.width) { return x * x * q; }
        var y = q;
        for (var i = 0; i < 3; i++) { y = 0.5 * y + tanh(x) * t; }
        return y;
    }";
    let mut loss = Custom::new(source).expect("a valid source");
    loss.set("width", 0.75).expect("a parameter");
    loss
}

type Inputs = Vec<(&'static str, Tensor<'static>)>;

fn inputs(shapes: [(DType, &[usize]); 3], random: &mut Random) -> Inputs {
    let mut one = |(dtype, shape): (DType, &[usize])| {
        let count = shape.iter().product();
        // float16 and bfloat16 hold them too.
        let number = |_| (random.unit() * 64.0).floor() / 16.0 - 2.0;
        let numbers: Vec<f64> = (0..count).map(number).collect();
        tensor(dtype, shape, &numbers)
    };
    let tensors = shapes.map(&mut one);
    ALL.iter().copied().zip(tensors).collect()
}

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

#[test]
fn sizes_reductions_and_upstream_gradients() {
    let (loss, mut random) = (loss(), Random(61));
    for (i, count) in [0, 1, 3, 63, 4095, 4096, 4097, 12_289].into_iter().enumerate() {
        let inputs = inputs([(F32, &[count]); 3], &mut random);
        for (j, reduction) in REDUCTIONS.into_iter().enumerate() {
            let terms: &[usize] = if reduction == Reduction::None { &[count] } else { &[] };
            let numbers: Vec<f64> =
                (0..terms.iter().product()).map(|_| random.unit() - 0.5).collect();
            for (k, gradients) in [&[][..], ALL, &["t"], &["q", "p"]].into_iter().enumerate() {
                let given = (i + j + k / 2) % 2 == 0 && !gradients.is_empty();
                let what = format!("{count} elements, {reduction}, {gradients:?}, {given}");
                let batch = Batch {
                    inputs: &inputs,
                    request: Request { reduction, gradients, ..Request::default() },
                    upstream: given.then(|| tensor(F32, terms, &numbers)),
                    ..Batch::default()
                };
                assert_agrees(&what, &loss, &batch);
            }
        }
    }
}

#[test]
fn broadcasting() {
    let (loss, mut random) = (loss(), Random(62));
    let (whole, row, column): (&[usize], &[usize], &[usize]) = (&[5, 1700], &[1, 1700], &[5, 1]);
    for [p, t, q] in [
        [whole, row, column],
        [row, whole, &[]],
        [column, row, whole],
        [row, column, &[1]],
        [&[1700], &[5, 1], &[1, 1]],
        [&[], &[], &[]],
        [&[3, 1, 70, 2], &[3, 40, 1, 2], &[70, 1]],
    ] {
        let inputs = inputs([(F32, p), (F32, t), (F32, q)], &mut random);
        for reduction in [Reduction::None, Reduction::Mean] {
            let batch = Batch {
                inputs: &inputs,
                request: Request { reduction, gradients: ALL, ..Request::default() },
                ..Batch::default()
            };
            assert_agrees(&format!("{p:?}, {t:?}, {q:?}, {reduction}"), &loss, &batch);
        }
    }
}

#[test]
fn types() {
    let (loss, mut random) = (loss(), Random(63));
    for types in [
        [DType::F16; 3],
        [DType::BF16; 3],
        [DType::F16, F32, DType::BF16],
        [F32, DType::BF16, DType::F64],
    ] {
        for shape in [&[4097][..], &[3, 333]] {
            let inputs = inputs(types.map(|dtype| (dtype, shape)), &mut random);
            for (reduction, gradient_type) in
                [(Reduction::Mean, GradientType::Input), (Reduction::None, GradientType::Float32)]
            {
                let request =
                    Request { reduction, gradients: ALL, gradient_type, ..Request::default() };
                let batch = Batch { inputs: &inputs, request, ..Batch::default() };
                assert_agrees(&format!("{types:?}, {reduction}"), &loss, &batch);
            }
        }
    }
}

#[test]
fn totals_of_parts() {
    let (loss, mut random) = (loss(), Random(64));
    const ITEMS: usize = 5 * 4096 + 77;
    let whole = inputs([(F32, &[ITEMS]), (F32, &[ITEMS]), (F32, &[])], &mut random);
    for backend in [Evaluator::Gpu(crate::common::gpu()), Evaluator::Cpu] {
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let totals = |from: usize, to: usize| -> Totals {
                let part = |(name, tensor): &(&'static str, Tensor<'static>)| {
                    let bytes = tensor.bytes();
                    let cut = (!tensor.shape().is_empty()).then_some(4 * from..4 * to);
                    let bytes = cut.clone().map_or(bytes, |range| &bytes[range]);
                    let shape = cut.map_or(vec![], |_| vec![to - from]);
                    let part = Tensor::from_bytes(F32, shape, bytes.to_vec());
                    (*name, part.expect("the shape of the part"))
                };
                let inputs: Inputs = whole.iter().map(part).collect();
                let batch = Batch {
                    inputs: &inputs,
                    part: Some(Part { first: from as u64, of: Some(ITEMS as u64) }),
                    request: Request { reduction, totals: true, ..Request::default() },
                    ..Batch::default()
                };
                let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
                got.totals.expect("they were asked for")
            };
            let mut merged = totals(5000, 3 * 4096);
            for (from, to) in [(3 * 4096, ITEMS), (0, 5000)] {
                merged.merge(&totals(from, to)).expect("parts of one batch");
            }
            assert_eq!(merged, totals(0, ITEMS), "{reduction}");
            assert_eq!(merged.loss(), "custom");
        }
    }
}

#[test]
fn windows_and_pieces() {
    let (loss, mut random) = (loss(), Random(65));
    for shapes in [
        [(F32, &[700, 503][..]), (DType::F16, &[700, 503]), (F32, &[1, 1])],
        [(F32, &[350_001]), (F32, &[350_001]), (DType::BF16, &[350_001])],
        [(F32, &[300, 1]), (F32, &[1, 900]), (F32, &[300, 900])],
    ] {
        let inputs = inputs(shapes, &mut random);
        for reduction in REDUCTIONS {
            let gradients: &[&str] = if shapes[0].1 == [300, 1] { &["q"] } else { &["p", "t"] };
            let batch = Batch {
                inputs: &inputs,
                request: Request { reduction, gradients, ..Request::default() },
                ..Batch::default()
            };
            let whole = Evaluator::Gpu(crate::common::gpu());
            let whole = whole.evaluate_blocking(&loss, &batch).expect("a valid batch");
            let small = with_limits(wgpu::Limits {
                max_buffer_size: 1_500_004,
                max_storage_buffer_binding_size: 1_500_004,
                ..Default::default()
            });
            for (name, backend) in [
                ("pieces", small),
                ("windows", limited(1 << 16, 65_535, 8)),
                ("groups", limited(1 << 27, 11, 8)),
            ] {
                let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
                assert_eq!(bits(&got), bits(&whole), "{shapes:?} in {name}, {reduction}");
            }
        }
    }
}

/// All in the caller's encoder, twice, the second time with gradients over their inputs.
#[test]
fn plans_and_gradients_in_place() {
    let (loss, mut random) = (loss(), Random(66));
    let gpu = crate::common::gpu();
    for count in [5, 4097] {
        let inputs = inputs([(F32, &[count]); 3], &mut random);
        let kinds: Vec<_> = inputs.iter().map(|(name, own)| (*name, own.kind())).collect();
        let gradients = ALL;
        let request = Request::with_gradients(gradients);
        let plan = Plan::new(&gpu, &loss, &kinds, &request).expect("a valid request");
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(gradients),
            ..Batch::default()
        };
        let want = reference::evaluate(&loss, &batch).expect("a valid batch");
        let buffers: Vec<_> = inputs.iter().map(|(_, own)| filled(&gpu, own.bytes())).collect();
        let apart: Vec<_> = ALL.iter().map(|_| filled(&gpu, &vec![7.0f32; count])).collect();
        let value = filled(&gpu, &[7.0f32]);
        let named = |buffers: &[wgpu::Buffer]| -> Vec<(&str, wgpu::Buffer)> {
            ALL.iter().copied().zip(buffers.to_vec()).collect()
        };
        for (what, outputs) in [("apart", &apart), ("in place", &buffers)] {
            let whole = wgpu::Buffer::as_entire_buffer_binding;
            let (sources, outputs) = (named(&buffers), named(outputs));
            let inputs: Vec<_> = sources.iter().map(|(name, own)| (*name, whole(own))).collect();
            let slopes: Vec<_> = outputs.iter().map(|(name, own)| (*name, whole(own))).collect();
            let bindings = Bindings {
                inputs: &inputs,
                value: Some(whole(&value)),
                gradients: &slopes,
                ..Bindings::default()
            };
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            plan.encode(&mut encoder, &bindings).expect("valid bindings");
            gpu.queue().submit([encoder.finish()]);
            assert_close(what, &read(&gpu, &value), &want.value, want.scale);
            for ((name, own), (_, want)) in outputs.iter().zip(&want.gradients) {
                let scale = want.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                assert_close(&format!("{name} {what}"), &read(&gpu, own), want, scale);
            }
        }
    }
}

/// The same source from many threads at once is made once, and different ones at once.
#[test]
fn threads() {
    let check = |thread: usize| {
        let gpu = crate::common::gpu();
        let mut random = Random(67);
        for round in 0..3 {
            // Two threads have the same source each time.
            let power = 2 + (thread / 2 + round) % 4;
            let source = format!(
                "fn value(p: f32, t: f32, q: f32) -> f32 {{ return pow(abs(p - t), {power}.0) * q; }}"
            );
            let loss = Custom::new(&source).expect("a valid source");
            let inputs = inputs([(F32, &[300]); 3], &mut random);
            let batch = Batch {
                inputs: &inputs,
                request: Request::with_gradients(ALL),
                ..Batch::default()
            };
            let want = reference::evaluate(&loss, &batch).expect("a valid batch");
            for backend in [Evaluator::Gpu(gpu.clone()), Evaluator::Cpu] {
                let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
                let value = got.value.as_ref().expect("a value").to_f32();
                assert_close(&source, &value, &want.value, want.scale);
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || check(thread));
        }
    });
}
