use super::prelude::*;
use super::softmax::{Probability, are_at_peaks, moved_pair, pair_at, pair_of_exponentials};

options! {
    /// Divergence of a student's distribution from a teacher's, from forward Kullback-Leibler through
    /// Jensen-Shannon to reverse Kullback-Leibler.
    ///
    /// With `p = softmax(input / temperature)`, `q = softmax(teacher / temperature)` and the mixture `m = beta q +
    /// (1 - beta) p`, a row's loss is `beta sum of q log(q / m) + (1 - beta) sum of p log(p / m)`. With `beta` 0
    /// it is `sum of q log(q / p)`, with `beta` 1 `sum of p log(p / q)`: as in TRL and Liger, and no limits of the
    /// others, which tend to 0 at both ends.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, the student's logits | `[C]`, `[N, C]` or `[N, C, d1...]` | differentiable |
    /// | `teacher`, the teacher's | as `input` | differentiable |
    /// | `labels` | `[]`, `[N]` or `[N, d1...]`, any integer type | optional: tells which rows are ignored |
    ///
    /// `mean` divides by the number of kept rows, which is TRL's and Liger's `batchmean`. A row whose label is
    /// `ignore_index` has loss 0 and gradient 0, whatever it holds; any other label keeps the row, and need not
    /// be a class. If every row is ignored, `mean` is NaN and the gradient 0. The loss is not multiplied by
    /// `temperature^2`. Classes of -inf have probability 0: one that the teacher has and the student lacks costs
    /// infinity with `beta` 0, the other way round with `beta` 1; in between the loss is finite.
    ///
    /// Source: R. Agarwal et al., "On-Policy Distillation of Language Models: Learning from Self-Generated
    /// Mistakes", 2024; TRL 1.16 `GKDTrainer.generalized_jsd_loss`; Liger `chunked_loss.jsd_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct GeneralizedJsd {
        /// The teacher's part of the mixture, from 0 to 1.
        pub beta: f32 = 0.5, ZERO_TO_ONE;
        /// What the logits of both are divided by; above 0.
        pub temperature: f32 = 1.0, ABOVE_ZERO;
        /// The label that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of GeneralizedJsd;
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
    name: "generalized_jsd_loss",
    aliases: &["generalized_jsd", "jsd"],
    summary: "Divergence of a student's softmax from a teacher's, between forward and reverse KL.",
    formula: "beta sum over c of q_c log(q_c / m_c) + (1 - beta) sum over c of p_c log(p_c / m_c), \
              m = beta q + (1 - beta) p, p = softmax(input / temperature), q = softmax(teacher / temperature)",
    inputs: INPUTS,
    arguments: &["input", "teacher", "labels", "beta", "temperature", "ignore_index", "reduction"],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader_with_options(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/softmax_pair.wgsl"),
        include_str!("../../shaders/rows/generalized_jsd_loss.wgsl")
    )),
};

impl Loss for GeneralizedJsd {
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

/// `log(p / m)` and `log(q / m)` from `d = log q - log p`. The larger one of p and q has the weight w in m: its
/// logarithm is `-log(w + (1 - w) e^-|d|)`, that of the other `-log(1 - w + w e^|d|)`, each by log1p of a
/// quotient without cancellation, whatever w is. The smaller one of them in size is computed so, and the other one
/// by their difference d, of which it is at least half: they are alike where `w / (1 - w)` is `e^-|d/2|`. Beyond
/// e^-80 the lesser one of p and q is nothing beside the larger.
#[inline(always)]
fn shares_of_mixture(d: f32, beta: f32) -> [f32; 2] {
    let distance = d.abs();
    let far = if distance < 80.0 { distance } else { 80.0 };
    let [e, gap] = numeric::exp_of_negative_and_rest(-far);
    let (w, rest) = if d > 0.0 { (beta, 1.0 - beta) } else { (1.0 - beta, beta) };
    let by_lesser = (w * w < rest * rest * e) & (distance < 80.0);
    let (share, whole) = if by_lesser { (w, e) } else { (rest, w + rest * e) };
    let least = numeric::ln_1p(share * gap / whole);
    let most = distance - least;
    let (larger, lesser) = if by_lesser { (most, -least) } else { (least, -most) };
    if d > 0.0 { [lesser, larger] } else { [larger, lesser] }
}

impl GeneralizedJsd {
    /// `(1 - beta) log(p / m)` and `beta log(q / m)`.
    #[inline(always)]
    fn logarithms(&self, d: f32) -> [f32; 2] {
        if self.beta == 0.0 {
            return [0.0, d];
        }
        if self.beta == 1.0 {
            return [-d, 0.0];
        }
        let [a, b] = shares_of_mixture(d, self.beta);
        let both = [(1.0 - self.beta) * a, self.beta * b];
        if d.is_nan() { [d; 2] } else { both }
    }
}

/// `p (a - sum of p a)`, where `at` is the sum at the peaks and elsewhere. Of a p above 1/2, which is the peak's,
/// that is `p (a (1 - p) - the sum of the others)`.
#[inline(always)]
fn slope(own: Probability, a: f32, at: [f32; 2]) -> f32 {
    let by = if own.p > 0.5 { a * own.miss - at[1] } else { a - (at[0] + at[1]) };
    numeric::silenced(own.p, by)
}

impl rows::Formula for GeneralizedJsd {
    type Peaks = [f32; 2];
    /// The exponentials of both, and the sum of p a where p has its peak and elsewhere, and the same of q b.
    type Sums = [f32; 8];
    const TWICE: bool = true;

    fn shifts(&self) -> bool {
        true
    }

    #[inline(always)]
    fn run<T: Loops>(&self, loops: T) {
        match *self {
            Self { beta: 0.5, temperature: 1.0, ignore_index } => {
                loops.run(&Self { beta: 0.5, temperature: 1.0, ignore_index });
            }
            _ => loops.run(self),
        }
    }

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let (beta, temperature) = (f64::from(self.beta), f64::from(self.temperature));
        let log_of = |logits: &[f64]| {
            log_softmax(&logits.iter().map(|x| x / temperature).collect::<Vec<_>>())
        };
        let (log_p, log_q) = (log_of(row.first), log_of(row.second));
        let ratio = |c: usize| if log_p[c] == log_q[c] { 0.0 } else { log_q[c] - log_p[c] };
        // log(1 - share + share e^d), whose exponential overflows where probabilities are below the normal numbers.
        let mixed = |d: f64, share: f64| {
            if d > 1.0 {
                d + (share + (1.0 - share) * (-d).exp()).ln()
            } else {
                (share * d.exp_m1()).ln_1p()
            }
        };
        let of = |c: usize| {
            let d = ratio(c);
            if beta == 0.0 {
                (0.0, d)
            } else if beta == 1.0 {
                (-d, 0.0)
            } else {
                (-(1.0 - beta) * mixed(d, beta), -beta * mixed(-d, 1.0 - beta))
            }
        };
        let classes = row.first.len();
        let mut loss = RowLoss::zeros(classes);
        let mut sums = (0.0, 0.0);
        for c in 0..classes {
            let (a, b) = of(c);
            let (a, b) = (product(log_p[c].exp(), a), product(log_q[c].exp(), b));
            sums = (sums.0 + a, sums.1 + b);
            loss.size += a.abs() + b.abs();
        }
        loss.value = sums.0 + sums.1;
        for c in 0..classes {
            let ((a, b), (p, q)) = (of(c), (log_p[c].exp(), log_q[c].exp()));
            let (by_first, by_second) = (product(p, a - sums.0), product(q, b - sums.1));
            loss.slopes[0][c] = if beta == 0.0 { p - q } else { by_first } / temperature;
            loss.slopes[1][c] = if beta == 1.0 { q - p } else { by_second } / temperature;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 2] {
        [item.first, item.second]
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, peaks: [f32; 2]) -> [f32; 8] {
        let [[e, at], [f, at_q]] = pair_of_exponentials(item, peaks, self.temperature);
        [e, at, f, at_q, 0.0, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn second_sums(&self, item: Item, _: &Row, peaks: [f32; 2], sums: [f32; 8]) -> [f32; 8] {
        let [e, at, f, at_q, ..] = sums;
        let own = pair_at(item, peaks, [[e, at], [f, at_q]], self.temperature);
        let [a, b] = self.logarithms(own.log_ratio);
        let (a, b) = (numeric::silenced(own.p.p, a), numeric::silenced(own.q.p, b));
        let [is_peak, is_peak_q] = are_at_peaks(item, peaks);
        let [x, y] = if is_peak { [a, 0.0] } else { [0.0, a] };
        let [z, w] = if is_peak_q { [b, 0.0] } else { [0.0, b] };
        [0.0, 0.0, 0.0, 0.0, x, y, z, w]
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 8], lower: [f32; 2], higher: [f32; 2]) -> [f32; 8] {
        let [e, at, f, at_q, ..] = sums;
        let moved = moved_pair([[e, at], [f, at_q]], lower, higher, self.temperature);
        let [[e, at], [f, at_q]] = moved;
        [e, at, f, at_q, 0.0, 0.0, 0.0, 0.0]
    }

    #[inline(always)]
    fn value(&self, _: &Row, _: [f32; 2], sums: [f32; 8]) -> f32 {
        (sums[4] + sums[5]) + (sums[6] + sums[7])
    }

    #[inline(always)]
    fn gradient(&self, item: Item, _: &Row, peaks: [f32; 2], sums: [f32; 8]) -> [f32; 4] {
        let [e, at, f, at_q, x, y, z, w] = sums;
        let own = pair_at(item, peaks, [[e, at], [f, at_q]], self.temperature);
        let [a, b] = self.logarithms(own.log_ratio);
        let by_first = slope(own.p, a, [x, y]);
        let by_second = slope(own.q, b, [z, w]);
        let by_first = if self.beta == 0.0 { own.difference } else { by_first };
        let by_second = if self.beta == 1.0 { -own.difference } else { by_second };
        [by_first / self.temperature, by_second / self.temperature, 0.0, 0.0]
    }
}
