// Preference by a margin: (1 - e) softplus(-z) + e softplus(z) of z = beta (c - r) - gamma.

struct Parameters {
    beta: f32,
    gamma: f32,
    label_smoothing: f32,
}

fn value(c: f32, r: f32, o: Parameters) -> f32 {
    let z = o.beta * (c - r) - o.gamma;
    return softplus_sum(z, 1.0 - o.label_smoothing, o.label_smoothing);
}

fn gradient(c: f32, r: f32, o: Parameters) -> vec2<f32> {
    let z = o.beta * (c - r) - o.gamma;
    let slope = o.beta * softplus_sum_slope(z, 1.0 - o.label_smoothing, o.label_smoothing);
    return vec2(slope, -slope);
}
