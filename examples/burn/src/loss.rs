//! Any loss of wgloss as an operation of Burn: it reads and writes Burn's own memory, and its
//! gradients come with its value.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, binary};
use burn::backend::{Autodiff, AutodiffBackend, TensorMetadata, ops::FloatTensorOps};
use burn::backend::{
    BackendTensor, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind as Kind,
};
use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuServer};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use std::collections::hash_map::{Entry, HashMap};
use std::{error::Error, num::NonZeroU64, sync::Mutex, sync::PoisonError};
use wgloss::{Bindings, Gpu, GradientType, Loss, Plan, Reduction, Request, TensorKind, wgpu};

/// A tensor in Burn's graph; one that tracks no gradients is a constant there.
type Node = burn::backend::tensor::FloatTensor<Autodiff<CubeBackend>>;
/// Something under the name that wgloss gives an input.
type Named<T> = (&'static str, T);
/// The inputs of a plan, and the names of those whose gradients are wanted.
type Key = (Vec<Named<TensorKind>>, Vec<&'static str>);

/// A loss, planned once for each set of types and shapes that it meets.
#[derive(Debug)]
pub(crate) struct BurnLoss {
    gpu: Gpu,
    loss: Box<dyn Loss>,
    reduction: Reduction,
    plans: Mutex<HashMap<Key, Plan>>,
}

impl BurnLoss {
    /// A loss on Burn's device, reduced to one number.
    pub(crate) fn new(gpu: &Gpu, loss: Box<dyn Loss>, reduction: Reduction) -> Self {
        Self { gpu: gpu.clone(), loss, reduction, plans: Mutex::default() }
    }

    /// The loss, for Burn's `backward` to start from: each input that tracks gradients gets its own.
    /// Panics as Burn's operations do.
    pub(crate) fn forward<const N: usize>(&self, inputs: [Named<DispatchTensor>; N]) -> Tensor<1> {
        let contexts = inputs.iter().map(|(_, tensor)| tensor.autodiff);
        let autodiff = contexts.fold(DispatchAutodiffContext::Disabled, |all, one| all.merge(one));
        let name = self.loss.definition().name;
        let value = self.evaluate(&inputs.map(|(name, tensor)| (name, node(tensor))));
        let value = value.unwrap_or_else(|error| panic!("{name}: {error}"));
        let kind = if autodiff == DispatchAutodiffContext::Disabled {
            Kind::Cube(BackendTensor::Float(value.into_primitive()))
        } else {
            Kind::Autodiff(Box::new(Kind::Cube(BackendTensor::Autodiff(value))))
        };
        Tensor::from_dispatch(DispatchTensor { kind, autodiff })
    }

    fn evaluate(&self, nodes: &[Named<Node>]) -> Result<Node, Box<dyn Error>> {
        let tracked: Vec<_> = nodes.iter().filter(|(_, node)| node.is_tracked()).collect();
        // Dense tensors, as almost all are, stay what they are; a transposed one is copied.
        let dense = |(name, node): &Named<Node>| (*name, into_contiguous(node.primitive().clone()));
        let inputs: Vec<_> = nodes.iter().map(dense).collect();
        let kinds = inputs.iter().map(|(name, tensor)| Ok((*name, kind(tensor)?)));
        let kinds = kinds.collect::<Result<Vec<_>, String>>()?;
        let names = tracked.iter().map(|(name, _)| *name).collect();
        // A panic elsewhere leaves the map whole: plans are only ever added.
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = match plans.entry((kinds, names)) {
            Entry::Occupied(plan) => plan.into_mut(),
            Entry::Vacant(place) => {
                let (kinds, names) = place.key();
                let mut request = Request::with_gradients(names);
                request.reduction = self.reduction;
                request.gradient_type = GradientType::Input;
                let plan = Plan::new(&self.gpu, self.loss.as_ref(), kinds, &request)?;
                place.insert(plan)
            }
        };

        let CubeTensor { client, device, .. } = &inputs[0].1;
        let output = |shape, dtype| {
            empty_device_contiguous_dtype(client.clone(), device.clone(), shape, dtype)
        };
        let value = output(Shape::new([1]), DType::F32);
        let mut outputs = vec![("value", value.clone())];
        for (name, node) in &tracked {
            outputs.push((*name, output(node.shape(), node.dtype())));
        }
        self.submit(plan, &inputs, &outputs)?;

        // Each gradient is a step of Burn's graph, through which the value passes as it is.
        let mut value = Autodiff::<CubeBackend>::from_inner(value);
        for ((_, leaf), (_, gradient)) in tracked.iter().zip(outputs.split_off(1)) {
            value = Scale::record(value, leaf, gradient);
        }
        Ok(value)
    }

    /// Runs a plan on Burn's queue, between the work that Burn has given it and what is to come. The
    /// outputs are the value and then the gradients.
    fn submit(
        &self,
        plan: &Plan,
        inputs: &[Named<CubeTensor>],
        outputs: &[Named<CubeTensor>],
    ) -> Result<(), Box<dyn Error>> {
        // Where the tensors lie: many share one buffer. The guards keep them there.
        let mut guards = Vec::new();
        for (name, CubeTensor { client, handle, .. }) in inputs.iter().chain(outputs) {
            guards.push((*name, client.get_resource::<WgpuServer<AutoCompiler>>(handle.clone())?));
        }
        let bound = guards.iter().map(|(name, guard)| {
            let place = guard.resource();
            // CubeCL's own kernels are given whole words too.
            let size = NonZeroU64::new(place.size.next_multiple_of(4));
            (*name, wgpu::BufferBinding { buffer: &place.buffer, offset: place.offset, size })
        });
        let bound: Vec<_> = bound.collect();
        let (bound, results) = bound.split_at(inputs.len());
        let (value, gradients) = (Some(results[0].1.clone()), &results[1..]);
        let bindings = Bindings { inputs: bound, value, gradients, ..Bindings::default() };
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        plan.encode(&mut encoder, &bindings)?;
        // CubeCL holds its kernels back to submit many at once: those that make the inputs go first.
        inputs[0].1.client.flush()?;
        self.gpu.queue().submit([encoder.finish()]);
        Ok(())
    }
}

/// A tensor of Burn's as a node of its graph.
fn node(tensor: DispatchTensor) -> Node {
    let kind = match tensor.kind {
        Kind::Autodiff(kind) => *kind,
        kind => kind,
    };
    match kind {
        Kind::Cube(BackendTensor::Autodiff(node)) => node,
        Kind::Cube(BackendTensor::Float(tensor) | BackendTensor::Int(tensor)) => {
            Autodiff::<CubeBackend>::from_inner(tensor)
        }
        other => panic!("expected a float or integer tensor of Burn's wgpu backend, got {other:?}"),
    }
}

/// The type and shape of a tensor, as wgloss has them.
fn kind(tensor: &CubeTensor) -> Result<TensorKind, String> {
    let dtype = match tensor.dtype {
        DType::F32 => wgloss::DType::F32,
        DType::F16 => wgloss::DType::F16,
        DType::BF16 => wgloss::DType::BF16,
        DType::I64 => wgloss::DType::I64,
        DType::I32 => wgloss::DType::I32,
        DType::U32 => wgloss::DType::U32,
        other => return Err(format!("no kernel reads {other:?}")),
    };
    Ok(TensorKind::new(dtype, tensor.shape().to_vec()))
}

/// The backward pass: a gradient is there, and is left to be scaled.
#[derive(Debug)]
struct Scale;

impl Scale {
    /// The value, which has a gradient by a leaf from here on.
    fn record(value: Node, leaf: &Node, gradient: CubeTensor) -> Node {
        let step = Self.prepare::<NoCheckpointing>([leaf.node(), value.node()]);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(gradient, value.into_primitive()),
            OpsKind::UnTracked(step) => step.finish(value.into_primitive()),
        }
    }
}

impl Backward<CubeBackend, 2> for Scale {
    type State = CubeTensor;

    fn backward(self, ops: Ops<CubeTensor, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let scaled = |upstream| {
            let upstream = CubeBackend::float_cast(upstream, ops.state.dtype.into());
            let ones = Shape::from(vec![1; ops.state.rank()]);
            CubeBackend::float_mul(ops.state, CubeBackend::float_reshape(upstream, ones))
        };
        binary::<CubeBackend, _, _>(ops.parents, ops.node, grads, scaled, |upstream| upstream);
    }
}
