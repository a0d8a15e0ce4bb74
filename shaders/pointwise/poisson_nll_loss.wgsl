// Poisson negative log likelihood: exp(x) - t x of a log-rate, or x - t log(x + eps) of a rate; with
// `full`, Stirling's t log t - t + log(2 pi t) / 2 is added where t > 1.
// What cancels at a natural place is taken as a difference from there: exp(x) - t at x = 0 and t = 1,
// log(x + eps) at x = 1, where the sum would round eps, and 1 - t / (x + eps) at t = x.

struct Parameters {
    log_input: u32,
    full: u32,
    eps: f32,
}

// The 1 stands behind a select, through which no compiler reassociates. An eps of 0 is not added, as
// a sum may lose a denormal rate.
fn log_rate(x: f32, c: Parameters) -> f32 {
    let near = abs(x - 1.0) < 0.5;
    let start = select(x, x - 1.0, near);
    let sum = select(start + c.eps, start, c.eps == 0.0);
    return select(logarithm(sum), logarithm_one_plus(sum), near);
}

fn log_rate_slope(x: f32, t: f32) -> f32 {
    let near = abs(x) < 0.25;
    return select(exponential(x), exponential_minus_one(x), near) - select(t, t - 1.0, near);
}

fn rate_slope(x: f32, t: f32, c: Parameters) -> f32 {
    let rate = x + c.eps;
    let near = abs(x - t) < 0.5 * rate;
    return select(1.0, 0.0, near) + select(-t, (x - t) + c.eps, near) / rate;
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let of_log = exponential(x) - t * x;
    let of_rate = x - t * log_rate(x, c);
    let stirling = t * logarithm(t) - t + 0.5 * logarithm(6.2831853 * t);
    let likelihood = select(of_rate, of_log, c.log_input != 0u);
    return likelihood + select(0.0, stirling, (c.full != 0u) & (t > 1.0));
}

fn gradient(x: f32, t: f32, c: Parameters) -> vec2<f32> {
    let of_log = vec2(log_rate_slope(x, t), -x);
    let of_rate = vec2(rate_slope(x, t, c), -log_rate(x, c));
    let stirling = select(0.0, logarithm(t) + 0.5 / t, (c.full != 0u) & (t > 1.0));
    return select(of_rate, of_log, c.log_input != 0u) + vec2(0.0, stirling);
}
