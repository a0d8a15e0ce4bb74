//! wgloss's cross entropy as an operation of Burn: it reads and writes Burn's own memory, and its
//! gradient comes with its value.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, TensorMetadata, backend_extension,
};
use burn::tensor::{DType, Int, Shape, Tensor};
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuServer};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use std::{error::Error, num::NonZeroU64};
use wgloss::{Bindings, Gpu, Plan, Request, TensorKind, wgpu};

/// The mean cross entropy of logits of one shape, planned once and recorded at every call.
#[derive(Debug)]
pub(crate) struct CrossEntropy {
    gpu: Gpu,
    plan: Plan,
    shape: [usize; 2],
}

impl CrossEntropy {
    /// Plans the loss for `[batch, classes]` on Burn's device.
    pub(crate) fn new(gpu: &Gpu, shape: [usize; 2]) -> wgloss::Result<Self> {
        let request = Request {
            inputs: &[
                ("input", TensorKind::new(wgloss::DType::F32, shape)),
                ("target", TensorKind::new(wgloss::DType::I32, [shape[0]])),
            ],
            gradients: &["input"],
            ..Request::default()
        };
        let plan = Plan::new(gpu, &wgloss::CrossEntropy::default(), &request)?;
        Ok(Self { gpu: gpu.clone(), plan, shape })
    }

    /// The loss, for Burn's `backward` to start from. Panics as Burn's operations do.
    pub(crate) fn forward(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        let (logits, targets) = (logits.into_dispatch(), targets.into_dispatch());
        Tensor::from_dispatch(Dispatch::value_and_gradient(self, logits, targets).0)
    }

    /// Runs the plan on Burn's queue, between the work that Burn has given it and what is to come.
    fn submit(&self, tensors: [&CubeTensor; 4]) -> Result<(), Box<dyn Error>> {
        // Where the tensors lie: many share one buffer. The guards keep them there.
        let mut places = Vec::new();
        for CubeTensor { client, handle, .. } in tensors {
            places.push(client.get_resource::<WgpuServer<AutoCompiler>>(handle.clone())?);
        }
        let bound = |i: usize| {
            let place = places[i].resource();
            let size = NonZeroU64::new(place.size);
            wgpu::BufferBinding { buffer: &place.buffer, offset: place.offset, size }
        };
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        let bindings = Bindings {
            inputs: &[("input", bound(0)), ("target", bound(1))],
            value: Some(bound(2)),
            gradients: &[("input", bound(3))],
            ..Bindings::default()
        };
        self.plan.encode(&mut encoder, &bindings)?;
        // CubeCL holds its kernels back to submit many at once: those that make the logits go first.
        tensors[0].client.flush()?;
        self.gpu.queue().submit([encoder.finish()]);
        Ok(())
    }
}

/// The operation. The macro implements it for `Dispatch`, where Burn picks the backend.
#[backend_extension(Cube, Autodiff)]
pub(crate) trait CrossEntropyBackend: Backend {
    /// The loss, and its gradient with respect to the logits.
    fn value_and_gradient(
        loss: &CrossEntropy,
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl CrossEntropyBackend for CubeBackend {
    fn value_and_gradient(
        loss: &CrossEntropy,
        logits: CubeTensor,
        targets: CubeTensor,
    ) -> (CubeTensor, CubeTensor) {
        assert_eq!((logits.dtype, targets.dtype), (DType::F32, DType::I32), "the types");
        let [rows, _] = loss.shape;
        assert_eq!(logits.shape().as_slice(), loss.shape, "the logits and the planned shape");
        assert_eq!(targets.shape().as_slice(), [rows], "the targets and the planned rows");
        // Dense tensors, as almost all are, stay what they are; a transposed one is copied.
        let (logits, targets) = (into_contiguous(logits), into_contiguous(targets));
        let output = |shape| {
            let (client, device) = (logits.client.clone(), logits.device.clone());
            empty_device_contiguous_dtype(client, device, shape, DType::F32)
        };
        let (value, gradient) = (output(Shape::new([1])), output(logits.shape()));
        if let Err(error) = loss.submit([&logits, &targets, &value, &gradient]) {
            panic!("wgloss's cross entropy: {error}");
        }
        (value, gradient)
    }
}

/// What is left to do in the backward pass: the gradient is there, and is scaled.
#[derive(Debug)]
struct Scale;

impl<B: Backend> Backward<B, 1> for Scale {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, grads, |upstream| {
            B::float_mul(ops.state, B::float_reshape(upstream, Shape::new([1, 1])))
        });
    }
}

impl<B: CrossEntropyBackend, C: CheckpointStrategy> CrossEntropyBackend for Autodiff<B, C> {
    fn value_and_gradient(
        loss: &CrossEntropy,
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (logits, node) = logits.into_parts();
        let (value, gradient) = B::value_and_gradient(loss, logits, targets);
        let value = match Scale.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(operation) => operation.finish(gradient.clone(), value),
            OpsKind::UnTracked(operation) => operation.finish(value),
        };
        (value, Self::from_inner(gradient))
    }
}
