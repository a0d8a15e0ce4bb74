//! What a request comes to on the CPU: in memory, or given away window by window.

use super::weights::Weights;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::numbers::{Numbers, Spare, no_memory};
use crate::order::BlockSums;
use crate::reduction::{Divisor, Reduction};
use crate::request::{Resolved, Slot};
use crate::sink::Sink;
use crate::tensor::{Tensor, rounded};
use crate::totals::Totals;
use std::borrow::Cow;
use std::ops::Range;

/// The numbers of a window that goes to a sink: so few that they are still in the cache when they
/// are taken.
const STREAMED: usize = 1 << 20;
/// The numbers of a window in memory: so many that cores seldom wait for each other.
const IN_MEMORY: usize = 1 << 24;

/// A request with its data.
#[derive(Debug)]
pub struct Work<'a> {
    pub(crate) resolved: &'a Resolved,
    /// In the definition's order.
    pub(crate) inputs: Vec<Option<&'a Tensor<'a>>>,
    /// The upstream gradient times the loss scale, one number for a scale alone; `None` where both
    /// are 1.
    pub(crate) upstream: Option<Cow<'a, [f32]>>,
    /// Whether it is still wanted.
    pub(crate) cancel: Cancel<'a>,
}

/// What a request comes to.
pub struct Results<'a> {
    resolved: &'a Resolved,
    spare: Spare,
    sink: Option<&'a mut dyn Sink>,
    cancel: Cancel<'a>,
    arrays: Vec<(Slot, Numbers)>,
    /// The totals, if they are wanted.
    pub(crate) totals: Option<Totals>,
}

impl<'a> Work<'a> {
    /// A request with its tensors.
    pub(crate) fn new(
        resolved: &'a Resolved,
        inputs: Vec<Option<&'a Tensor<'a>>>,
        upstream: Option<&'a Tensor<'a>>,
        cancel: Cancel<'a>,
    ) -> Self {
        Self { resolved, inputs, upstream: factors(resolved, upstream), cancel }
    }
}

/// The upstream gradient times the loss scale; `None` where both are 1.
fn factors<'a>(resolved: &Resolved, upstream: Option<&'a Tensor<'_>>) -> Option<Cow<'a, [f32]>> {
    let scale = resolved.scale();
    if scale == 1.0 {
        return upstream.map(Tensor::to_f32);
    }
    let scaled = |upstream: &Tensor<'_>| upstream.to_f32().iter().map(|g| scale * g).collect();
    Some(upstream.map_or(vec![scale], scaled).into())
}

impl std::fmt::Debug for Results<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Results").field("arrays", &self.arrays).finish_non_exhaustive()
    }
}

/// How the numbers of a request are cut into windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units {
    /// How many units there are: elements, or items.
    pub(crate) count: usize,
    /// The numbers that each one has in its largest input or output.
    pub(crate) numbers: usize,
    /// A window is a multiple of so many units.
    pub(crate) step: usize,
}

/// An output that is filled window by window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled {
    pub(crate) slot: Slot,
    /// For every so many units there are so many numbers, which are complete with the last unit.
    pub(crate) units: usize,
    pub(crate) numbers: usize,
}

impl Filled {
    /// An output with so many numbers for each unit.
    pub(crate) fn each(slot: Slot, numbers: usize) -> Self {
        Self { slot, units: 1, numbers }
    }

    /// How many numbers are complete once so many units are computed.
    pub(crate) fn until(&self, units: usize) -> usize {
        units / self.units * self.numbers
    }

    /// The numbers that become complete with some units.
    pub(crate) fn range(&self, units: Range<usize>) -> Range<usize> {
        self.until(units.start)..self.until(units.end)
    }
}

impl Units {
    /// Windows of about so many numbers.
    fn windows(self, numbers: usize) -> impl Iterator<Item = Range<usize>> {
        let most = (numbers / self.numbers.max(1) / self.step).max(1).saturating_mul(self.step);
        (0..self.count).step_by(most).map(move |start| start..self.count.min(start + most))
    }
}

impl<'a> Results<'a> {
    /// Nothing yet; what has more than one number goes to the sink, or into memory, which may be
    /// spare.
    pub(crate) fn new(work: &Work<'a>, spare: Spare, sink: Option<&'a mut dyn Sink>) -> Self {
        let Work { resolved, cancel, .. } = *work;
        Self { resolved, spare, sink, cancel, arrays: Vec::new(), totals: None }
    }

    /// Memory for a whole output, of any content.
    pub(crate) fn memory(&mut self, slot: Slot, count: usize) -> Result<Numbers> {
        let memory = || no_memory(self.resolved.slot_name(slot), 4 * count as u64);
        self.spare.numbers(count).ok_or_else(memory)
    }

    /// Has outputs computed window by window, into the places of the window's numbers of each output.
    /// While a window is computed, a sink takes the one before.
    pub(crate) fn fill(
        &mut self,
        outputs: &[Filled],
        units: Units,
        mut compute: impl FnMut(Range<usize>, Vec<&mut [f32]>) -> Result<()> + Send,
    ) -> Result<()> {
        if self.sink.is_some() && !outputs.is_empty() {
            return self.stream(outputs, units, compute);
        }
        let mut arrays = Vec::new();
        for output in outputs {
            arrays.push((output.slot, self.memory(output.slot, output.until(units.count))?));
        }
        for window in units.windows(IN_MEMORY) {
            let pairs = arrays.iter_mut().zip(outputs);
            let places =
                pairs.map(|((_, numbers), output)| &mut numbers[output.range(window.clone())]);
            let (places, end) = (places.collect(), window.end);
            compute(window.clone(), places)?;
            for ((slot, numbers), output) in arrays.iter_mut().zip(outputs) {
                self.resolved.weigh(*slot, &mut numbers[output.range(window.clone())]);
            }
            self.progress(end, units);
        }
        self.arrays.extend(arrays);
        Ok(())
    }

    fn stream(
        &mut self,
        outputs: &[Filled],
        units: Units,
        mut compute: impl FnMut(Range<usize>, Vec<&mut [f32]>) -> Result<()> + Send,
    ) -> Result<()> {
        let mut next: Vec<Vec<f32>> = vec![Vec::new(); outputs.len()];
        let mut last = next.clone();
        for window in units.windows(STREAMED) {
            for (numbers, output) in next.iter_mut().zip(outputs) {
                numbers.resize(output.range(window.clone()).len(), 0.0);
            }
            let places = next.iter_mut().map(|numbers| &mut numbers[..]).collect();
            let end = window.end;
            let (computed, taken) =
                rayon::join(|| compute(window, places), || self.take_all(outputs, &last));
            taken?;
            computed?;
            for (output, numbers) in outputs.iter().zip(&mut next) {
                self.resolved.weigh(output.slot, numbers);
            }
            self.progress(end, units);
            std::mem::swap(&mut next, &mut last);
        }
        self.take_all(outputs, &last)
    }

    /// So many units are computed.
    fn progress(&mut self, done: usize, units: Units) {
        let all = self.resolved.layout.terms;
        let terms = u128::from(all) * done as u128 / units.count.max(1) as u128;
        if let Some(sink) = &mut self.sink {
            sink.progress(u64::try_from(terms).unwrap_or(all), all);
        }
    }

    fn take_all(&mut self, outputs: &[Filled], windows: &[Vec<f32>]) -> Result<()> {
        let mut pairs = outputs.iter().zip(windows);
        pairs.try_for_each(|(output, numbers)| self.take(output.slot, numbers))
    }

    /// Gives numbers to the sink. Before the first window there are none.
    fn take(&mut self, slot: Slot, numbers: &[f32]) -> Result<()> {
        let Some(sink) = self.sink.as_mut().filter(|_| !numbers.is_empty()) else { return Ok(()) };
        let output = self.resolved.output(slot);
        let dtype = self.resolved.output_dtype(slot);
        let taken = sink.take(output, &rounded(dtype, numbers));
        taken.map_err(|error| Error::sink(output, &error))
    }

    /// A whole output.
    pub(crate) fn put(&mut self, slot: Slot, numbers: Numbers) -> Result<()> {
        if self.sink.is_none() {
            self.arrays.push((slot, numbers));
            return Ok(());
        }
        numbers.chunks(STREAMED).try_for_each(|numbers| {
            self.cancel.check()?;
            self.take(slot, numbers)
        })
    }

    /// The reduced loss, if it is wanted.
    pub(crate) fn put_value(&mut self, value: f32) {
        if self.resolved.value {
            let weighed = value * self.resolved.loss_weight;
            self.arrays.push((Slot::Value, vec![weighed].into()));
        }
    }

    /// The losses of all terms, whose weights are their own: unreduced or reduced, and the totals.
    pub(crate) fn put_losses(
        &mut self,
        mut losses: Numbers,
        divisor: f32,
        weights: &Weights,
    ) -> Result<()> {
        if self.resolved.reduction == Reduction::None {
            self.resolved.weigh(Slot::Value, &mut losses);
            return if self.resolved.value { self.put(Slot::Value, losses) } else { Ok(()) };
        }
        let mut sums = self.sums();
        sums.add(self.resolved.first_term(), &losses);
        self.put_sums(sums, divisor, weights);
        Ok(())
    }

    /// What losses are added up in.
    pub(crate) fn sums(&self) -> BlockSums {
        let [order, _] = self.resolved.layout.summed.orders();
        BlockSums::new(order)
    }

    /// The reduced loss and the totals, from the sums of the losses.
    pub(crate) fn put_sums(&mut self, sums: BlockSums, divisor: f32, weights: &Weights) {
        self.put_value(sums.total() / divisor);
        if self.resolved.totals {
            let Weights { sums: weights, kept } = weights.clone();
            self.totals = Some(Totals::new(self.resolved, sums, weights, kept));
        }
    }

    /// The outputs in memory, in the order of [`Resolved::outputs`].
    pub(crate) fn finish(self) -> (Vec<(Slot, Numbers)>, Option<Totals>) {
        let Self { resolved, mut arrays, totals, .. } = self;
        let place = |slot: &Slot| resolved.outputs().position(|output| output == *slot);
        arrays.sort_by_key(|(slot, _)| place(slot));
        (arrays, totals)
    }
}

/// What divides the sum: given, known from the shapes, or the sum of the weights.
#[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
pub(crate) fn divisor(resolved: &Resolved, weight: impl FnOnce() -> f32) -> f32 {
    if let Some([divisor, ..]) = resolved.given {
        return divisor;
    }
    match resolved.layout.divisor {
        Divisor::Count(count) => count as f32,
        Divisor::Weights => weight(),
    }
}

/// The mean weight of the kept terms, where these have weights and the mean divides by them.
#[expect(clippy::cast_precision_loss, reason = "a number of rows in float32 arithmetic")]
pub(crate) fn mean_weight(resolved: &Resolved, divisor: f32, kept: u64) -> f32 {
    match resolved.given {
        Some([_, kept, ..]) => divisor / kept,
        None if resolved.layout.divisor == Divisor::Weights => divisor / kept as f32,
        None => 1.0,
    }
}
