//! What losses of a row's softmax have in common: the twin of `softmax.wgsl` and `softmax_pair.wgsl`.

use crate::cpu::numeric;
use crate::families::rows::Item;

/// The exponentials of a row relative to its peak: of others, and the number of peaks, whose own are 1.
pub(super) type Exponentials = [f32; 2];

/// Those of a class so far below the peak.
#[inline(always)]
pub(super) fn exponentials(below: f32, at_peak: bool) -> Exponentials {
    let one = if at_peak { 1.0 } else { 0.0 };
    [numeric::exp_of_negative(-below) - one, one]
}

/// The same relative to a peak that is so far above.
#[inline(always)]
pub(super) fn moved_exponentials([others, peaks]: Exponentials, way: f32) -> Exponentials {
    if way > 0.0 { [(others + peaks) * numeric::exp(-way), 0.0] } else { [others, peaks] }
}

#[inline(always)]
pub(super) fn log_of_exponentials([others, peaks]: Exponentials) -> f32 {
    numeric::ln_1p(others + (peaks - 1.0))
}

/// A class's probability `p`, `1 - p` and `-log p`.
#[derive(Clone, Copy)]
pub(super) struct Probability {
    pub(super) p: f32,
    pub(super) miss: f32,
    pub(super) cost: f32,
}

/// Of a class so far below the peak, where all exponentials come to these.
#[inline(always)]
pub(super) fn softmax_of(below: f32, at_peak: bool, all: Exponentials) -> Probability {
    let [others, peaks] = all;
    let sum = others + peaks;
    let p = numeric::exp_of_negative(-below) / sum;
    // Elsewhere p is at most 1/2.
    let miss = if at_peak { (others + (peaks - 1.0)) / sum } else { 1.0 - p };
    Probability { p, miss, cost: below + log_of_exponentials(all) }
}

/// How far the first and the second input are below their peaks.
#[inline(always)]
fn below_peaks(item: Item, [first, second]: [f32; 2], temperature: f32) -> [f32; 2] {
    [(first - item.first) / temperature, (second - item.second) / temperature]
}

#[inline(always)]
pub(super) fn are_at_peaks(item: Item, [first, second]: [f32; 2]) -> [bool; 2] {
    [item.first == first, item.second == second]
}

/// The exponentials of both inputs.
#[inline(always)]
pub(super) fn pair_of_exponentials(
    item: Item,
    peaks: [f32; 2],
    temperature: f32,
) -> [Exponentials; 2] {
    let [below, below_q] = below_peaks(item, peaks, temperature);
    let [at, at_q] = are_at_peaks(item, peaks);
    [exponentials(below, at), exponentials(below_q, at_q)]
}

#[inline(always)]
pub(super) fn moved_pair(
    [p, q]: [Exponentials; 2],
    lower: [f32; 2],
    higher: [f32; 2],
    temperature: f32,
) -> [Exponentials; 2] {
    let way = |i: usize| (higher[i] - lower[i]) / temperature;
    [moved_exponentials(p, way(0)), moved_exponentials(q, way(1))]
}

/// A class's probabilities `p` and `q` by two softmax distributions.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    pub(super) p: Probability,
    pub(super) q: Probability,
    /// `p - q`.
    pub(super) difference: f32,
    /// `log q - log p`.
    pub(super) log_ratio: f32,
}

/// Where all exponentials come to these. The logarithms are compared by the logits, not as quotients of
/// rounded probabilities; of a class that neither has they do not differ.
#[inline(always)]
pub(super) fn pair_at(
    item: Item,
    peaks: [f32; 2],
    all: [Exponentials; 2],
    temperature: f32,
) -> Pair {
    let [below, below_q] = below_peaks(item, peaks, temperature);
    let [at, at_q] = are_at_peaks(item, peaks);
    let (p, q) = (softmax_of(below, at, all[0]), softmax_of(below_q, at_q, all[1]));
    let difference = if p.p > 0.5 { q.miss - p.miss } else { p.p - q.p };
    let nearer = if below == below_q { 0.0 } else { below - below_q };
    let log_ratio = nearer + (log_of_exponentials(all[0]) - log_of_exponentials(all[1]));
    Pair { p, q, difference, log_ratio }
}
