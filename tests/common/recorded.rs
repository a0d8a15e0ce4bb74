//! A plan with buffers for one encoding.

use super::buffers::{filled, kind};
use super::{assert_close, read, tensor};
use wgloss::{Batch, Bindings, CrossEntropy, DType, Gpu, Plan, Request, reference};

const LOGITS: [f32; 6] = [1.0, 2.0, 3.0, 0.5, 0.0, -1.0];
const TARGETS: [i64; 2] = [0, 1];
/// What outputs hold before anything has run.
pub(crate) const HELD: f32 = -77.0;

/// A plan for cross entropy of 2 rows, with buffers for one encoding.
pub(crate) struct Case {
    pub(crate) plan: Plan,
    logits: wgpu::Buffer,
    targets: wgpu::Buffer,
    value: wgpu::Buffer,
    gradient: wgpu::Buffer,
}

impl Case {
    pub(crate) fn new(gpu: &Gpu) -> Self {
        let inputs = [("input", kind(DType::F32, &[2, 3])), ("target", kind(DType::I64, &[2]))];
        let request = Request::with_gradients(&["input"]);
        Self {
            plan: Plan::new(gpu, &CrossEntropy::default(), &inputs, &request)
                .expect("a valid request"),
            logits: filled(gpu, &LOGITS),
            targets: filled(gpu, &TARGETS),
            value: filled(gpu, &[HELD]),
            gradient: filled(gpu, &[HELD; 6]),
        }
    }

    /// Calls `with` with the bindings.
    pub(crate) fn bound<T>(&self, with: impl FnOnce(Bindings<'_>) -> T) -> T {
        let whole = wgpu::Buffer::as_entire_buffer_binding;
        with(Bindings {
            inputs: &[("input", whole(&self.logits)), ("target", whole(&self.targets))],
            value: Some(whole(&self.value)),
            gradients: &[("input", whole(&self.gradient))],
            ..Bindings::default()
        })
    }

    pub(crate) fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        self.bound(|bindings| self.plan.encode(encoder, &bindings)).expect("valid bindings");
    }

    #[track_caller]
    pub(crate) fn assert_right(&self, gpu: &Gpu) {
        let inputs = [
            ("input", tensor(DType::F32, &[2, 3], &LOGITS.map(f64::from))),
            ("target", tensor(DType::I64, &[2], &[0.0, 1.0])),
        ];
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["input"]),
            ..Batch::default()
        };
        let loss = CrossEntropy::default();
        let want = reference::evaluate(&loss, &batch).expect("valid inputs");
        assert_close("value", &read(gpu, &self.value), &want.value, want.scale);
        assert_close("gradient", &read(gpu, &self.gradient), &want.gradients[0].1, 1.0);
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self, gpu: &Gpu) {
        assert_eq!(read::<f32>(gpu, &self.value), [HELD]);
        assert_eq!(read::<f32>(gpu, &self.gradient), [HELD; 6]);
    }
}

pub(crate) fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device().create_command_encoder(&Default::default())
}

/// What a plan leaves in buffers of 2^16 numbers each: of the loss, and of the gradients.
pub(crate) fn outputs(
    gpu: &Gpu,
    plan: &Plan,
    inputs: &[(&'static str, wgpu::Buffer)],
    gradients: &[&'static str],
    count: Option<u32>,
) -> Vec<Vec<f32>> {
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let held = vec![HELD; 1 << 16];
    let value = filled(gpu, &held);
    let made: Vec<_> = gradients.iter().map(|name| (*name, filled(gpu, &held))).collect();
    let bound: Vec<_> = inputs.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
    let outputs: Vec<_> = made.iter().map(|(name, buffer)| (*name, whole(buffer))).collect();
    let count = count.map(|count| filled(gpu, &[count]));
    let bindings = Bindings {
        inputs: &bound,
        value: Some(whole(&value)),
        gradients: &outputs,
        count: count.as_ref().map(whole),
        ..Bindings::default()
    };
    let mut encoder = encoder(gpu);
    plan.encode(&mut encoder, &bindings).expect("valid bindings");
    gpu.queue().submit([encoder.finish()]);
    let gradients = made.iter().map(|(_, buffer)| buffer);
    [&value].into_iter().chain(gradients).map(|buffer| read(gpu, buffer)).collect()
}
