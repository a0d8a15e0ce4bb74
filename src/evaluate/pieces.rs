//! Batches with tensors larger than the device's largest buffer: evaluated in pieces of whole
//! blocks, whose totals add up to the same bits as one run.

use super::{Backend, Batch, Evaluation};
use crate::cpu::class_indices;
use crate::error::Result;
use crate::kernel::{BLOCK, Slot, Upstream};
use crate::loss::Loss;
use crate::plan::Resolved;
use crate::reduction::{Divisor, Reduction};
use crate::shape::{Access, FamilyLayout, RowWeight};
use crate::tensor::{DType, Tensor, TensorKind};
use crate::totals::Totals;

/// How a batch is cut along its elements or its items.
pub(super) struct Pieces<'a> {
    loss: &'a dyn Loss,
    resolved: &'a Resolved,
    batch: &'a Batch<'a>,
    inputs: &'a [(&'a str, Tensor<'a>)],
    upstream: Option<&'a Tensor<'a>>,
    units: Units,
    /// The shape of the losses of one unit.
    terms: Vec<usize>,
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
        inputs: &'a [(&'a str, Tensor<'a>)],
        upstream: Option<&'a Tensor<'a>>,
    ) -> Option<Self> {
        let mut slots: Vec<Slot> = (0..resolved.inputs.len()).map(Slot::Input).collect();
        slots.extend(resolved.outputs().into_iter().map(|(slot, _)| slot));
        slots.push(Slot::Upstream);
        if slots.iter().all(|&slot| resolved.bytes(slot) <= largest) || resolved.layout.terms == 0 {
            return None;
        }
        // Where the terms depend on a mean over the whole, they cannot be evaluated on their own.
        if !loss.totals_merge(&resolved.inputs) {
            return None;
        }
        let (units, terms) = units(resolved)?;
        let size = |shape: &[usize]| shape.iter().product::<usize>();
        let count = usize::try_from(resolved.layout.terms).ok()? / size(&terms);
        let pointwise = matches!(resolved.layout.family, FamilyLayout::Pointwise { .. });
        let step = if pointwise { usize::try_from(BLOCK).ok()? } else { 1 };
        // Some room is left for what a piece is rounded up to.
        let widest = 8 * units.iter().flatten().map(|unit| size(unit)).max()?.max(size(&terms));
        let piece = usize::try_from(largest).unwrap_or(usize::MAX) / widest / step * step;
        let shared = |(i, unit): (usize, &Option<_>)| unit.is_none().then_some(Slot::Input(i));
        let mut shared = units.iter().enumerate().filter_map(shared);
        let cut = (1..count).contains(&piece) && shared.all(|slot| resolved.bytes(slot) <= largest);
        let pieces = Self { loss, resolved, batch, inputs, upstream, units, terms, count, piece };
        cut.then_some(pieces)
    }

    pub(super) async fn evaluate(&self, backend: &Backend) -> Result<Evaluation> {
        let weights = self.weights()?;
        if self.resolved.reduction == Reduction::None {
            return self.run(backend, self.batch).await;
        }
        let totals = self.batch.value || self.batch.totals;
        if let FamilyLayout::Pointwise { .. } = self.resolved.layout.family {
            return self.by_blocks(backend, totals).await;
        }
        // A block of rows may be too large: their losses are added up here.
        let own = |losses: &[f32]| Totals::of_terms(self.resolved, losses, &weights);
        let mut all = Evaluation::default();
        if totals {
            let reduction = Reduction::None;
            let batch = Batch { reduction, value: true, totals: false, ..self.batch.clone() };
            let batch = Batch { gradients: &[], upstream: None, denominator: None, ..batch };
            all = self.run(backend, &batch).await?;
            all.totals = all.value.take().map(|losses| own(&losses.to_f32()));
        }
        if !self.batch.gradients.is_empty() {
            let own = own(&[]);
            let mut gradients = self.gradients(backend, &own).await?;
            gradients.timings.add(all.timings);
            all = Evaluation { totals: all.totals, ..gradients };
        }
        Ok(self.finish(all))
    }

    /// A reduced pointwise loss, by totals of whole blocks.
    async fn by_blocks(&self, backend: &Backend, totals: bool) -> Result<Evaluation> {
        let batch = Batch { value: false, totals, ..self.batch.clone() };
        let by_weights = self.resolved.layout.divisor == Divisor::Weights;
        if !by_weights || self.batch.denominator.is_some() || self.batch.gradients.is_empty() {
            let (none, count) = (Vec::new(), self.resolved.layout.terms);
            let own = Totals::new(self.resolved, none.clone(), none, count);
            let divides = !by_weights && self.resolved.reduction != Reduction::Sum;
            let denominator = self.batch.denominator.or(divides.then_some(&own));
            return Ok(self.finish(self.run(backend, &Batch { denominator, ..batch }).await?));
        }
        // What the gradients are divided by is known after all pieces only.
        let first = Batch { totals: true, gradients: &[], upstream: None, ..batch };
        let first = self.run(backend, &first).await?;
        let Some(totals) = first.totals else { return Ok(first) };
        let mut all = self.gradients(backend, &totals).await?;
        all.timings.add(first.timings);
        Ok(self.finish(Evaluation { totals: Some(totals), ..all }))
    }

    /// The gradients alone, of a mean that divides by what the totals of the whole say.
    async fn gradients(&self, backend: &Backend, own: &Totals) -> Result<Evaluation> {
        let divides = self.resolved.reduction != Reduction::Sum;
        let denominator = self.batch.denominator.or(divides.then_some(own));
        let batch = Batch { value: false, totals: false, denominator, ..self.batch.clone() };
        self.run(backend, &batch).await
    }

    /// All pieces, joined.
    async fn run(&self, backend: &Backend, batch: &Batch<'_>) -> Result<Evaluation> {
        let mut joined = Joined::default();
        let whole = Batch { inputs: &[], upstream: None, ..batch.clone() };
        for first in (0..self.count).step_by(self.piece) {
            let count = self.piece.min(self.count - first);
            let inputs: Vec<_> = self.resolved.definition.inputs.iter().zip(&self.units).collect();
            let inputs: Vec<(&str, Tensor<'_>)> = self
                .inputs
                .iter()
                .map(|(name, tensor)| {
                    let unit = inputs.iter().find(|(input, _)| input.name == *name);
                    let unit = unit.and_then(|(_, unit)| unit.as_deref());
                    (*name, part(tensor, unit, first, count))
                })
                .collect();
            let by_term = self.resolved.upstream == Upstream::Terms;
            let unit = by_term.then_some(&self.terms[..]);
            let upstream = self.upstream.filter(|_| batch.upstream.is_some());
            let upstream = upstream.map(|upstream| part(upstream, unit, first, count));
            let piece = Batch { inputs: &inputs, upstream, ..whole.clone() };
            joined.add(Box::pin(backend.evaluate(self.loss, &piece)).await?)?;
        }
        let mut evaluation = joined.evaluation;
        if batch.value {
            let terms = TensorKind::new(DType::F32, self.resolved.layout.output.clone());
            evaluation.value = tensor(terms, joined.value);
        }
        let outputs = self.resolved.outputs().into_iter();
        let wanted = outputs.filter(|(slot, _)| *slot != Slot::Value);
        for ((slot, kind), bytes) in wanted.zip(joined.gradients) {
            let Slot::Gradient(i) = slot else { continue };
            let name = self.resolved.definition.inputs[i].name;
            evaluation.gradients.extend(tensor(kind, bytes).map(|gradient| (name, gradient)));
        }
        Ok(evaluation)
    }

    /// The value from the totals, and no totals where they are not wanted.
    fn finish(&self, evaluation: Evaluation) -> Evaluation {
        let totals = evaluation.totals.map(|totals| totals.of_batch(self.resolved));
        let given = self.resolved.given.map(|[divisor, ..]| divisor);
        let value = totals.as_ref().filter(|_| self.batch.value).map(|totals| {
            let value = given.map_or(totals.value(), |divisor| totals.sum() / divisor);
            Tensor::rounded(TensorKind::new(DType::F32, []), vec![value].into())
        });
        let totals = totals.filter(|_| self.batch.totals);
        Evaluation { value: value.or(evaluation.value), totals, ..evaluation }
    }

    /// The weights of the rows, `None` where one is ignored. A bad class index is found here: a piece
    /// would not know its row in the whole.
    fn weights(&self) -> Result<Vec<Option<f32>>> {
        let Some((i, classes)) = self.resolved.layout.indices else { return Ok(Vec::new()) };
        let inputs = self.resolved.placed(self.inputs)?;
        let Some(target) = inputs[i] else { return Ok(Vec::new()) };
        let classes = usize::try_from(classes).unwrap_or(usize::MAX);
        let indices = class_indices(self.loss, self.resolved, target, classes)?;
        let FamilyLayout::Rows(shape) = self.resolved.layout.family else { return Ok(Vec::new()) };
        let weight = match shape.weight {
            RowWeight::Classes(i) => inputs[i].map(Tensor::to_f32),
            _ => None,
        };
        let weight = |class: usize| weight.as_ref().map_or(1.0, |weight| weight[class]);
        Ok(indices.into_iter().map(|index| index.map(weight)).collect())
    }
}

/// The shape of each input for one element or one item; `None` where all pieces share it.
type Units = Vec<Option<Vec<usize>>>;

/// The shapes of the inputs and of the losses for one element or one item.
fn units(resolved: &Resolved) -> Option<(Units, Vec<usize>)> {
    match &resolved.layout.family {
        FamilyLayout::Pointwise { .. } if resolved.weight_is_shared() => None,
        FamilyLayout::Pointwise { access, .. } => {
            let unit = |(i, access): (usize, &Option<Access>)| match access {
                Some(Access::Dense) => Some(Some(Vec::new())),
                Some(Access::Single) if !resolved.gradients.contains(&i) => Some(None),
                None => Some(None),
                _ => None,
            };
            let units: Option<_> = access.iter().enumerate().map(unit).collect();
            Some((units?, Vec::new()))
        }
        FamilyLayout::Rows(shape) => {
            let [classes, inner] = [shape.classes, shape.inner].map(usize::try_from);
            let (classes, inner) = (classes.ok()?, inner.ok()?);
            let terms = if inner == 1 { Vec::new() } else { vec![inner] };
            let over = [&[classes], &terms[..]].concat();
            let unit = |i: usize| {
                if shape.over().any(|over| over == i) || shape.weight == RowWeight::Rows(i) {
                    return Some(over.clone());
                }
                (shape.index == Some(i) || shape.label == Some(i)).then(|| terms.clone())
            };
            Some(((0..resolved.inputs.len()).map(unit).collect(), terms))
        }
        FamilyLayout::Own => None,
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
