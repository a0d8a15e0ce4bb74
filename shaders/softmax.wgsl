// What losses of a row's softmax have in common. Exponentials are relative to the row's peak, and those of
// the peaks, which are 1, are counted apart from others: the sum of two numbers, exponentials of others and
// peaks, keeps the digits of how far it is above 1. So log1p keeps the logarithm of a probability near 1,
// and what is missing from that probability is a quotient and no difference.

// Of a class so far below the peak.
fn exponentials(below: f32, at_peak: bool) -> vec2<f32> {
    let one = select(0.0, 1.0, at_peak);
    return vec2(exponential_below(below) - one, one);
}

// The same relative to a peak that is so far above.
fn moved_exponentials(s: vec2<f32>, way: f32) -> vec2<f32> {
    return select(s, vec2((s.x + s.y) * exponential_below(way), 0.0), way > 0.0);
}

// How far all are above 1.
fn above_one(s: vec2<f32>) -> f32 {
    return s.x + (s.y - 1.0);
}

fn log_of_exponentials(s: vec2<f32>) -> f32 {
    return logarithm_one_plus(above_one(s));
}

// The difference of two such logarithms: that of a quotient which is at least 1, so that nothing cancels.
fn log_ratio_of_exponentials(a: vec2<f32>, b: vec2<f32>) -> f32 {
    let more = above_one(a) - above_one(b);
    let size = logarithm_one_plus(abs(more) / (1.0 + min(above_one(a), above_one(b))));
    return select(size, -size, more < 0.0);
}

struct Probability {
    p: f32,
    miss: f32, // 1 - p
    cost: f32, // -log p
}

// Of a class so far below the peak, where all exponentials come to s, which are NaN if one is.
fn softmax_of(below: f32, at_peak: bool, s: vec2<f32>) -> Probability {
    let sum = s.x + s.y;
    let p = exponential_of_negative(-below) / sum;
    // Elsewhere p is at most 1/2.
    let miss = select(1.0 - p, above_one(s) / sum, at_peak);
    return Probability(p, miss, below + log_of_exponentials(s));
}
