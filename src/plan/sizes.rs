//! A loss planned for batches of any size up to the largest.

use super::Plan;
use crate::error::{Error, Result};
use crate::family::{Loss, resolve};
use crate::gpu::Gpu;
use crate::request::{Request, Resolved};
use crate::tensor::TensorKind;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sizes whose plans are kept: the usual ones, and some last ones.
const KEPT: usize = 8;

/// A loss planned for batches of any size up to a largest one: the last batch of an epoch, sequences of
/// any length.
///
/// The kernels of all sizes are compiled at the beginning, and all plans share the scratch memory of the
/// largest one. What a size needs of its own, a small uniform buffer, is made in some microseconds the
/// first time and kept for the eight sizes that were asked for last.
///
/// On a device that binds so few storage buffers that inputs are copied ([the
/// guide](crate::guide::embedding#limits)), some kernels depend on the size, and are compiled when it is
/// first asked for.
///
/// ```
/// use wgloss::{CrossEntropy, DType, Gpu, Plans, Request, TensorKind};
///
/// let gpu = Gpu::new_blocking()?;
/// let most = [
///     ("input", TensorKind::new(DType::F32, [64, 10])),
///     ("target", TensorKind::new(DType::I64, [64])),
/// ];
/// let plans = Plans::new(&gpu, CrossEntropy::default(), &most, &Request::default())?;
/// for count in [64, 64, 23] {
///     let plan = plans.of(count)?; // as if planned for [count, 10] and [count]
///     assert_eq!(plan.output_shape(), [count]);
/// }
/// # Ok::<(), wgloss::Error>(())
/// ```
pub struct Plans {
    gpu: Gpu,
    loss: Box<dyn Loss>,
    /// Without its names of gradients, which are those of the largest plan.
    request: Request<'static>,
    most: Arc<Plan>,
    made: Mutex<VecDeque<(usize, Arc<Plan>)>>,
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plans").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Plans {
    /// Plans a loss for inputs of these shapes and for all with fewer items: along the first axis of the
    /// losses, which is the batch. Inputs that broadcast along it, or that it has no part in, as
    /// weights of classes, stay as they are.
    ///
    /// # Errors
    /// Those of [`Plan::new`], and for inputs without a batch axis.
    pub fn new(
        gpu: &Gpu,
        loss: impl Into<Box<dyn Loss>>,
        most: &[(&str, TensorKind)],
        request: &Request<'_>,
    ) -> Result<Self> {
        let loss = loss.into();
        let resolved = resolve(&*loss, most, request)?;
        let request = Request { gradients: &[], label: None, ..request.clone() };
        let most = Arc::new(Plan::of_resolved(gpu, &*loss, resolved)?);
        let plans = Self { gpu: gpu.clone(), loss, request, most, made: Mutex::default() };
        // That there can be fewer.
        plans.resolved(plans.limit())?;
        plans.compile()?;
        Ok(plans)
    }

    /// The plan for so many items, at most as many as the largest batch has.
    ///
    /// # Errors
    /// If there are more.
    pub fn of(&self, count: usize) -> Result<Arc<Plan>> {
        let limit = self.limit();
        if count == limit {
            return Ok(self.most.clone());
        }
        if count > limit {
            return Err(Error::Size {
                argument: "count".into(),
                what: "size",
                got: count as u64,
                expected: format!("at most {limit}, for which it was planned"),
            });
        }
        if let Some(plan) = self.known(count) {
            return Ok(plan);
        }
        let (resolved, memory) = (self.resolved(count)?, &self.most.memory);
        let plan = Plan::in_memory(&self.gpu, &*self.loss, resolved, memory)?;
        let plan = Arc::new(plan.with_kept_sets(self.most.kept_sets));
        self.keep(count, plan.clone());
        Ok(plan)
    }

    fn known(&self, count: usize) -> Option<Arc<Plan>> {
        let mut made = self.made();
        let at = made.iter().position(|(own, _)| *own == count)?;
        let (_, plan) = made.remove(at)?;
        made.push_back((count, plan.clone()));
        Some(plan)
    }

    fn keep(&self, count: usize, plan: Arc<Plan>) {
        let mut made = self.made();
        made.retain(|(own, _)| *own != count);
        if made.len() == KEPT {
            made.pop_front();
        }
        made.push_back((count, plan));
    }

    /// The plans that are kept, that which was asked for last at the end.
    fn made(&self) -> MutexGuard<'_, VecDeque<(usize, Arc<Plan>)>> {
        // A panic elsewhere leaves this whole: what is pushed is complete.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same with plans that keep so many sets of buffers each, as [`Plan::with_kept_sets`] says.
    pub fn with_kept_sets(mut self, sets: usize) -> Self {
        if let Some(most) = Arc::get_mut(&mut self.most) {
            most.kept_sets = sets;
        }
        self.made = Mutex::default();
        self
    }

    /// The items of the largest batch.
    fn limit(&self) -> usize {
        self.most.output_shape().first().copied().unwrap_or(0)
    }

    /// The request for so many items.
    fn resolved(&self, count: usize) -> Result<Resolved> {
        let most = self.most.resolved();
        let named = resized(&*self.loss, most, count).ok_or_else(|| {
            let got = "inputs without an axis of the batch";
            Error::argument("inputs", got, "a batch, of which there can be fewer items")
        })?;
        let names = most.gradients.iter().map(|&i| most.definition.inputs[i].name);
        let gradients: Vec<&str> = names.collect();
        let label = most.label.as_deref();
        let request = Request { gradients: &gradients, label, ..self.request.clone() };
        resolve(&*self.loss, &named, &request)
    }

    /// Compiles what smaller batches need and the largest does not.
    fn compile(&self) -> Result<()> {
        for count in decisive(self.limit()) {
            let resolved = self.resolved(count)?;
            let kernels = super::builder(&self.gpu, &*self.loss, &resolved)?.kernels();
            kernels.iter().try_for_each(|(kernel, _)| self.gpu.pipeline(kernel).map(drop))?;
        }
        Ok(())
    }
}

/// Sizes below a limit that have, together with the limit, the kernels of all: what decides are whole
/// blocks, which are powers of two, a part of one behind others, whether one invocation adds up all that is
/// left, and whether there is anything.
fn decisive(limit: usize) -> BTreeSet<usize> {
    let powers = (0..usize::BITS).map(|k| 1 << k);
    powers.take_while(|&power| power < limit).chain(limit.checked_sub(1)).chain([0]).collect()
}

/// The inputs of a request with so many items; `None` if there is no batch.
fn resized(
    loss: &dyn Loss,
    most: &Resolved,
    count: usize,
) -> Option<Vec<(&'static str, TensorKind)>> {
    let family = loss.family();
    let axis = |i: usize| family.batch_axis(most, i);
    (0..most.inputs.len()).find_map(axis)?;
    let inputs = most.definition.inputs.iter().zip(&most.inputs).enumerate();
    let named = inputs.filter_map(|(i, (input, kind))| {
        let mut kind = kind.clone()?;
        if let Some(axis) = axis(i) {
            kind.shape[axis] = count;
        }
        Some((input.name, kind))
    });
    Some(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::Builder;
    use crate::losses::catalogue;
    use crate::reduction::Reduction;
    use std::collections::HashSet;

    /// The texts of the kernels for so many items.
    fn texts(loss: &dyn Loss, most: &Resolved, count: usize) -> HashSet<String> {
        let inputs = resized(loss, most, count).expect("a batch");
        let names = most.gradients.iter().map(|&i| most.definition.inputs[i].name);
        let gradients: Vec<&str> = names.collect();
        let request = Request { reduction: most.reduction, ..Request::with_gradients(&gradients) };
        let resolved = resolve(loss, &inputs, &request).expect("fewer items");
        let limits = wgpu::Limits::default();
        let mut builder = Builder::with_limits(&limits, &resolved, &loss.parameters());
        super::super::build(loss, &mut builder).expect("within the limits");
        builder.kernels().into_iter().map(|(kernel, _)| kernel.text()).collect()
    }

    #[test]
    fn decisive_sizes_have_the_kernels_of_all() {
        for loss in catalogue() {
            let (loss, name) = (loss.as_ref(), loss.definition().name);
            // Items of one element each, or of a row.
            let mut example = loss.example();
            for (_, kind) in example.iter_mut().filter(|(_, kind)| kind.shape == [3, 4096]) {
                kind.shape.truncate(1);
            }
            let inputs = loss.definition().inputs.iter();
            let is_float =
                |name: &str| example.iter().any(|(own, k)| *own == name && k.dtype.is_float());
            let gradients: Vec<&str> =
                inputs.filter(|i| i.differentiable && is_float(i.name)).map(|i| i.name).collect();
            let reductions = [Reduction::Mean, Reduction::None].into_iter();
            // Whole blocks alone, and a part of one.
            for (reduction, limit) in reductions.flat_map(|own| [(own, 8192), (own, 9000)]) {
                let request = Request { reduction, ..Request::with_gradients(&gradients) };
                let small = resolve(loss, &example, &request).expect("an example");
                let Some(inputs) = resized(loss, &small, limit) else {
                    // Pairs, whose sides stand one behind the other, are all there or none.
                    assert!(
                        loss.values().iter().any(|(own, _)| *own == "average_log_prob"),
                        "{name}"
                    );
                    continue;
                };
                let most = resolve(loss, &inputs, &request).expect("a batch");
                let mut known = texts(loss, &most, limit);
                for count in decisive(limit) {
                    known.extend(texts(loss, &most, count));
                }
                for count in (0..limit).step_by(97) {
                    let own = texts(loss, &most, count);
                    assert!(own.is_subset(&known), "{name}, {reduction}, {count} items");
                }
            }
        }
    }
}
