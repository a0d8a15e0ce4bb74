// Gaussian negative log likelihood: (log v + (x - t)^2 / v) / 2 with v = max(variance, eps), whose
// gradient passes straight through the maximum; with `full`, log(2 pi) / 2 is added. A negative
// variance is NaN.

struct Parameters {
    full: u32,
    eps: f32,
}

fn clamped_variance(variance: f32, c: Parameters) -> f32 {
    return select(maximum(variance, c.eps), not_a_number(), variance < 0.0);
}

fn value(x: f32, t: f32, variance: f32, c: Parameters) -> f32 {
    let v = clamped_variance(variance, c);
    let d = x - t;
    let constant = select(0.0, 0.9189385, c.full != 0u);
    return 0.5 * (logarithm(v) + d * (d / v)) + constant;
}

fn gradient(x: f32, t: f32, variance: f32, c: Parameters) -> vec3<f32> {
    let v = clamped_variance(variance, c);
    let scaled = (x - t) / v;
    return vec3(scaled, -scaled, 0.5 / v - (0.5 * scaled) * scaled);
}
