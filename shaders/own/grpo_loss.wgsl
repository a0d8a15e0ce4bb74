// Clipped policy gradient of a token or of a sequence: with the ratio r = e^d, d = log_probs - old_log_probs, and the
// advantage a it is -min(min(r, delta) a, clip(r, low, high) a), and the divergence from the reference is
// beta (e^k - k - 1) with k = reference_log_probs - log_probs, from expm1, so that a small k keeps its digits.
// An advantage of 0 silences even an infinite ratio.

struct Parameters {
    low: f32,
    high: f32,
    cap: f32,
    beta: f32,
}

// The value, and its slope by d: by both arguments of the minimum where they are equal, each of which is constant
// outside its bounds.
fn policy(d: f32, advantage: f32, o: Parameters) -> vec2<f32> {
    let r = exponential(d);
    let capped = silenced(advantage, minimum(r, o.cap));
    let clipped = silenced(advantage, clamped(r, o.low, o.high));
    let by_capped = select(0.0, r, r <= o.cap);
    let by_clipped = select(0.0, r, (r >= o.low) & (r <= o.high));
    let chosen = select(by_clipped, by_capped, capped < clipped);
    let slope = select(chosen, 0.5 * (by_capped + by_clipped), capped == clipped);
    let value = minimum(capped, clipped);
    return -vec2(value, select(silenced(advantage, slope), value, is_nan(value)));
}

// The value, and its slope by the token's log-probability.
fn divergence(log_prob: f32, reference: f32, o: Parameters) -> vec2<f32> {
    let k = reference - log_prob;
    let power = exponential_minus_one(k);
    return select(o.beta * vec2(power - k, -power), vec2<f32>(), o.beta == 0.0);
}
