//! Batches with tensors larger than the device's largest buffer: evaluated in pieces of whole
//! blocks, whose totals add up to the same bits as one run.

use super::{Evaluation, Evaluator};
use crate::batch::Batch;
use crate::error::Result;
use crate::family::{Cut, Loss};
use crate::reduction::{Divisor, Reduction};
use crate::request::{Request, Resolved, Slot, Upstream};
use crate::tensor::{DType, Tensor, TensorKind};
use crate::totals::Totals;

/// How a batch is cut along its elements or its items.
pub(super) struct Pieces<'a> {
    loss: &'a dyn Loss,
    resolved: &'a Resolved,
    batch: &'a Batch<'a>,
    cut: Cut,
    /// How many units there are, and how many are a piece.
    count: usize,
    piece: usize,
}

impl<'a> Pieces<'a> {
    /// How the batch is cut; `None` where it need not be, or cannot.
    pub(super) fn new(
        largest: u64,
        loss: &'a dyn Loss,
        resolved: &'a Resolved,
        batch: &'a Batch<'a>,
    ) -> Result<Option<Self>> {
        let mut slots: Vec<Slot> = (0..resolved.inputs.len()).map(Slot::Input).collect();
        slots.extend(resolved.outputs());
        slots.push(Slot::Upstream);
        if slots.iter().all(|&slot| resolved.bytes(slot) <= largest) || resolved.layout.terms == 0 {
            return Ok(None);
        }
        // Where the terms depend on a mean over the whole, they cannot be evaluated on their own.
        if loss.check_totals(&resolved.inputs).is_err() {
            return Ok(None);
        }
        let Some(cut) = loss.family().cut(resolved, &resolved.placed(batch.inputs)?)? else {
            return Ok(None);
        };
        let size = |shape: &[usize]| shape.iter().product::<usize>();
        let Ok(terms) = usize::try_from(resolved.layout.terms) else { return Ok(None) };
        let count = terms / size(&cut.terms);
        // Some room is left for what a piece is rounded up to.
        let units = cut.inputs.iter().flatten().map(|unit| size(unit));
        let widest = 8 * units.chain([size(&cut.terms)]).max().unwrap_or(1);
        let piece = usize::try_from(largest).unwrap_or(usize::MAX) / widest / cut.step * cut.step;
        let shared = |(i, unit): (usize, &Option<_>)| unit.is_none().then_some(Slot::Input(i));
        let mut shared = cut.inputs.iter().enumerate().filter_map(shared);
        let fits = (1..count).contains(&piece) && shared.all(|s| resolved.bytes(s) <= largest);
        Ok(fits.then_some(Self { loss, resolved, batch, cut, count, piece }))
    }

    pub(super) async fn evaluate(&self, evaluator: &Evaluator) -> Result<Evaluation> {
        if self.resolved.reduction == Reduction::None {
            return self.run(evaluator, self.batch).await;
        }
        let totals = self.resolved.value || self.resolved.totals;
        if self.resolved.sums_blocks() {
            return self.by_blocks(evaluator, totals).await;
        }
        // A block of rows may be too large: their losses are added up here.
        let own = |losses: &[f32]| Totals::of_terms(self.resolved, losses, &self.cut.weights);
        let mut all = Evaluation::default();
        if totals {
            let reduction = Reduction::None;
            let request = Request { value: true, totals: false, gradients: &[], ..self.request() };
            let batch = self.part(Request { reduction, ..request }, None);
            all = self.run(evaluator, &batch).await?;
            all.totals = all.value.take().map(|losses| own(&losses.to_f32()));
        }
        if !self.resolved.gradients.is_empty() {
            let own = own(&[]);
            let mut gradients = self.gradients(evaluator, &own).await?;
            gradients.timings.add(all.timings);
            all = Evaluation { totals: all.totals, ..gradients };
        }
        Ok(self.finish(all))
    }

    /// A reduced pointwise loss, by totals of whole blocks.
    async fn by_blocks(&self, evaluator: &Evaluator, totals: bool) -> Result<Evaluation> {
        let request = Request { value: false, totals, ..self.request() };
        let by_weights = self.resolved.layout.divisor == Divisor::Weights;
        if !by_weights || self.batch.denominator.is_some() || self.resolved.gradients.is_empty() {
            let (none, count) = (Vec::new(), self.resolved.layout.terms);
            let own = Totals::new(self.resolved, none.clone(), none, count);
            let divides = !by_weights && self.resolved.reduction != Reduction::Sum;
            let denominator = self.batch.denominator.or(divides.then_some(&own));
            let batch = Batch { request, denominator, ..self.batch.clone() };
            return Ok(self.finish(self.run(evaluator, &batch).await?));
        }
        // What the gradients are divided by is known after all pieces only.
        let first = self.part(Request { totals: true, gradients: &[], ..request }, None);
        let first = self.run(evaluator, &first).await?;
        let Some(totals) = first.totals else { return Ok(first) };
        let mut all = self.gradients(evaluator, &totals).await?;
        all.timings.add(first.timings);
        Ok(self.finish(Evaluation { totals: Some(totals), ..all }))
    }

    /// The gradients alone, of a mean that divides by what the totals of the whole say.
    async fn gradients(&self, evaluator: &Evaluator, own: &Totals) -> Result<Evaluation> {
        let divides = self.resolved.reduction != Reduction::Sum;
        let denominator = self.batch.denominator.or(divides.then_some(own));
        let request = Request { value: false, totals: false, ..self.request() };
        let batch = Batch { request, denominator, ..self.batch.clone() };
        self.run(evaluator, &batch).await
    }

    /// All pieces, joined.
    async fn run(&self, evaluator: &Evaluator, batch: &Batch<'_>) -> Result<Evaluation> {
        let mut joined = Joined::default();
        let definition = self.resolved.definition;
        for first in (0..self.count).step_by(self.piece) {
            let count = self.piece.min(self.count - first);
            let mut inputs: Vec<(&str, Tensor<'_>)> = Vec::new();
            for (name, tensor) in self.batch.inputs {
                let unit = self.cut.inputs[definition.input(name)?].as_deref();
                inputs.push((*name, part(tensor, unit, first, count)));
            }
            let by_term = self.resolved.upstream == Upstream::Terms;
            let unit = by_term.then_some(&self.cut.terms[..]);
            let upstream = batch.upstream.as_ref();
            let upstream = upstream.map(|upstream| part(upstream, unit, first, count));
            let piece = Batch {
                inputs: &inputs,
                request: batch.request.clone(),
                upstream,
                denominator: batch.denominator,
            };
            joined.add(Box::pin(evaluator.evaluate(self.loss, &piece)).await?)?;
        }
        let mut evaluation = joined.evaluation;
        if batch.request.value {
            let terms = TensorKind::new(DType::F32, self.resolved.layout.output.clone());
            evaluation.value = tensor(terms, joined.value);
        }
        let outputs = self.resolved.output_kinds();
        let wanted = outputs.filter(|(slot, _)| *slot != Slot::Value);
        for ((slot, kind), bytes) in wanted.zip(joined.gradients) {
            let Slot::Gradient(i) = slot else { continue };
            let name = self.resolved.definition.inputs[i].name;
            evaluation.gradients.extend(tensor(kind, bytes).map(|gradient| (name, gradient)));
        }
        Ok(evaluation)
    }

    /// What is wanted, without flags that a batch's own tensors raise.
    fn request(&self) -> Request<'a> {
        Request { upstream: false, denominator: false, ..self.batch.request.clone() }
    }

    /// The batch with another request, without an upstream gradient.
    fn part(&self, request: Request<'a>, denominator: Option<&'a Totals>) -> Batch<'a> {
        Batch { inputs: self.batch.inputs, request, upstream: None, denominator }
    }

    /// The value from the totals, and no totals where they are not wanted.
    fn finish(&self, evaluation: Evaluation) -> Evaluation {
        let totals = evaluation.totals.map(|totals| totals.of_batch(self.resolved));
        let given = self.resolved.given.map(|[divisor, ..]| divisor);
        let value = totals.as_ref().filter(|_| self.resolved.value).map(|totals| {
            let value = given.map_or(totals.value(), |divisor| totals.sum() / divisor);
            Tensor::rounded(TensorKind::new(DType::F32, []), vec![value].into())
        });
        let totals = totals.filter(|_| self.resolved.totals);
        Evaluation { value: value.or(evaluation.value), totals, ..evaluation }
    }
}

/// Some units of a tensor, or all of one that is shared.
fn part<'a>(
    whole: &'a Tensor<'_>,
    unit: Option<&[usize]>,
    first: usize,
    count: usize,
) -> Tensor<'a> {
    let bytes = whole.bytes();
    let (shape, bytes) = match unit {
        // A single element broadcasts to any shape.
        None if whole.len() == 1 => (Vec::new(), bytes),
        None => (whole.shape().to_vec(), bytes),
        Some(unit) => {
            let size = unit.iter().product::<usize>() * whole.dtype().size();
            ([&[count], unit].concat(), &bytes[first * size..(first + count) * size])
        }
    };
    Tensor::from_bytes(whole.dtype(), shape, bytes).expect("as many bytes as the part has")
}

fn tensor(kind: TensorKind, bytes: Vec<u8>) -> Option<Tensor<'static>> {
    Tensor::from_bytes(kind.dtype, kind.shape, bytes).ok()
}

/// What the pieces so far came to.
#[derive(Default)]
struct Joined {
    evaluation: Evaluation,
    value: Vec<u8>,
    gradients: Vec<Vec<u8>>,
}

impl Joined {
    fn add(&mut self, piece: Evaluation) -> Result<()> {
        self.value.extend(piece.value.iter().flat_map(Tensor::bytes));
        self.gradients.resize(piece.gradients.len(), Vec::new());
        for (joined, (_, gradient)) in self.gradients.iter_mut().zip(&piece.gradients) {
            joined.extend_from_slice(gradient.bytes());
        }
        self.evaluation.timings.add(piece.timings);
        match (&mut self.evaluation.totals, piece.totals) {
            (Some(joined), Some(piece)) => joined.merge(&piece)?,
            (joined, piece) => *joined = piece,
        }
        Ok(())
    }
}
