//! One-shot evaluation of tensors in host memory, on a GPU or on the CPU.

mod bound;
mod buffers;
mod gpu;
mod pieces;
pub mod reference;
mod resident;
mod reuse;
mod taken;
mod watch;

pub use resident::Resident;

use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::cpu::{Results, Work, check_flags};
use crate::error::{Error, Result};
use crate::family::{Loss, resolve};
use crate::gpu::{Clock, Gpu};
use crate::numbers::Spare;
use crate::request::{Request, Resolved, Slot, Upstream};
use crate::sink::{Output, Sink};
use crate::tensor::{DType, Tensor, TensorKind, elements};
use crate::totals::Totals;
use std::time::Duration;
use watch::Watch;
use web_time::Instant;

/// What a batch came to.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// The loss in float32, if it was wanted: a scalar, or with [`Reduction::None`](crate::Reduction::None) one for each
    /// term.
    pub value: Option<Tensor<'static>>,
    /// The gradients in the order asked for, each in its input's shape and of the batch's
    /// [`GradientType`](crate::GradientType).
    pub gradients: Vec<(&'static str, Tensor<'static>)>,
    /// The totals, if they were wanted.
    pub totals: Option<Totals>,
    /// The shapes of the inputs, and that of the unreduced loss, where the inputs broadcast to more
    /// terms than the largest of them has elements. A column against a row is seldom meant.
    pub broadcast: Option<Broadcast>,
    /// Where the time went.
    pub timings: Timings,
}

/// Inputs that broadcast to more terms than any of them has elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// The inputs' shapes, by name.
    pub inputs: Vec<(&'static str, Vec<usize>)>,
    /// The shape of the unreduced loss.
    pub terms: Vec<usize>,
}

impl Broadcast {
    fn of(resolved: &Resolved) -> Option<Self> {
        let sizes = resolved.inputs.iter().flatten().filter_map(|kind| elements(&kind.shape));
        sizes.max().filter(|&largest| resolved.layout.terms > largest)?;
        let inputs = resolved.definition.inputs.iter().zip(&resolved.inputs);
        let inputs = inputs.filter_map(|(input, kind)| Some((input.name, kind.as_ref()?)));
        let inputs = inputs.map(|(name, kind)| (name, kind.shape.clone())).collect();
        Some(Self { inputs, terms: resolved.layout.output.clone() })
    }
}

impl Evaluation {
    /// The reduced loss; `None` if it was not wanted, or with [`Reduction::None`](crate::Reduction::None).
    pub fn scalar(&self) -> Option<f32> {
        let value = self.value.as_ref().filter(|value| value.shape().is_empty())?;
        value.to_f32().first().copied()
    }

    /// Whether a number of the outputs is NaN.
    fn has_nan(&self) -> bool {
        let outputs = self.value.iter().chain(self.gradients.iter().map(|(_, of)| of));
        outputs.into_iter().any(|output| output.to_f32().iter().any(|x| x.is_nan()))
    }

    /// Puts an output in its place.
    fn put(&mut self, resolved: &Resolved, slot: Slot, tensor: Tensor<'static>) {
        match slot {
            Slot::Gradient(i) => self.gradients.push((resolved.definition.inputs[i].name, tensor)),
            _ => self.value = Some(tensor),
        }
    }
}

/// Where an evaluation's time went, by the host's clock. On the CPU only the kernels take time. Of a
/// batch that goes through a device piece by piece, the kernels of one run while another is uploaded or
/// read, so that the times add up to more than the whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Checks, and compiling what was not compiled yet.
    pub plan: Duration,
    /// From host memory into buffers.
    pub upload: Duration,
    /// The kernels, by the clock that `clock` names.
    pub kernels: Duration,
    /// What timed the kernels.
    pub clock: Clock,
    /// From buffers into host memory.
    pub read_back: Duration,
}

impl Timings {
    /// Adds those of another evaluation.
    fn add(&mut self, other: Self) {
        self.plan += other.plan;
        self.upload += other.upload;
        self.kernels += other.kernels;
        self.clock = other.clock;
        self.read_back += other.read_back;
    }
}

/// Where losses are evaluated.
#[derive(Clone, Debug)]
pub enum Evaluator {
    /// On a GPU.
    Gpu(Gpu),
    /// In float32 on all cores.
    Cpu,
}

impl Evaluator {
    /// The fastest GPU, or the CPU and the reason why there is none: an adapter that is software runs
    /// on the CPU too, but slower than this crate does. It is used where the environment names it
    /// (`WGPU_ADAPTER_NAME`).
    pub async fn auto() -> (Self, Option<Error>) {
        match Gpu::hardware().await {
            Ok(gpu) => (Self::Gpu(gpu), None),
            Err(error) => (Self::Cpu, Some(error)),
        }
    }

    /// Evaluates a batch. On a GPU, where it is larger than [`Gpu::memory`] or a tensor than the
    /// device's largest buffer, a pointwise loss, a loss over rows or over regions is evaluated in
    /// pieces, to the same bits.
    ///
    /// # Errors
    /// If a name, option, shape or type does not fit, a class index is outside its range, a size
    /// is past the device's limits, the device is lost, or [`Batch::cancel`] is set.
    pub async fn evaluate(&self, loss: &dyn Loss, batch: &Batch<'_>) -> Result<Evaluation> {
        self.evaluate_with(loss, batch, Spare::default(), None).await
    }

    /// [`Evaluator::evaluate`], where gradients and unreduced losses are given to a sink as they are
    /// computed, instead of being kept in memory: the evaluation has the reduced loss, the totals and
    /// the times. The bits are those of [`Evaluator::evaluate`].
    ///
    /// Pointwise losses, losses over rows and over regions read their inputs and give their outputs in windows, so
    /// that memory does not grow with them, where the inputs are borrowed from mapped files. What needs
    /// the whole is held: the gradient of an input that broadcasts, of
    /// [`Ctc`](crate::Ctc), [`Rnnt`](crate::Rnnt) and
    /// [`LinearCrossEntropy`](crate::LinearCrossEntropy) all gradients.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`], and [`Error::Sink`] if the sink takes no more.
    pub async fn evaluate_to(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Evaluation> {
        self.evaluate_with(loss, batch, Spare::default(), Some(sink)).await
    }

    async fn evaluate_with(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        spare: Spare,
        mut sink: Option<&mut dyn Sink>,
    ) -> Result<Evaluation> {
        let mut resolved = resolve(loss, &batch.kinds(), &batch.request()?)?;
        resolved.part = batch.place(&resolved)?;
        if resolved.weight_is_shared() {
            // Weights that terms share have no place among them, and no totals.
            resolved.part.first = 0;
        }
        if let Some(totals) = batch.denominator {
            totals.check(&resolved)?;
            resolved.given = Some(totals.denominator());
        }
        if let Some(upstream) = &batch.upstream {
            check_upstream(&resolved, upstream)?;
        }
        let inputs = resolved.placed(batch.inputs)?;
        check_flags(&resolved, &inputs, Cancel(batch.cancel))?;
        loss.family().check(&resolved, &inputs)?;
        batch.check_cancelled()?;
        if let Some(sink) = sink.as_deref_mut() {
            sink.begin(&arrays(&resolved)).map_err(|error| Error::sink("outputs", &error))?;
        }
        let broadcast = Broadcast::of(&resolved);
        // Their place is asked for when it is known that one is NaN.
        let watched = loss.may_give_up().then(|| resolved.clone());
        let mut watch = None;
        let sink: Option<&mut dyn Sink> = match sink {
            Some(sink) if watched.is_some() => Some(watch.insert(Watch::new(sink, &resolved))),
            // Its own lifetime is longer than that of the request.
            sink => sink.map(|sink| sink as &mut dyn Sink),
        };
        let evaluation = match self {
            Self::Gpu(gpu) => gpu::evaluate(gpu, loss, resolved, batch, sink).await?,
            Self::Cpu => evaluate_on_cpu(loss, &resolved, batch, spare, sink)?,
        };
        if let Some(resolved) = watched
            && (evaluation.has_nan() || watch.is_some_and(|watch| watch.found()))
        {
            loss.family().check_given_up(&resolved, &inputs)?;
        }
        Ok(Evaluation { broadcast, ..evaluation })
    }

    /// [`Evaluator::evaluate`], waiting for it.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_blocking(&self, loss: &dyn Loss, batch: &Batch<'_>) -> Result<Evaluation> {
        Cancel(batch.cancel).block_on(self.evaluate(loss, batch))
    }

    /// [`Evaluator::evaluate_to`], waiting for it.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate_to`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_to_blocking(
        &self,
        loss: &dyn Loss,
        batch: &Batch<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Evaluation> {
        Cancel(batch.cancel).block_on(self.evaluate_to(loss, batch, sink))
    }
}

/// What an evaluation gives to a [`Sink`], with its type and shape: gradients and unreduced losses. For
/// those who have to find room for it before.
///
/// # Errors
/// If a name, option, shape or type does not fit.
pub fn outputs(loss: &dyn Loss, batch: &Batch<'_>) -> Result<Vec<(Output, TensorKind)>> {
    Ok(arrays(&resolve(loss, &batch.kinds(), &batch.request()?)?))
}

/// The axis of each given input along which the items of the batch lie, one for each place along the first
/// axis of the losses; `None` of an input that all items share. For those who cut a batch into
/// [parts](crate::Part).
///
/// ```
/// use wgloss::{CrossEntropy, DType, Request, TensorKind, batch_axes};
///
/// let inputs = [
///     ("input", TensorKind::new(DType::F32, [64, 10])),
///     ("target", TensorKind::new(DType::I64, [64])),
///     ("weight", TensorKind::new(DType::F32, [10])),
/// ];
/// let axes = batch_axes(&CrossEntropy::default(), &inputs, &Request::default())?;
/// assert_eq!(axes, [("input", Some(0)), ("target", Some(0)), ("weight", None)]);
/// # Ok::<(), wgloss::Error>(())
/// ```
///
/// # Errors
/// If a name, option, shape or type does not fit.
pub fn batch_axes(
    loss: &dyn Loss,
    inputs: &[(&str, TensorKind)],
    request: &Request<'_>,
) -> Result<Vec<(&'static str, Option<usize>)>> {
    let resolved = resolve(loss, inputs, request)?;
    let family = loss.family();
    let given = resolved.inputs.iter().enumerate().filter(|(_, kind)| kind.is_some());
    let axes =
        given.map(|(i, _)| (resolved.definition.inputs[i].name, family.batch_axis(&resolved, i)));
    Ok(axes.collect())
}

/// The shape of the loss of inputs of these types and shapes: empty for a reduced one. For those who
/// want to know what is refused, and find room, before they have data.
///
/// # Errors
/// If a name, option, shape or type does not fit.
pub fn loss_shape(
    loss: &dyn Loss,
    inputs: &[(&str, TensorKind)],
    request: &Request<'_>,
) -> Result<Vec<usize>> {
    Ok(resolve(loss, inputs, request)?.output_kind(Slot::Value).shape)
}

/// What the mean over a whole batch of these types and shapes divides by, as
/// [`Batch::denominator`](crate::Batch::denominator) takes it: gradients of the whole mean can then be had
/// part by part in one pass. `None` where weights or ignored rows count, which are data: then the
/// parts' [`Totals`] are needed first. The sum, which is data too, is NaN.
///
/// # Errors
/// If a name, option, shape or type does not fit, or totals of parts do not add up.
pub fn denominator(
    loss: &dyn Loss,
    inputs: &[(&str, TensorKind)],
    request: &Request<'_>,
) -> Result<Option<Totals>> {
    let request = Request { gradients: &[], totals: true, ..request.clone() };
    let mut resolved = resolve(loss, inputs, &request)?;
    resolved.part.of = Some(resolved.items());
    Ok(Totals::without_data(&resolved))
}

fn arrays(resolved: &Resolved) -> Vec<(Output, TensorKind)> {
    let arrays = resolved.output_kinds().filter(|(slot, _)| resolved.is_array(*slot));
    arrays.map(|(slot, kind)| (resolved.output(slot), kind)).collect()
}

fn evaluate_on_cpu<'a>(
    loss: &dyn Loss,
    resolved: &'a Resolved,
    batch: &'a Batch<'_>,
    spare: Spare,
    sink: Option<&'a mut dyn Sink>,
) -> Result<Evaluation> {
    let start = Instant::now();
    let inputs = resolved.placed(batch.inputs)?;
    let work = Work::new(resolved, inputs, batch.upstream.as_ref(), Cancel(batch.cancel));
    let mut results = Results::new(&work, spare, sink);
    loss.family().compute(&work, &mut results)?;
    let timings = Timings { kernels: start.elapsed(), ..Timings::default() };
    let (arrays, totals) = results.finish();
    let mut evaluation = Evaluation { totals, timings, ..Evaluation::default() };
    for (slot, numbers) in arrays {
        evaluation.put(resolved, slot, Tensor::rounded(resolved.output_kind(slot), numbers));
    }
    Ok(evaluation)
}

fn check_upstream(resolved: &Resolved, upstream: &Tensor<'_>) -> Result<()> {
    let terms = resolved.upstream == Upstream::Terms;
    let expected: &[usize] = if terms { &resolved.layout.output } else { &[] };
    if upstream.shape() != expected {
        return Err(Error::shape("upstream", upstream.shape(), format!("{expected:?}")));
    }
    if upstream.dtype() != DType::F32 {
        let got = upstream.dtype().to_string();
        return Err(Error::DType { argument: "upstream".into(), got, expected: "float32".into() });
    }
    Ok(())
}
