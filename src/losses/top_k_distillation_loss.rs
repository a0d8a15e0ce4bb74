use super::prelude::*;
use super::softmax::{exponentials, log_of_exponentials, moved_exponentials};

options! {
    /// Divergence of a student's distribution from a teacher's of which only the most probable classes are known: top-k
    /// logits distillation.
    ///
    /// Teachers are kept on disk as the log-probabilities of `k` classes for each token and which classes these are.
    /// With `p_i = exp(teacher_log_probs_i)` and `q = softmax(input / temperature)`, all classes that are not listed
    /// count as one, the rest, with `p_rest = 1 - sum of p_i` and `q_rest` the sum of `q` over these classes. A row's
    /// loss is `sum over the list of p_i log(p_i / q_i) + p_rest log(p_rest / q_rest)`. That is never negative, 0
    /// where student and teacher agree on the listed classes, and at most the Kullback-Leibler divergence over all
    /// classes (by the log sum inequality), which it is where all are listed.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input`, the student's logits | `[C]` or `[..., C]` | differentiable |
    /// | `teacher_log_probs` | `[k]` or `[..., k]`, 1 to `C` of them | 0 or less |
    /// | `teacher_classes` | as `teacher_log_probs`, any integer type | 0 to `C - 1`, each once in a row |
    /// | `labels` | `[]` or `[...]`, any integer type | optional: tells which rows are ignored |
    ///
    /// `mean` divides by the number of kept rows. A row whose label is `ignore_index` has loss 0 and gradient 0,
    /// whatever it and its list hold; any other label keeps the row, and need not be a class. If every row is ignored,
    /// `mean` is NaN and the gradient 0. A class outside `0..C` or listed twice is an error that names it. Lists need no
    /// order; where one is shorter, fill it up with log-probabilities of -inf: such a class has no part in the rest.
    ///
    /// The temperature is the student's alone: the teacher's log-probabilities are those at the one at which they were
    /// kept. The loss is not multiplied by `temperature^2`. Nothing is differentiated by the teacher. Where the `p_i`
    /// add up to more than 1, as rounded ones may, `p_rest` is 0. Where all classes are listed there is no rest, and
    /// what the `p_i` lack of 1 is added to the loss, so that it stays 0 or more. A class that the teacher has and
    /// whose logit is -inf costs infinity, and so does a rest that is all -inf. On a GPU lists have up to 1920 classes
    /// and take `8 k` bytes of memory for each row.
    ///
    /// Source: TRL's distillation from a teacher's top-k log-probabilities with a tail (`loss_add_tail`), in which the
    /// teacher's rest is at least 1e-7 of the whole and the student's is `1 - sum of q_i`; Arcee's DistillKit, which
    /// keeps such teachers on disk.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct TopKDistillation {
        /// What the student's logits are divided by; above 0.
        pub temperature: f32 = 1.0, ABOVE_ZERO;
        /// The label that marks a row as ignored.
        pub ignore_index: i64 = -100;
    }
}

inputs! {
    of TopKDistillation;
    differentiable {
        /// The student's logits.
        input: T = Features,
    }
    constant {
        /// The logarithm of the teacher's probability of each listed class.
        teacher_log_probs: T = Listed in NonPositive,
        /// The listed classes.
        teacher_classes: T = ListedClasses,
        /// A number for each row, which is ignored where that is `ignore_index`.
        labels: Option<T> = Marks,
    }
}

static DEFINITION: Definition = Definition {
    name: "top_k_distillation_loss",
    aliases: &[],
    summary: "Divergence of a student's softmax from a teacher's most probable classes and its rest.",
    formula: "sum over i of p_i log(p_i / q_i) + p_rest log(p_rest / q_rest), \
              p = exp(teacher_log_probs), q = softmax(input / temperature) at teacher_classes",
    inputs: INPUTS,
    arguments: &[
        "input",
        "teacher_log_probs",
        "teacher_classes",
        "labels",
        "temperature",
        "ignore_index",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader_with_options(concat!(
        include_str!("../../shaders/softmax.wgsl"),
        include_str!("../../shaders/rows/top_k_distillation_loss.wgsl")
    )),
};

impl Loss for TopKDistillation {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn sample(&self) -> Vec<Sample> {
        vec![
            Sample::floats("input", &[4], &[1.0, 0.5, 0.0, -1.0]),
            Sample::floats("teacher_log_probs", &[2], &[-0.5, -1.5]),
            Sample::integers("teacher_classes", &[2], &[0, 2], [0, 3]),
            Sample::integers("labels", &[], &[0], [0, 3]),
        ]
    }

    fn family(&self) -> Box<dyn Family + '_> {
        rows::family(self)
    }
}

/// What is known of a row once its first sums are.
#[derive(Clone, Copy)]
struct Parts {
    /// The teacher's rest.
    p: f32,
    log_p: f32,
    /// The sum of the listed ones.
    known: f32,
    /// What the teacher's parts add up to beyond 1.
    more: f32,
    /// Of the student's rest.
    log_q: f32,
    /// Of the rest of the student.
    log_listed: f32,
    /// Of the listed exponentials.
    log_sum: f32,
}

/// `log(q / p)`; classes that neither has do not differ.
#[inline(always)]
fn log_ratio(log_p: f32, log_q: f32) -> f32 {
    if log_q == log_p { 0.0 } else { log_q - log_p }
}

/// `(e^d - 1 - d) / d^2` for |d| <= 1: its series.
#[inline(always)]
fn remainder_of_exponential(d: f32) -> f32 {
    let high = ((2.755_732e-7 * d + 2.755_731_9e-6) * d + 2.480_158_8e-5) * d + 1.984_127e-4;
    let middle = (high * d + 1.388_888_9e-3) * d + 8.333_334e-3;
    ((middle * d + 4.166_666_8e-2) * d + 0.166_666_67) * d + 0.5
}

/// `p (e^d - 1 - d)`.
#[inline(always)]
fn term(p: f32, q: f32, d: f32) -> f32 {
    let near = p * (d * d * remainder_of_exponential(d));
    let far = (q - p) - numeric::silenced(p, d);
    if d.abs() < 1.0 { near } else { far }
}

/// `q - p`.
#[inline(always)]
fn difference(p: f32, q: f32, d: f32) -> f32 {
    let near = p * numeric::exp_m1(d);
    if d.abs() < 1.0 { near } else { q - p }
}

impl TopKDistillation {
    #[inline(always)]
    fn parts(&self, peaks: [f32; 3], sums: [f32; 8]) -> Parts {
        let [listed_peak, other_peak, highest] = peaks;
        let [a, at_a, b, at_b, below, at, _, not_listed] = sums;
        let (listed, others) = (a + at_a, b + at_b);
        let (log_sum, log_others) =
            (log_of_exponentials([a, at_a]), log_of_exponentials([b, at_b]));
        let between = (listed_peak - other_peak) / self.temperature + (log_sum - log_others);
        let all = listed + others;
        // The logarithm of the listed classes' odds, NaN where there is no class at all or one is NaN.
        let odds = if all.is_nan() || all == 0.0 {
            f32::NAN
        } else if listed == 0.0 {
            f32::NEG_INFINITY
        } else if others == 0.0 {
            f32::INFINITY
        } else {
            between
        };
        let at_peak = numeric::exp(highest);
        let missing = -numeric::exp_m1(highest) - (below + (at - 1.0) * at_peak);
        let known = below + at * at_peak;
        let has_rest = not_listed > 0.0;
        let p = if has_rest { numeric::max_nan(missing, 0.0) } else { 0.0 };
        let log_p = if known < 0.5 { numeric::ln_1p(-known) } else { numeric::ln(p) };
        Parts {
            p,
            log_p: if p == 0.0 { f32::NEG_INFINITY } else { log_p },
            known,
            more: numeric::max_nan(-missing, 0.0),
            log_q: -numeric::softplus(odds),
            log_listed: -numeric::softplus(-odds),
            log_sum: if listed == 0.0 { 0.0 } else { log_sum },
        }
    }

    #[inline(always)]
    fn log_q(&self, item: Item, peak: f32, parts: Parts) -> f32 {
        parts.log_listed - ((peak - item.first) / self.temperature + parts.log_sum)
    }
}

impl rows::Formula for TopKDistillation {
    /// Of the listed classes, of the others and of the teacher.
    type Peaks = [f32; 3];
    /// The exponentials of the listed classes and of the others, the teacher's probabilities without those at its
    /// peak, how many are there, the sum of the listed terms, and how many classes are not listed.
    type Sums = [f32; 8];
    const TWICE: bool = true;

    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        let temperature = f64::from(self.temperature);
        let classes = row.first.len();
        let log_q = log_softmax(&row.first.iter().map(|x| x / temperature).collect::<Vec<_>>());
        let (listed, others): (Vec<usize>, Vec<usize>) =
            (0..classes).partition(|&c| row.target[c] == 1.0);
        let log_p = row.second;
        let highest = listed.iter().copied().max_by(|&a, &b| log_p[a].total_cmp(&log_p[b]));
        let below = listed.iter().filter(|&&c| Some(c) != highest).map(|&c| log_p[c].exp());
        let below: f64 = below.sum();
        let missing = highest.map_or(1.0, |c| -log_p[c].exp_m1()) - below;
        let known = highest.map_or(0.0, |c| log_p[c].exp()) + below;
        let (p_rest, total) = match others.is_empty() {
            true => (0.0, known),
            false if missing < 0.0 => (0.0, known),
            false => (missing, 1.0),
        };
        let log_p_rest = if known < 0.5 { (-known).ln_1p() } else { p_rest.ln() };
        let largest = others.iter().map(|&c| log_q[c]).fold(f64::NEG_INFINITY, f64::max);
        let q_rest: f64 = others.iter().map(|&c| log_q[c].exp()).sum();
        let q_listed: f64 = listed.iter().map(|&c| log_q[c].exp()).sum();
        let log_q_rest = if q_listed < 0.5 {
            (-q_listed).ln_1p()
        } else if largest.is_finite() {
            largest + others.iter().map(|&c| (log_q[c] - largest).exp()).sum::<f64>().ln()
        } else {
            q_rest.ln()
        };
        let ratio = |log_p: f64, log_q: f64| if log_p == log_q { 0.0 } else { log_p - log_q };
        let mut loss = RowLoss::zeros(classes);
        let of_listed = listed.iter().map(|&c| product(log_p[c].exp(), ratio(log_p[c], log_q[c])));
        let mut all: Vec<f64> = of_listed.collect();
        if others.is_empty() {
            all.push(missing.max(0.0));
        } else {
            all.push(product(p_rest, ratio(log_p_rest, log_q_rest)));
        }
        loss.value = all.iter().sum();
        loss.size = all.iter().map(|term| term.abs()).sum();
        for c in listed {
            loss.slopes[0][c] = (total * log_q[c].exp() - log_p[c].exp()) / temperature;
        }
        // Of a rest near 1, what both lack of it.
        let of_rest = if known < 0.5 { known - q_listed } else { total * q_rest - p_rest };
        for c in others {
            let part =
                if log_q[c] == f64::NEG_INFINITY { 0.0 } else { (log_q[c] - log_q_rest).exp() };
            loss.slopes[0][c] = part * of_rest / temperature;
        }
        loss
    }

    #[inline(always)]
    fn peaks(&self, item: Item) -> [f32; 3] {
        let listed = [item.first, f32::MIN, item.second];
        let other = [f32::MIN, item.first, f32::MIN];
        if item.target == 1.0 { listed } else { other }
    }

    #[inline(always)]
    fn sums(&self, item: Item, _: &Row, [listed, other, highest]: [f32; 3]) -> [f32; 8] {
        let is_listed = item.target == 1.0;
        let own = if is_listed { listed } else { other };
        let [e, at] = exponentials((own - item.first) / self.temperature, item.first == own);
        let p = numeric::exp(item.second);
        let [below, highest] = if item.second == highest { [0.0, 1.0] } else { [p, 0.0] };
        let all = [e, at, 0.0, 0.0, below, highest, 0.0, 0.0];
        if is_listed { all } else { [0.0, 0.0, e, at, 0.0, 0.0, 0.0, 1.0] }
    }

    #[inline(always)]
    fn second_sums(&self, item: Item, _: &Row, peaks: [f32; 3], sums: [f32; 8]) -> [f32; 8] {
        let log_q = self.log_q(item, peaks[0], self.parts(peaks, sums));
        let d = log_ratio(item.second, log_q);
        let own = term(numeric::exp(item.second), numeric::exp(log_q), d);
        let own = if item.target == 1.0 { own } else { 0.0 };
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, own, 0.0]
    }

    #[inline(always)]
    fn moved(&self, sums: [f32; 8], lower: [f32; 3], higher: [f32; 3]) -> [f32; 8] {
        let [a, at_a, b, at_b, below, at, terms, not_listed] = sums;
        let way = |i: usize| (higher[i] - lower[i]) / self.temperature;
        let [a, at_a] = moved_exponentials([a, at_a], way(0));
        let [b, at_b] = moved_exponentials([b, at_b], way(1));
        let all = below + numeric::silenced(at, numeric::exp(lower[2]));
        let [below, at] = if higher[2] > lower[2] { [all, 0.0] } else { [below, at] };
        [a, at_a, b, at_b, below, at, terms, not_listed]
    }

    #[inline(always)]
    fn value(&self, _: &Row, peaks: [f32; 3], sums: [f32; 8]) -> f32 {
        let Parts { p, log_p, more, log_q, .. } = self.parts(peaks, sums);
        (sums[6] + term(p, numeric::exp(log_q), log_ratio(log_p, log_q))) + more
    }

    #[inline(always)]
    fn gradient(&self, item: Item, _: &Row, peaks: [f32; 3], sums: [f32; 8]) -> [f32; 4] {
        let parts = self.parts(peaks, sums);
        let is_listed = item.target == 1.0;
        let own = self.log_q(item, peaks[0], parts);
        let own_p = numeric::exp(item.second);
        let (log_q, log_p, p) =
            if is_listed { (own, item.second, own_p) } else { (parts.log_q, parts.log_p, parts.p) };
        let q = numeric::exp(log_q);
        let beside_rest = difference(p, q, log_ratio(log_p, log_q)) + q * parts.more;
        let by_part = if sums[7] > 0.0 { beside_rest } else { q * parts.known - p };
        let e = numeric::exp(-(peaks[1] - item.first) / self.temperature);
        let part = if e == 0.0 { 0.0 } else { e / (sums[2] + sums[3]) };
        let part = if is_listed { 1.0 } else { part };
        [part * by_part / self.temperature, 0.0, 0.0, 0.0]
    }
}
