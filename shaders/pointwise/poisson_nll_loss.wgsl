// Poisson negative log likelihood: exp(x) - t x of a log-rate, or x - t log(x + eps) of a rate; with
// `full`, Stirling's t log t - t + log(2 pi t) / 2 is added where t > 1.

struct Parameters {
    log_input: u32,
    full: u32,
    eps: f32,
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let of_log = exponential(x) - t * x;
    let of_rate = x - t * logarithm(x + c.eps);
    let stirling = t * logarithm(t) - t + 0.5 * logarithm(6.2831853 * t);
    let likelihood = select(of_rate, of_log, c.log_input != 0u);
    return likelihood + select(0.0, stirling, c.full != 0u && t > 1.0);
}

fn gradient(x: f32, t: f32, c: Parameters) -> vec2<f32> {
    let of_log = vec2(exponential(x) - t, -x);
    let of_rate = vec2(1.0 - t / (x + c.eps), -logarithm(x + c.eps));
    let stirling = select(0.0, logarithm(t) + 0.5 / t, c.full != 0u && t > 1.0);
    return select(of_rate, of_log, c.log_input != 0u) + vec2(0.0, stirling);
}
