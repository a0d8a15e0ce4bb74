//! Plans that add to what their buffers hold, and weights of losses.

use crate::common::buffers::{empty, filled};
use crate::common::catalogue::all_inputs;
use crate::common::recorded::encoder;
use crate::common::{Random, assert_close, differentiable, gpu, inputs, read, tensor};
use wgloss::{
    Batch, Bindings, DType, Evaluator, Gpu, GradientType, Loss, Mse, Plan, Reduction, Request,
    SmoothL1, Tensor, TensorKind, catalogue,
};

type Inputs = [(&'static str, Tensor<'static>)];

/// What a plan left in its buffers: the loss, and the bytes of the gradients.
struct Left {
    value: Vec<f32>,
    gradients: Vec<Vec<u8>>,
}

/// Plans of the same inputs, one after the other into the same buffers.
fn run(gpu: &Gpu, inputs: &Inputs, plans: &[(&dyn Loss, Request<'_>)], held: &[f32]) -> Left {
    let kinds: Vec<(&str, TensorKind)> = inputs.iter().map(|(n, t)| (*n, t.kind())).collect();
    let buffers: Vec<_> = inputs.iter().map(|(name, t)| (*name, filled(gpu, &padded(t)))).collect();
    let request = &plans[0].1;
    let made: Vec<Plan> = plans
        .iter()
        .map(|(loss, request)| Plan::new(gpu, *loss, &kinds, request).expect("a plan"))
        .collect();
    let terms = made[0].output_shape().iter().product::<usize>();
    let losses = if request.reduction == Reduction::None { terms } else { 1 };
    let value = filled(gpu, &holding(DType::F32, losses, held));
    let gradients: Vec<_> = request
        .gradients
        .iter()
        .map(|name| {
            let (_, tensor) = inputs.iter().find(|(own, _)| own == name).expect("an input");
            let own = request.gradient_type == GradientType::Input;
            let dtype = if own { tensor.dtype() } else { DType::F32 };
            (*name, filled(gpu, &holding(dtype, tensor.len(), held)))
        })
        .collect();
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let bind = |(name, buffer)| (name, whole(buffer));
    let named: Vec<_> = buffers.iter().map(|(n, b)| (*n, b)).map(bind).collect();
    let outputs: Vec<_> = gradients.iter().map(|(n, b)| (*n, b)).map(bind).collect();
    let mut encoder = encoder(gpu);
    for plan in &made {
        let bindings = Bindings {
            inputs: &named,
            value: Some(whole(&value)),
            gradients: &outputs,
            ..Bindings::default()
        };
        plan.encode(&mut encoder, &bindings).expect("valid bindings");
    }
    gpu.queue().submit([encoder.finish()]);
    let gradients = gradients.iter().map(|(_, buffer)| read(gpu, buffer)).collect();
    Left { value: read::<f32>(gpu, &value)[..losses].to_vec(), gradients }
}

fn padded(tensor: &Tensor<'_>) -> Vec<u8> {
    let mut bytes = tensor.bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// So many numbers, taken by turns.
fn holding(dtype: DType, count: usize, held: &[f32]) -> Vec<u8> {
    let numbers: Vec<f64> = held.iter().cycle().take(count).map(|&x| f64::from(x)).collect();
    padded(&tensor(dtype, &[count], &numbers))
}

/// That numbers are what was held plus what is added, summed in float32 and rounded to the type.
#[track_caller]
fn assert_sums(what: &str, dtype: DType, got: &[f64], held: &[f32], added: &[f32]) {
    // Half a unit in the last place, and half of the least number.
    let (unit, least) = match dtype {
        DType::F16 => (2f64.powi(-11), 2f64.powi(-25)),
        DType::BF16 => (2f64.powi(-8), 0.0),
        _ => (0.0, 0.0),
    };
    assert_eq!(got.len(), added.len(), "{what}");
    for (i, (got, (&held, &added))) in got.iter().zip(held.iter().cycle().zip(added)).enumerate() {
        let sum = f64::from(held) + f64::from(added);
        if sum.is_nan() {
            // A mean of rows that are all ignored.
            assert!(got.is_nan(), "{what} at {i}: {got}");
            continue;
        }
        if dtype == DType::F16 && sum.abs() >= 65_520.0 {
            assert!(got.is_infinite() && got.signum() == sum.signum(), "{what} at {i}: {got}");
            continue;
        }
        if sum.is_infinite() {
            assert!(*got == sum, "{what} at {i}: {got}");
            continue;
        }
        let size = f64::from(held.abs().max(added.abs()));
        // Tiles of a product, of which there are a few, are added one by one.
        let rounded = if what.starts_with("linear_") { 3.0 } else { 1.0 };
        let tolerance = unit * sum.abs() + least + rounded * 2f64.powi(-23) * size;
        assert!((got - sum).abs() <= tolerance, "{what} at {i}: {got}, not {held} + {added}");
    }
}

#[test]
fn losses_and_gradients_are_added_to_what_there_is() {
    let mut random = Random(41);
    for (turn, loss) in catalogue().into_iter().enumerate() {
        let loss = loss.as_ref();
        for dtype in [DType::F32, [DType::F16, DType::BF16][turn % 2]] {
            for (i, inputs) in all_inputs(loss, dtype, &mut random).iter().enumerate() {
                let what = format!("{} of {dtype}, inputs {i}", loss.definition().name);
                let reduction = [Reduction::Mean, Reduction::None][(turn + i) % 2];
                assert_adds(&what, loss, inputs, reduction);
            }
        }
    }
}

/// A plan that adds leaves what its buffers held and what one that does not leaves there.
#[track_caller]
pub(crate) fn assert_adds(what: &str, loss: &dyn Loss, inputs: &Inputs, reduction: Reduction) {
    let gpu = gpu();
    let held = [1.5f32, -0.25, 3.0, 0.0, -8.0];
    let gradients = differentiable(loss, inputs);
    let plain =
        Request { reduction, gradients: &gradients, loss_weight: -0.75, ..Request::default() };
    let request = Request { accumulate: true, gradient_type: GradientType::Input, ..plain.clone() };
    let want = run(&gpu, inputs, &[(loss, plain)], &[-77.0]);
    let got = run(&gpu, inputs, &[(loss, request)], &held);
    let value: Vec<f64> = got.value.iter().map(|&x| f64::from(x)).collect();
    assert_sums(what, DType::F32, &value, &held, &want.value);
    for ((gradient, got), want) in gradients.iter().zip(&got.gradients).zip(&want.gradients) {
        let (_, tensor) = inputs.iter().find(|(n, _)| n == gradient).expect("an input");
        let (dtype, shape) = (tensor.dtype(), tensor.shape());
        let size = tensor.bytes().len();
        let got = Tensor::from_bytes(dtype, shape, got[..size].to_vec()).expect("it");
        let want: Vec<f32> = bytemuck::pod_collect_to_vec(want);
        let what = format!("{what}: gradient of {gradient}");
        assert_sums(&what, dtype, &got.to_f64(), &held, &want);
    }
}

/// `0.25 mse + 2 smooth_l1` in one encoder.
#[test]
fn several_losses_add_up_in_one_encoder() {
    let gpu = gpu();
    let shapes = ["input", "target"].map(|name| (name, DType::F32, &[6000][..]));
    let inputs = inputs(&Mse, &shapes, 0, &mut Random(42));
    let smooth = SmoothL1::default();
    let weighed = |loss_weight, accumulate| Request {
        loss_weight,
        accumulate,
        ..Request::with_gradients(&["input", "target"])
    };
    let both: [(&dyn Loss, Request<'_>); 2] =
        [(&Mse, weighed(0.25, false)), (&smooth, weighed(2.0, true))];
    let got = run(&gpu, &inputs, &both, &[-77.0]);
    let alone = |loss: &dyn Loss, weight| {
        let batch = Batch { inputs: &inputs, request: weighed(weight, false), ..Batch::default() };
        wgloss::reference::evaluate(loss, &batch).expect("a loss")
    };
    let (a, b) = (alone(&Mse, 0.25), alone(&smooth, 2.0));
    assert_close("value", &got.value, &[a.value[0] + b.value[0]], a.scale + b.scale);
    for (i, got) in got.gradients.iter().enumerate() {
        let want: Vec<f64> =
            a.gradients[i].1.iter().zip(&b.gradients[i].1).map(|(a, b)| a + b).collect();
        assert_close("gradient", &bytemuck::pod_collect_to_vec(got), &want, 1e-3);
    }
}

#[test]
fn evaluations_have_no_buffers_to_add_to() {
    let one = || tensor(DType::F32, &[1], &[1.0]);
    let inputs = [("input", one()), ("target", one())];
    let request = Request { accumulate: true, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let refused = Evaluator::Cpu.evaluate_blocking(&Mse, &batch);
    let message = refused.map_err(|error| error.to_string()).expect_err("no buffers");
    let want = "accumulate: true is not valid, expected false: an evaluation has no buffers of the program's";
    assert_eq!(message, want);
    for (weight, got) in [(0.0, "0"), (f32::NAN, "NaN")] {
        let request = Request { loss_weight: weight, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let refused = Evaluator::Cpu.evaluate_blocking(&Mse, &batch);
        let message = refused.map_err(|error| error.to_string()).expect_err("no weight");
        let want =
            format!("loss_weight: {got} is not valid, expected a finite number other than 0");
        assert_eq!(message, want);
    }
}

/// A plan that adds cannot write over its input.
#[test]
fn nothing_is_added_in_place() {
    let gpu = gpu();
    let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, [8])));
    let request = Request { accumulate: true, ..Request::with_gradients(&["input"]) };
    let plan = Plan::new(&gpu, &Mse, &kinds, &request).expect("a plan");
    assert!(!plan.in_place("input").expect("a gradient"));
    let [shared, target, value] = [32, 32, 4].map(|size| empty(&gpu, size));
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let bindings = Bindings {
        inputs: &[("input", whole(&shared)), ("target", whole(&target))],
        value: Some(whole(&value)),
        gradients: &[("input", whole(&shared))],
        ..Bindings::default()
    };
    let error = plan.encode(&mut encoder(&gpu), &bindings).expect_err("in place");
    assert!(error.to_string().contains("it is added to what its buffer holds"), "{error}");
}
