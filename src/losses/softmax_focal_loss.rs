use super::prelude::*;
use super::softmax::{Exponentials, Probability, exponentials, moved_exponentials, softmax_of};

options! {
    /// Cross entropy of one class among many that makes little of rows that are right already.
    ///
    /// The cost of a class of probability `p`, by the softmax of `input`, is `f(p) = -(1 - p)^gamma log p` in
    /// place of `-log p`: a row's loss is `sum of weight_c q_c f(p_c)`, where `q` is the target (1 at a class
    /// index, 0 elsewhere).
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `target`, class indices | `[]`, `[N]` or `[N, d1...]`, any integer type | |
    /// | `target`, probabilities | as `input`, a float type | differentiable |
    /// | `weight` | `[C]` | optional factor of each class |
    ///
    /// With class indices, `mean` divides by the sum of the kept rows' `weight[target]` (their number without
    /// `weight`); with probabilities, by the number of rows. So `gamma` 0 is
    /// [`CrossEntropy`](super::CrossEntropy) in every reduction, where MONAI and kornia divide by rows and
    /// classes. Probabilities are taken as they are. A row whose target is `ignore_index` has loss 0 and
    /// gradient 0, whatever it holds; if every row is ignored, `mean` is NaN and the gradient 0. Any other index
    /// outside `0..C` is an error. Where `p` is 1, loss and gradient are 0 (MONAI: NaN for `gamma` below 1); a
    /// target of probability 0 costs infinity.
    ///
    /// Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", 2017; MONAI's `softmax_focal_loss`,
    /// which is per class.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SoftmaxFocal {
        /// How fast the loss falls off as the prediction gets right; 0 or more.
        pub gamma: f32 = 2.0, FROM_ZERO;
        /// The class index that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of SoftmaxFocal;
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
    name: "softmax_focal_loss",
    aliases: &["softmax_focal"],
    summary: "Cross entropy of logits with a class that makes little of rows that are right already.",
    formula: "sum over c of weight_c target_c f(p_c), f(p) = -(1 - p)^gamma log p, p = softmax(input)",
    inputs: INPUTS,
    arguments: &["input", "target", "weight", "gamma", "ignore_index", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/rows/softmax_focal_loss.wgsl")
    )),
};

impl Loss for SoftmaxFocal {
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

#[inline(always)]
fn class_at(x: f32, peak: f32, all: Exponentials) -> Probability {
    softmax_of(peak - x, x == peak, all)
}

/// By the root twice: where the power is below the smallest number, its product with a large logarithm need
/// not be.
#[inline(always)]
fn cost(gamma: f32, class: Probability) -> f32 {
    let root = numeric::power(class.miss, 0.5 * gamma);
    numeric::silenced(root, numeric::silenced(root, class.cost))
}

/// `(1 - p)^gamma - gamma p (1 - p)^(gamma - 1) log p`: of p = 1 the quotient of `-log p` and `1 - p` has the
/// limit 1.
#[inline(always)]
fn steepness(gamma: f32, class: Probability) -> f32 {
    let Probability { p, miss, cost } = class;
    let quotient = if miss == 0.0 { 1.0 } else { numeric::silenced(p, cost) / miss };
    numeric::power(miss, gamma) * (1.0 + gamma * quotient)
}

impl rows::Formula for SoftmaxFocal {
    type Peaks = [f32; 1];
    /// The exponentials, the value, and the sum of steepness at the peak and elsewhere.
    type Sums = [f32; 5];
    const TWICE: bool = true;

    fn shifts(&self) -> bool {
        true
    }

    #[inline(always)]
    fn run<T: Loops>(&self, loops: T) {
        if loops.has_index() { loops.run(&OfIndex { gamma: self.gamma }) } else { loops.run(self) }
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        reference(self.gamma, row)
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [item.first]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> [f32; 5] {
        let [others, peaks] = exponentials(peak - item.first, item.first == peak);
        [others, peaks, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn second_sums(
        &self,
        item: Item,
        _: &Row,
        [peak]: [f32; 1],
        [others, peaks, ..]: [f32; 5],
    ) -> [f32; 5] {
        let own = class_at(item.first, peak, [others, peaks]);
        let share = item.weight * item.target;
        let steep = share * steepness(self.gamma, own);
        let value = numeric::silenced(share, cost(self.gamma, own));
        let (at, elsewhere) = if item.first == peak { (steep, 0.0) } else { (0.0, steep) };
        [0.0, 0.0, value, at, elsewhere]
    }

    #[inline(always)]
    fn moved(
        &self,
        [others, peaks, ..]: [f32; 5],
        [lower]: [f32; 1],
        [higher]: [f32; 1],
    ) -> [f32; 5] {
        let [others, peaks] = moved_exponentials([others, peaks], higher - lower);
        [others, peaks, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 1], sums: [f32; 5]) -> f32 {
        sums[2]
    }

    #[inline(always)]
    fn gradient(
        &self,
        item: Item,
        _: &Row,
        [peak]: [f32; 1],
        [e, peaks, _, at, elsewhere]: [f32; 5],
    ) -> [f32; 4] {
        let own = class_at(item.first, peak, [e, peaks]);
        let all = at + elsewhere;
        let by_logit = if own.p > 0.5 {
            elsewhere - all * own.miss
        } else {
            all * own.p - item.weight * item.target * steepness(self.gamma, own)
        };
        [by_logit, 0.0, 0.0, numeric::silenced(item.weight, cost(self.gamma, own))]
    }
}

/// The case of a class index, which needs no second sums.
#[derive(Debug)]
struct OfIndex {
    gamma: f32,
}

impl rows::Formula for OfIndex {
    type Peaks = [f32; 1];
    /// The exponentials, and the weight times the steepness at the target class, which follows from them.
    type Sums = [f32; 3];

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        reference(self.gamma, row)
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 1] {
        [item.first]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [peak]: [f32; 1]) -> [f32; 3] {
        let [others, peaks] = exponentials(peak - item.first, item.first == peak);
        [others, peaks, 0.0]
    }

    #[inline(always)]
    fn moved(
        &self,
        [others, peaks, _]: [f32; 3],
        [lower]: [f32; 1],
        [higher]: [f32; 1],
    ) -> [f32; 3] {
        let [others, peaks] = moved_exponentials([others, peaks], higher - lower);
        [others, peaks, 0.0]
    }

    #[inline(always)]
    fn finished(&self, row: &Row, [peak]: [f32; 1], [others, peaks, _]: [f32; 3]) -> [f32; 3] {
        let class = class_at(row.picked, peak, [others, peaks]);
        [others, peaks, row.weight * steepness(self.gamma, class)]
    }

    #[inline(always)]
    fn value(&self, row: &Row, [peak]: [f32; 1], [others, peaks, _]: [f32; 3]) -> f32 {
        let class = class_at(row.picked, peak, [others, peaks]);
        numeric::silenced(row.weight, cost(self.gamma, class))
    }

    #[inline(always)]
    fn gradient(
        &self,
        item: Item,
        _: &Row,
        [peak]: [f32; 1],
        [others, peaks, steep]: [f32; 3],
    ) -> [f32; 4] {
        let own = class_at(item.first, peak, [others, peaks]);
        [steep * if item.target == 1.0 { -own.miss } else { own.p }, 0.0, 0.0, 0.0]
    }
}

fn reference(gamma: f32, row: &TextbookRow<'_>) -> RowLoss {
    let gamma = f64::from(gamma);
    let mut loss = RowLoss::zeros(row.first.len());
    let log_p = log_softmax(row.first);
    let share = |c: usize| row.weight[c] * row.target[c];
    let cost = |c: usize| product((-log_p[c].exp_m1()).powf(gamma), -log_p[c]);
    let steepness = |c: usize| {
        let (p, miss) = (log_p[c].exp(), -log_p[c].exp_m1());
        let quotient = if miss == 0.0 { 1.0 } else { product(p, -log_p[c]) / miss };
        miss.powf(gamma) * (1.0 + gamma * quotient)
    };
    let total: f64 = (0..row.first.len()).map(|c| product(share(c), steepness(c))).sum();
    for (c, log) in log_p.iter().enumerate() {
        loss.value += product(share(c), cost(c));
        loss.slopes[0][c] = total * log.exp() - product(share(c), steepness(c));
        loss.slopes[3][c] = product(row.weight[c], cost(c));
    }
    loss
}
