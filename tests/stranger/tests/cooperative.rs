//! Cooperative matrices, on a device whose program asks for them.

use half::f16;
use stranger::{adapter, classes, device, floats, limits, tensor};
use wgloss::wgpu::{self, Features};
use wgloss::{Batch, DType, Evaluator, Gpu, LinearCrossEntropy, Reduction, Request};
use wgloss::{Tensor, reference};

const NEEDED: Features =
    Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(Features::SHADER_F16).union(Features::SUBGROUP);

/// Numbers that float16 holds, small enough that the order of a hundred products' sum costs no digit that is asked for.
fn halves(shape: &[usize], seed: usize) -> Tensor<'static> {
    let numbers = floats(tensor(shape, seed).bytes());
    let halves: Vec<u16> = numbers.into_iter().map(|x| f16::from_f32(x / 4.0).to_bits()).collect();
    Tensor::from_bytes(DType::F16, shape, bytemuck::cast_slice(&halves).to_vec()).expect("numbers")
}

/// Values and gradients against float64, with sizes past whole matrices, and the same bits in each run.
#[test]
fn the_logits_of_linear_losses() {
    let adapter = adapter();
    if !adapter.features().contains(NEEDED) {
        println!("{} has no cooperative matrices of float16", adapter.get_info().name);
        return;
    }
    let descriptor = wgpu::DeviceDescriptor {
        required_features: NEEDED,
        #[expect(unsafe_code, reason = "what is experimental is asked for in so many words")]
        experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
        ..Default::default()
    };
    let (device, queue) =
        pollster::block_on(adapter.request_device(&descriptor)).expect("a device");
    let plain = Gpu::from_device(device, queue);
    let gpu = plain.clone().with_cooperative_matrices(&adapter).expect("matrices of float16");
    for (items, features, columns) in [(1, 3, 2), (33, 40, 70), (70, 129, 300)] {
        let inputs = [
            ("input", halves(&[items, features], 1)),
            ("linear_weight", halves(&[columns, features], 2)),
            ("target", classes(&[items], i64::try_from(columns).expect("few"))),
        ];
        let request = Request {
            reduction: Reduction::None,
            ..Request::with_gradients(&["input", "linear_weight"])
        };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let loss = LinearCrossEntropy::default();
        let want = reference::evaluate(&loss, &batch).expect("the reference");
        let own = Evaluator::Gpu(gpu.clone()).evaluate_blocking(&loss, &batch).expect("valid");
        let check = |what: &str, got: &[u8], want: &[f64]| {
            let scale = want.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            for (i, (got, want)) in floats(got).into_iter().zip(want).enumerate() {
                let error = (f64::from(got) - want).abs();
                let most = 1e-5 * want.abs() + 1e-6 * scale;
                assert!(error <= most, "{what} of {items}: element {i} is {got}, want {want}");
            }
        };
        check("loss", own.value.as_ref().expect("losses").bytes(), &want.value);
        for ((name, got), (_, want)) in own.gradients.iter().zip(&want.gradients) {
            check(name, got.bytes(), want);
        }
        let again = Evaluator::Gpu(gpu.clone()).evaluate_blocking(&loss, &batch).expect("valid");
        let bytes = |own: &wgloss::Evaluation| own.value.as_ref().expect("losses").bytes().to_vec();
        assert_eq!(bytes(&own), bytes(&again), "the same bits");
    }
}

/// A device that cannot says what it lacks.
#[test]
fn what_is_missing_is_named() {
    let gpu = device(limits(8, 256));
    let error = gpu.with_cooperative_matrices(&adapter()).expect_err("no such device").to_string();
    assert!(error.contains("cooperative matrices"), "{error}");
    assert!(error.contains("EXPERIMENTAL_COOPERATIVE_MATRIX"), "{error}");
}
