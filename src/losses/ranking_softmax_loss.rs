use super::prelude::*;
use super::softmax::{exponentials, log_of_exponentials, moved_exponentials, softmax_of};

options! {
    /// Ranking of a list by the softmax of its scores: `-sum of weight_i target_i log p_i` over the items `i`
    /// that are there, with `p` the softmax of their `input`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, the scores | `[L]` or `[..., L]`: a list along the last dimension | differentiable |
    /// | `target`, the relevances | as `input` | differentiable |
    /// | `weight` | as `input` | optional factor of each item |
    /// | `mask` | as `input`; 0 or 1, of any type | optional: 1 where an item is there |
    ///
    /// `mean` divides by the number of lists that have an item, even if all their relevances are 0 (they add 0).
    /// A list without any is 0 and does not count; if no list has one, `mean` is NaN (optax: 0) and the gradient
    /// 0. What is masked is never read, and its gradient is 0. Relevances are taken as they are: they need not
    /// add up to 1, and may be negative (allRank's ListNet takes their softmax: do that before). A relevance of 0
    /// costs nothing, at a score of -inf too.
    ///
    /// Source: Z. Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", 2007; optax's
    /// `ranking_softmax_loss`; rax's `softmax_loss`.
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct RankingSoftmax;
}

inputs! {
    of RankingSoftmax;
    differentiable {
        /// The scores of a list's items.
        input: T = Features,
        /// The relevances of the items.
        target: T = Features in NonNegative,
    }
    constant {
        /// A factor of each item.
        weight: Option<T> = ItemFactors in NonNegative,
        /// 1 where an item is there, 0 where it is not.
        mask: Option<T> = Mask in Binary,
    }
}

static DEFINITION: Definition = Definition {
    name: "ranking_softmax_loss",
    aliases: &["ranking_softmax", "list_net"],
    summary: "Ranking of lists: cross entropy of relevances against the softmax of scores.",
    formula: "-sum over i of weight_i target_i log p_i, p = softmax(input)",
    inputs: INPUTS,
    arguments: &["input", "target", "weight", "mask", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/rows/ranking_softmax_loss.wgsl")
    )),
};

impl Loss for RankingSoftmax {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

impl rows::Formula for RankingSoftmax {
    type Peaks = [f32; 1];
    /// The exponentials, the sum of weighted relevances times how far they are below the peak, and that of the
    /// weighted relevances at the peak and elsewhere.
    type Sums = [f32; 5];

    fn shifts(&self) -> bool {
        true
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let mut loss = RowLoss::zeros(row.first.len());
        let log_p = log_softmax(row.first);
        let relevance = |i: usize| row.weight[i] * row.second[i];
        let total: f64 = (0..row.first.len()).map(relevance).sum();
        for (i, log_p) in log_p.into_iter().enumerate() {
            loss.value += product(relevance(i), -log_p);
            loss.slopes[0][i] = total * log_p.exp() - relevance(i);
            loss.slopes[1][i] = product(row.weight[i], -log_p);
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [item.first]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> [f32; 5] {
        let (below, at_peak) = (peak - item.first, item.first == peak);
        let [others, peaks] = exponentials(below, at_peak);
        let relevance = item.weight * item.second;
        let [at, elsewhere] = if at_peak { [relevance, 0.0] } else { [0.0, relevance] };
        [others, peaks, numeric::silenced(relevance, below), at, elsewhere]
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 5], [lower]: [f32; 1], [higher]: [f32; 1]) -> [f32; 5] {
        let ([others, peaks, below, at, elsewhere], way) = (sums, higher - lower);
        if way > 0.0 {
            let [others, peaks] = moved_exponentials([others, peaks], way);
            [others, peaks, below + numeric::silenced(at + elsewhere, way), 0.0, at + elsewhere]
        } else {
            sums
        }
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 1], sums: [f32; 5]) -> f32 {
        let [others, peaks, below, at, elsewhere] = sums;
        below + numeric::silenced(at + elsewhere, log_of_exponentials([others, peaks]))
    }

    #[inline(always)]
    fn gradient(&self, item: Item, _: &Row, [peak]: [f32; 1], sums: [f32; 5]) -> [f32; 4] {
        let [others, peaks, _, at, elsewhere] = sums;
        let own = softmax_of(peak - item.first, item.first == peak, [others, peaks]);
        let all = at + elsewhere;
        let by_input = if own.p > 0.5 {
            elsewhere - all * own.miss
        } else {
            all * own.p - item.weight * item.second
        };
        [by_input, numeric::silenced(item.weight, own.cost), 0.0, 0.0]
    }
}
