//! The regions family on the CPU.

use super::runs::Runs;
use super::shape::{INPUT, RegionShape, TARGET};
use super::tile::{Inputs, PATCH, Patch, Room, Target};
use crate::cancel::Cancel;
use crate::cpu::{Classes, Filled, Results, Units, Weights, Work, divisor, is_brief};
use crate::error::Result;
use crate::request::{Slot, Upstream};
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::ops::Range;

pub(super) fn evaluate(
    formula: &dyn Runs,
    shape: RegionShape,
    work: &Work<'_>,
    results: &mut Results<'_>,
) -> Result<()> {
    let resolved = work.resolved;
    let [Some(input), Some(target)] = [work.inputs[INPUT], work.inputs[TARGET]] else {
        unreachable!("a request's inputs were checked")
    };
    let (items, classes, voxels) = (size(shape.items), size(shape.classes), size(shape.voxels));
    let target = match shape.index {
        true => Target::Classes(Classes::of(resolved, target, classes, work.cancel)?),
        false => Target::Numbers(target),
    };
    let first = size(shape.first);
    let activation = formula.common().activation;
    let pass = Pass {
        formula,
        inputs: Inputs { input, target, activation, classes, voxels, first },
        numbers: formula.numbers(),
        brief: is_brief(items.saturating_mul(classes).saturating_mul(voxels)),
        cancel: work.cancel,
    };
    let mut regions = pass.sums(shape, items)?;

    let divisor = divisor(resolved, || 1.0);
    let upstream = |term: usize| match (work.upstream.as_deref(), resolved.upstream) {
        (None, _) => 1.0,
        (Some(upstream), Upstream::Terms) => upstream[term],
        (Some(upstream), _) => upstream[0],
    };
    let weight = shape.weight.and_then(|i| work.inputs[i]).map(Tensor::to_f32);
    let each = size(shape.each()) * pass.numbers;
    let terms = regions.chunks_mut(each.max(1)).enumerate().map(|(term, regions)| {
        let weight = weight.as_ref().map_or(1.0, |weight| weight[term % weight.len()]);
        weight * formula.term(regions, weight * (upstream(term) / divisor))
    });
    let losses: Vec<f32> = terms.collect();
    results.put_losses(losses.into(), divisor, &Weights::default())?;

    let gradient = |&i: &usize| Filled::each(Slot::Gradient(i), classes * voxels);
    let outputs: Vec<Filled> = resolved.gradients.iter().map(gradient).collect();
    if outputs.is_empty() {
        return Ok(());
    }
    let units = Units { count: items, numbers: classes * voxels, step: 1 };
    results.fill(&outputs, units, |window, places| {
        let mut gradients = [None, None];
        for (&i, place) in resolved.gradients.iter().zip(places) {
            gradients[i] = Some(place);
        }
        pass.differentiate(shape, &regions, window, gradients)
    })
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

struct Pass<'a> {
    formula: &'a dyn Runs,
    inputs: Inputs<'a>,
    /// Those of a region's sums.
    numbers: usize,
    brief: bool,
    cancel: Cancel<'a>,
}

impl Pass<'_> {
    /// The patches of an item.
    fn patches(&self) -> usize {
        self.inputs.voxels.div_ceil(PATCH)
    }

    fn patch(&self, item: usize, patch: usize) -> Patch<'_> {
        let start = patch * PATCH;
        let count = PATCH.min(self.inputs.voxels - start);
        Patch { inputs: &self.inputs, item, start, count }
    }

    /// Enough patches for a task to be worth its while.
    fn least(&self) -> usize {
        let numbers = self.inputs.voxels.min(PATCH) * self.inputs.classes;
        8192 / numbers.max(1) + 1
    }

    /// The sums of all regions, those of patches added up in their order.
    fn sums(&self, shape: RegionShape, items: usize) -> Result<Vec<f32>> {
        let patches = self.patches();
        let own = size(shape.counted()) * self.numbers;
        let mut parts = vec![0.0; items * patches * own];
        parts.par_chunks_mut(own).enumerate().with_min_len(self.least()).try_for_each_init(
            || Room::new(self.inputs.classes),
            |room, (i, sums)| {
                self.cancel.check()?;
                self.formula.add(&self.patch(i / patches, i % patches), room, sums, self.brief);
                Ok(())
            },
        )?;
        let count = if shape.batch { 1 } else { items };
        let together = if shape.batch { items * patches } else { patches };
        let mut all = vec![0.0; count * own];
        if together > 0 {
            for (all, parts) in all.chunks_mut(own).zip(parts.chunks(together * own)) {
                for (i, sum) in all.iter_mut().enumerate() {
                    let own = parts.iter().skip(i).step_by(own);
                    #[expect(clippy::cast_possible_truncation, reason = "float32 is asked for")]
                    let total = own.map(|&part| f64::from(part)).sum::<f64>() as f32;
                    *sum = total;
                }
            }
        }
        Ok(all)
    }

    /// The gradients of a window of items.
    fn differentiate(
        &self,
        shape: RegionShape,
        factors: &[f32],
        window: Range<usize>,
        gradients: [Option<&mut [f32]>; 2],
    ) -> Result<()> {
        let (classes, voxels, patches) = (self.inputs.classes, self.inputs.voxels, self.patches());
        let own = size(shape.counted()) * self.numbers;
        // Of each gradient the planes, an item's classes one after the other, cut into patches.
        let mut planes = gradients.map(|gradient| {
            let planes = gradient.into_iter().flat_map(|all| all.chunks_mut(voxels.max(1)));
            planes.map(|plane| plane.chunks_mut(PATCH)).collect::<Vec<_>>()
        });
        let mut tasks = Vec::new();
        for (k, item) in window.enumerate() {
            for patch in 0..patches {
                let own = planes.each_mut().map(|planes| {
                    let own = planes.iter_mut().skip(k * classes).take(classes);
                    own.filter_map(Iterator::next).collect::<Vec<_>>()
                });
                tasks.push((item, patch, own));
            }
        }
        tasks.into_par_iter().with_min_len(self.least()).try_for_each_init(
            || Room::new(classes),
            |room, (item, patch, gradients)| {
                self.cancel.check()?;
                let start = if shape.batch { 0 } else { item * own };
                let factors = &factors[start..start + own];
                let patch = self.patch(item, patch);
                self.formula.differentiate(&patch, room, factors, gradients, self.brief);
                Ok(())
            },
        )
    }
}
