// Pinball loss of a quantile q: max(q d, (q - 1) d) with d = t - p, and derivative 0 at d = 0.

struct Parameters {
    quantile: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = t - p;
    return select((c.quantile - 1.0) * d, c.quantile * d, d > 0.0);
}

fn gradient(p: f32, t: f32, c: Parameters) -> vec2<f32> {
    let d = t - p;
    let side = select(1.0 - c.quantile, -c.quantile, d > 0.0);
    let slope = select(side, d, (d == 0.0) | is_nan(d));
    return vec2(slope, -slope);
}
