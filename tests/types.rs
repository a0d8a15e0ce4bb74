//! Gradients in the inputs' types: every loss of the catalogue on both backends.

use crate::common::catalogue::{Inputs, all_inputs};
use crate::common::ctc::Case;
use crate::common::{
    Family, Random, assert_agrees, bits, differentiable, family, gpu, inputs, is_of_answers,
    limited, read, tensor,
};
use wgloss::{
    Batch, Bindings, CrossEntropy, Ctc, DType, Evaluator, Gpu, GradientType, Loss, Mse, Plan,
    Reduction, Request, losses,
};
use wgpu::util::DeviceExt as _;

/// The shape of the upstream gradient of unreduced losses.
fn terms(loss: &dyn Loss, inputs: &Inputs) -> Vec<usize> {
    let batch = Batch {
        inputs,
        request: Request { reduction: Reduction::None, ..Request::default() },
        ..Batch::default()
    };
    let answer = Evaluator::Cpu.evaluate_blocking(loss, &batch).expect("a valid batch");
    answer.value.expect("the losses").shape().to_vec()
}

/// Each shape of each loss, and each way of asking for gradients, in this type or in the other one of as
/// many bits; losses of their own, with few shapes, in all ways in both.
fn check(dtype: DType, seed: u64) {
    let mut random = Random(seed);
    let ways = [
        [(Reduction::None, GradientType::Input), (Reduction::Mean, GradientType::Float32)],
        [(Reduction::Mean, GradientType::Input), (Reduction::None, GradientType::Float32)],
    ];
    // The losses of answers come last, so that all others have the numbers that they had without them.
    let mut all = losses::catalogue();
    all.sort_by_key(|loss| is_of_answers(loss.as_ref()));
    for (which, loss) in all.into_iter().enumerate() {
        let all = all_inputs(loss.as_ref(), dtype, &mut random);
        let all_ways = family(loss.as_ref()) == Family::Own;
        let part = (which + usize::from(dtype == DType::F16)) % 2;
        let cases = all.iter().enumerate();
        for (case, inputs) in cases.filter(|(case, _)| all_ways || case % 2 == part) {
            let mut gradients = differentiable(loss.as_ref(), inputs);
            if inputs[0].1.len() == 1 {
                gradients.retain(|name| *name != "weight"); // all rounding: no mean depends on it
            }
            let none = terms(loss.as_ref(), inputs);
            let one = [ways[part][case / 2 % 2]];
            for &(reduction, gradient_type) in if all_ways { ways.as_flattened() } else { &one } {
                let terms = if reduction == Reduction::None { &none[..] } else { &[] };
                let count = terms.iter().product();
                let numbers: Vec<f64> = (0..count).map(|_| 4.0 * random.unit() - 2.0).collect();
                let batch = Batch {
                    inputs,
                    upstream: Some(tensor(DType::F32, terms, &numbers)),
                    request: Request {
                        reduction,
                        gradients: &gradients,
                        gradient_type,
                        loss_scale: [1.0, 0.75, -6.0][case % 3],
                        loss_weight: [1.0, -0.5][case % 2],
                        ..Request::default()
                    },
                    ..Batch::default()
                };
                let shapes: Vec<_> = inputs.iter().map(|(_, tensor)| tensor.shape()).collect();
                let name = loss.definition().name;
                let what = format!("{name} of {dtype} {shapes:?}, {reduction}, {gradient_type:?}");
                assert_agrees(&what, loss.as_ref(), &batch);
                if dtype == DType::BF16 {
                    assert_overwrites(&what, loss.as_ref(), &batch);
                }
            }
        }
    }
}

#[test]
fn gradients_of_float16_inputs() {
    check(DType::F16, 31);
}

#[test]
fn gradients_of_bfloat16_inputs() {
    check(DType::BF16, 32);
}

#[test]
fn gradients_of_float32_inputs() {
    check(DType::F32, 34);
}

/// A storage buffer of these bytes, filled up to whole words.
fn buffer(gpu: &Gpu, bytes: &[u8]) -> wgpu::Buffer {
    let mut contents = bytes.to_vec();
    contents.resize(bytes.len().next_multiple_of(4), 0xa5);
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let descriptor = wgpu::util::BufferInitDescriptor { label: None, contents: &contents, usage };
    gpu.device().create_buffer_init(&descriptor)
}

/// In buffers that held other bytes before, gradients have the same bits: each half of a word replaces
/// what was there.
#[track_caller]
fn assert_overwrites(what: &str, loss: &dyn Loss, batch: &Batch<'_>) {
    let gpu = &gpu();
    let want = Evaluator::Gpu(gpu.clone()).evaluate_blocking(loss, batch).expect("a valid batch");
    let inputs = batch.inputs;
    let kinds: Vec<_> = inputs.iter().map(|(name, input)| (*name, input.kind())).collect();
    let request = Request { upstream: true, ..batch.request.clone() };
    let plan = Plan::new(gpu, loss, &kinds, &request).expect("a valid request");
    let given: Vec<_> = inputs.iter().map(|(name, t)| (*name, buffer(gpu, t.bytes()))).collect();
    let upstream = buffer(gpu, batch.upstream.as_ref().expect("one").bytes());
    let held = want.gradients.iter().map(|(name, gradient)| (*name, gradient.bytes().len()));
    let held: Vec<_> = held.map(|(name, size)| (name, buffer(gpu, &vec![0xa5; size]))).collect();
    let value = buffer(gpu, &vec![0; want.value.as_ref().expect("wanted").bytes().len()]);
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let inputs: Vec<_> = given.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
    let outputs: Vec<_> = held.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
    let bindings = Bindings {
        inputs: &inputs,
        gradients: &outputs,
        upstream: Some(whole(&upstream)),
        value: Some(whole(&value)),
        ..Bindings::default()
    };
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    plan.encode(&mut encoder, &bindings).expect("valid bindings");
    gpu.queue().submit([encoder.finish()]);
    for ((name, want), (_, buffer)) in want.gradients.iter().zip(&held) {
        let got: Vec<u8> = read(gpu, buffer);
        assert_eq!(&got[..want.bytes().len()], want.bytes(), "{what}: gradient of {name}");
    }
}

/// Windows may meet in the middle of a word, and begin at other places for other types.
#[test]
fn the_same_bits_however_they_are_cut() {
    let mut random = Random(38);
    let (narrow, wide, other) = (DType::F16, DType::F32, DType::BF16);
    let make =
        |loss: &dyn Loss, kinds: [DType; 2], shape: &'static [usize], random: &mut Random| {
            inputs(loss, &[("input", kinds[0], shape), ("target", kinds[1], shape)], 0, random)
        };
    let softmax = CrossEntropy::default();
    let case = Case::new(&[500, 3, 201], 0, &[50, 45, 20], 5.0, &mut random);
    let cases: [(&dyn Loss, Inputs); 5] = [
        (&Mse, make(&Mse, [narrow, wide], &[1_000_003], &mut random)),
        (&softmax, make(&softmax, [narrow, wide], &[40_001, 11], &mut random)),
        (&softmax, make(&softmax, [wide, other], &[40_001, 12], &mut random)),
        (&softmax, make(&softmax, [other, narrow], &[7, 21, 67, 67], &mut random)),
        (&Ctc::default(), case.inputs(narrow, DType::I64, true)),
    ];
    for (loss, inputs) in cases {
        let gradients = differentiable(loss, &inputs);
        let batch = Batch {
            inputs: &inputs,
            request: Request {
                gradients: &gradients,
                gradient_type: GradientType::Input,
                ..Request::default()
            },
            ..Batch::default()
        };
        let run = |backend: Evaluator| {
            bits(&backend.evaluate_blocking(loss, &batch).expect("a valid batch"))
        };
        let first = run(Evaluator::Gpu(gpu()));
        assert!(first == run(limited(1 << 20, 65_535, 8)), "{loss:?} in windows");
        assert!(first == run(limited(128 << 20, 32, 8)), "{loss:?} with few workgroups in a row");
        assert_agrees(&format!("{loss:?}"), loss, &batch);
    }
}
