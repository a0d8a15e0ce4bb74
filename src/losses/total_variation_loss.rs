use super::prelude::*;
use super::softmax::{moved_pair, pair_at, pair_of_exponentials};

options! {
    /// Total variation of two softmax distributions: half the sum of `|p_c - q_c|`, from 0 to 1, with `p =
    /// softmax(input / temperature)` and `q = softmax(teacher / temperature)`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, the student's logits | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `teacher`, the teacher's | as `input` | differentiable |
    /// | `labels` | `[]`, `[N]` or `[N, d1...]`, any integer type | optional: tells which rows are ignored |
    ///
    /// `mean` divides by the number of kept rows, which is Liger's `batchmean`; its `mean` divides by the classes
    /// too, its `none` is per class, and it takes probabilities. A row whose label is `ignore_index` has loss 0
    /// and gradient 0, whatever it holds; any other label keeps the row, and need not be a class. If every row
    /// is ignored, `mean` is NaN and the gradient 0. Where both probabilities are equal, the sign of their
    /// difference counts as 0: equal rows have loss 0 and gradient 0.
    ///
    /// Source: Liger `ops.tvd`; Y. Wen et al., "f-Divergence Minimization for Sequence-Level Knowledge
    /// Distillation", 2023.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct TotalVariation {
        /// What the logits of both are divided by; above 0.
        pub temperature: f32 = 1.0, ABOVE_ZERO;
        /// The label that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of TotalVariation;
    differentiable {
        /// The student's logits.
        input: T = Rows,
        /// The teacher's logits.
        teacher: T = Rows,
    }
    constant {
        /// A number for each row, which is ignored where that is `ignore_index`.
        labels: Option<T> = Marks,
    }
}

static DEFINITION: Definition = Definition {
    name: "total_variation_loss",
    aliases: &["total_variation", "tvd"],
    summary: "Half the sum of the differences of two softmax distributions.",
    formula: "1/2 sum over c of |p_c - q_c|, p = softmax(input / temperature), q = softmax(teacher / temperature)",
    inputs: INPUTS,
    arguments: &["input", "teacher", "labels", "temperature", "ignore_index", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader_with_options(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/softmax_pair.wgsl"),
        include_str!("../../shaders/rows/total_variation_loss.wgsl")
    )),
};

impl Loss for TotalVariation {
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

/// `s - sum of p s` with s the sign of a difference, from the sums of p where s is 1, -1 and 0.
#[inline(always)]
fn excess(d: f32, [larger, smaller, equal]: [f32; 3]) -> f32 {
    let other = if d < 0.0 { -(2.0 * larger + equal) } else { smaller - larger };
    if d > 0.0 { 2.0 * smaller + equal } else { other }
}

#[inline(always)]
fn number_if(holds: bool, number: f32) -> f32 {
    if holds { number } else { 0.0 }
}

impl rows::Formula for TotalVariation {
    type Peaks = [f32; 2];
    /// The exponentials of both, the value, the sum of p where it is larger, smaller and equal, and that of q
    /// where p is larger and smaller.
    type Sums = [f32; 10];
    const TWICE: bool = true;

    fn shifts(&self) -> bool {
        true
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let temperature = f64::from(self.temperature);
        let softmax = |logits: &[f64]| -> Vec<f64> {
            let scaled: Vec<f64> = logits.iter().map(|x| x / temperature).collect();
            log_softmax(&scaled).into_iter().map(f64::exp).collect()
        };
        let (p, q) = (softmax(row.first), softmax(row.second));
        let sign = |c: usize| if p[c] == q[c] { 0.0 } else { (p[c] - q[c]).signum() };
        let classes = 0..row.first.len();
        let of = |x: &[f64]| -> f64 { classes.clone().map(|c| x[c] * sign(c)).sum() };
        let (of_p, of_q) = (of(&p), of(&q));
        let mut loss = RowLoss::zeros(row.first.len());
        for c in classes {
            loss.value += 0.5 * (p[c] - q[c]).abs();
            loss.slopes[0][c] = 0.5 * p[c] * (sign(c) - of_p) / temperature;
            loss.slopes[1][c] = -0.5 * q[c] * (sign(c) - of_q) / temperature;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 2] {
        [item.first, item.second]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, peaks: [f32; 2]) -> [f32; 10] {
        let [[e, at], [f, at_q]] = pair_of_exponentials(item, peaks, self.temperature);
        [e, at, f, at_q, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn second_sums(&self, item: Item, _: &Row, peaks: [f32; 2], sums: [f32; 10]) -> [f32; 10] {
        let [e, at, f, at_q, ..] = sums;
        let own = pair_at(item, peaks, [[e, at], [f, at_q]], self.temperature);
        let (p, q, d) = (own.p.p, own.q.p, own.difference);
        let of_p = [d > 0.0, d < 0.0, d == 0.0].map(|holds| number_if(holds, p));
        let of_q = [d > 0.0, d < 0.0].map(|holds| number_if(holds, q));
        [0.0, 0.0, 0.0, 0.0, 0.5 * d.abs(), of_p[0], of_p[1], of_p[2], of_q[0], of_q[1]]
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 10], lower: [f32; 2], higher: [f32; 2]) -> [f32; 10] {
        let [e, at, f, at_q, ..] = sums;
        let moved = moved_pair([[e, at], [f, at_q]], lower, higher, self.temperature);
        let [[e, at], [f, at_q]] = moved;
        [e, at, f, at_q, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 2], sums: [f32; 10]) -> f32 {
        sums[4]
    }

    #[inline(always)]
    fn gradient(&self, item: Item, _: &Row, peaks: [f32; 2], sums: [f32; 10]) -> [f32; 4] {
        let [e, at, f, at_q, all, larger, smaller, equal, larger_q, smaller_q] = sums;
        let own = pair_at(item, peaks, [[e, at], [f, at_q]], self.temperature);
        let d = own.difference;
        // Comparisons with NaN are false: it comes from the value.
        let scale = if all.is_nan() { all } else { 0.5 / self.temperature };
        let by_first = own.p.p * excess(d, [larger, smaller, equal]);
        let by_second = -own.q.p * excess(d, [larger_q, smaller_q, equal]);
        [scale * by_first, scale * by_second, 0.0, 0.0]
    }
}
