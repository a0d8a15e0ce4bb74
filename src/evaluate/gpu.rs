//! One evaluation on a GPU: uploads, a plan, and what is read back.

use super::buffers::{Buffers, UPSTREAM};
use super::pieces::Pieces;
use super::taken::Taken;
use super::{Evaluation, Timings};
use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::family::Loss;
use crate::gpu::{Gpu, submit};
use crate::order::BlockSums;
use crate::plan::Plan;
use crate::reduction::Divisor;
use crate::request::{Resolved, Slot};
use crate::sink::Sink;
use crate::tensor::Tensor;
use crate::totals::Totals;
use web_time::Instant;

/// Evaluates a batch whose names, types and shapes have been checked, in pieces where it is large.
pub(super) async fn evaluate(
    gpu: &Gpu,
    loss: &dyn Loss,
    resolved: Resolved,
    batch: &Batch<'_>,
    sink: Option<&mut dyn Sink>,
) -> Result<Evaluation> {
    let resolved = resolved.native();
    let taken = Taken::new(sink);
    if let Some(pieces) = Pieces::new(gpu, loss, &resolved, batch)? {
        return pieces.evaluate(taken).await;
    }
    evaluate_whole(gpu, loss, resolved, batch, taken).await
}

async fn evaluate_whole(
    gpu: &Gpu,
    loss: &dyn Loss,
    mut resolved: Resolved,
    batch: &Batch<'_>,
    mut taken: Taken<'_>,
) -> Result<Evaluation> {
    let start = Instant::now();
    // What is added up here comes as totals that keep all losses.
    let totals_wanted = resolved.totals;
    let added_here = resolved.is_added_by_the_host();
    resolved.totals |= added_here;
    if added_here && resolved.layout.divisor == Divisor::Weights && !resolved.needs_mean() {
        // So are the weights.
        let inputs = resolved.placed(batch.inputs)?;
        let weights = loss.family().weights(&resolved, &inputs, Cancel(batch.cancel))?;
        let totals = Totals::new(&resolved, BlockSums::default(), weights.sums, weights.kept);
        resolved.given.get_or_insert(totals.denominator());
        resolved.denominator = true;
    }
    let plan = Plan::of_resolved(gpu, loss, resolved)?;
    let planned = Instant::now();
    batch.check_cancelled()?;
    let buffers = Buffers::new(gpu, &plan)?;
    for (name, tensor) in batch.inputs {
        buffers.write(gpu, plan.resolved(), name, tensor)?;
    }
    if let Some(upstream) = &batch.upstream {
        buffers.write(gpu, plan.resolved(), UPSTREAM, upstream)?;
    }
    // Uploads are carried out with the next submission: let them not count as the kernels'.
    submit(gpu, []).await?;
    let moved = Instant::now();
    batch.check_cancelled()?;

    let mut encoder = gpu.encoder();
    buffers.encode(&plan, &mut encoder, 0..1, 1)?;
    submit(gpu, [encoder]).await?;
    let computed = Instant::now();
    batch.check_cancelled()?;

    let resolved = plan.resolved();
    let results = buffers.read(gpu, resolved, &mut taken).await?;
    let (kernels, clock) = results.kernels(computed - moved);
    let totals = results.totals.map(|words| plan.totals(&words)).transpose()?;
    let (plan_time, upload) = (planned - start, moved - planned);
    let read_back = computed.elapsed();
    let timings = Timings { plan: plan_time, upload, kernels, clock, read_back };
    let added = totals.as_ref().filter(|_| added_here).map(|totals| totals.value_of(resolved));
    let totals = totals.filter(|_| totals_wanted);
    let mut evaluation = Evaluation { totals, timings, ..Evaluation::default() };
    if let Some(value) = results.value {
        let added = added
            .map(|value| Tensor::rounded(resolved.output_kind(Slot::Value), vec![value].into()));
        evaluation.put(resolved, Slot::Value, added.unwrap_or(value));
    }
    taken.progress(resolved.layout.terms, resolved.layout.terms);
    taken.finish(resolved, &mut evaluation)?;
    Ok(evaluation)
}
