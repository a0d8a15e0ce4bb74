// Odds ratio: beta softplus(-d) with d = (c - log(1 - e^c)) - (r - log(1 - e^r)), for log-probabilities c and r
// of at most 0. 1 - e^x is taken from expm1, so that x near 0 keeps its digits, and for lower x through log1p.
// The slopes are -beta / m and beta (1 - e^c) / (1 - e^r) / m of m = (1 - e^c) + e^(c - r) (1 - e^r), which have no
// pole at c = 0: sigmoid(-d) / (1 - e^c) would be 0 / 0 there.

struct Parameters {
    beta: f32,
}

// 1 - e^x, where it is 0 without a sign.
fn rest(x: f32) -> f32 {
    let power = exponential_minus_one(x);
    return select(-power, 0.0, power == 0.0);
}

fn log_rest(x: f32) -> f32 {
    let near = logarithm(rest(x));
    return select(logarithm_one_plus(-exponential(x)), near, x > -LN_2);
}

fn value(c: f32, r: f32, o: Parameters) -> f32 {
    let d = (c - r) + (log_rest(r) - log_rest(c));
    return o.beta * softplus(-d);
}

fn gradient(c: f32, r: f32, o: Parameters) -> vec2<f32> {
    let not_c = rest(c);
    let not_r = rest(r);
    let both = not_c + exponential(c - r) * not_r;
    // Both 0, or one above it, is not.
    let defined = (not_c >= 0.0) & (not_r >= 0.0) & (not_c + not_r > 0.0);
    let slopes = vec2(-o.beta / both, o.beta * (not_c / not_r) / both);
    return select(vec2(not_a_number()), slopes, defined);
}
