use super::prelude::*;
use super::softmax::{exponentials, log_of_exponentials, moved_exponentials, softmax_of};

options! {
    /// Cross entropy plus `epsilon` times the probability that is missing from the target.
    ///
    /// The cost of a class of probability `p`, by the softmax of `input`, is `-log p + epsilon (1 - p)`. With the
    /// share `s_c = weight_c ((1 - label_smoothing) q_c + label_smoothing / C)` of class `c`, where `q` is the
    /// target (1 at a class index, 0 elsewhere), a row's loss is `sum of s_c (-log p_c + epsilon (1 - p_c))`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `target`, class indices | `[]`, `[N]` or `[N, d1...]`, any integer type | |
    /// | `target`, probabilities | as `input`, a float type | differentiable |
    /// | `weight` | `[C]` | optional factor of each class |
    ///
    /// With class indices, `mean` divides by the sum of the kept rows' `weight[target]` (their number without
    /// `weight`); with probabilities, by the number of rows. So `epsilon` 0 is
    /// [`CrossEntropy`](super::CrossEntropy) in every reduction. A row whose target is `ignore_index` has loss 0
    /// and gradient 0, whatever it holds; if every row is ignored, `mean` is NaN and the gradient 0. Any other
    /// index outside `0..C` is an error. An `epsilon` below -1 can make the loss negative. The paper, rax and
    /// Keras have `epsilon` 1 by default, optax 2; optax and rax have no smoothing, weights or ignored rows.
    ///
    /// Source: Z. Leng et al., "PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions",
    /// 2022; optax's `poly_loss_cross_entropy`; rax's `poly1_softmax_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Poly1CrossEntropy {
        /// What a missing probability of 1 costs beside the cross entropy; of any sign.
        pub epsilon: f32 = 1.0, FINITE;
        /// The part of the target that is spread evenly over the classes, from 0 to 1.
        pub label_smoothing: f32 = 0.0, ZERO_TO_ONE;
        /// The class index that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of Poly1CrossEntropy;
    differentiable {
        /// The logits.
        input: T = Rows,
        /// The class index of each row, or a probability for each of its classes.
        target: T = IndexOrRows in Unit,
    }
    constant {
        /// A factor of each class.
        weight: Option<T> = Classes in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "poly1_cross_entropy",
    aliases: &["poly1", "poly_loss_cross_entropy"],
    summary: "Cross entropy plus a factor of the probability that is missing from the target.",
    formula: "sum over c of s_c (-log p_c + epsilon (1 - p_c)), p = softmax(input), \
              s_c = weight_c ((1 - label_smoothing) target_c + label_smoothing / C)",
    inputs: INPUTS,
    arguments: &[
        "input",
        "target",
        "weight",
        "epsilon",
        "label_smoothing",
        "ignore_index",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/rows/poly1_cross_entropy.wgsl")
    )),
};

impl Loss for Poly1CrossEntropy {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

impl Poly1CrossEntropy {
    #[inline(always)]
    fn share(&self, item: Item, row: &Row) -> f32 {
        item.weight
            * ((1.0 - self.label_smoothing) * item.target + self.label_smoothing / row.classes)
    }
}

impl rows::Formula for Poly1CrossEntropy {
    type Peaks = [f32; 1];
    /// The exponentials, the sum of shares times how far they are below the peak, and that of the shares at
    /// the peak, elsewhere, and there times the exponentials.
    type Sums = [f32; 6];

    fn shifts(&self) -> bool {
        true
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let (epsilon, smoothing) = (f64::from(self.epsilon), f64::from(self.label_smoothing));
        let mut loss = RowLoss::zeros(row.first.len());
        let log_p = log_softmax(row.first);
        #[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^53")]
        let classes = row.first.len() as f64;
        let share =
            |c: usize| row.weight[c] * ((1.0 - smoothing) * row.target[c] + smoothing / classes);
        let steepness = |c: usize| share(c) * (1.0 + epsilon * log_p[c].exp());
        let total: f64 = (0..row.first.len()).map(steepness).sum();
        for (c, &log) in log_p.iter().enumerate() {
            let (cost, miss) = (-log, -log.exp_m1());
            loss.value += product(share(c), cost + epsilon * miss);
            loss.size += product(share(c).abs(), cost + epsilon.abs() * miss);
            loss.slopes[0][c] = total * log.exp() - steepness(c);
            loss.slopes[3][c] = product((1.0 - smoothing) * row.weight[c], cost + epsilon * miss);
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [item.first]
    }

    #[inline(always)]
    fn sums(&self, item: Item, row: &Row, [peak]: [f32; 1]) -> [f32; 6] {
        let (below, at_peak) = (peak - item.first, item.first == peak);
        let [others, peaks] = exponentials(below, at_peak);
        let share = self.share(item, row);
        let [at, elsewhere, scaled] =
            if at_peak { [share, 0.0, 0.0] } else { [0.0, share, share * others] };
        [others, peaks, numeric::silenced(share, below), at, elsewhere, scaled]
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 6], [lower]: [f32; 1], [higher]: [f32; 1]) -> [f32; 6] {
        let ([others, peaks, below, at, elsewhere, scaled], way) = (sums, higher - lower);
        if way > 0.0 {
            let ([others, peaks], shares) =
                (moved_exponentials([others, peaks], way), at + elsewhere);
            let below = below + numeric::silenced(shares, way);
            [others, peaks, below, 0.0, shares, (at + scaled) * numeric::exp(-way)]
        } else {
            sums
        }
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 1], sums: [f32; 6]) -> f32 {
        let [others, peaks, below, at, elsewhere, scaled] = sums;
        let sum = others + peaks;
        let misses = at * ((others + (peaks - 1.0)) / sum) + (elsewhere - scaled / sum);
        let logarithms = numeric::silenced(at + elsewhere, log_of_exponentials([others, peaks]));
        (below + logarithms) + self.epsilon * misses
    }

    #[inline(always)]
    fn gradient(&self, item: Item, row: &Row, [peak]: [f32; 1], sums: [f32; 6]) -> [f32; 4] {
        let [others, peaks, _, at, elsewhere, scaled] = sums;
        let own = softmax_of(peak - item.first, item.first == peak, [others, peaks]);
        let sum = others + peaks;
        let steep = elsewhere + self.epsilon * (scaled / sum);
        let all = steep + at * (1.0 + self.epsilon / sum);
        let by_logit = if own.p > 0.5 {
            steep - all * own.miss
        } else {
            all * own.p - self.share(item, row) * (1.0 + self.epsilon * own.p)
        };
        let factor = (1.0 - self.label_smoothing) * item.weight;
        let by_target = numeric::silenced(factor, own.cost + self.epsilon * own.miss);
        [by_logit, 0.0, 0.0, by_target]
    }
}
