// Kullback-Leibler divergence of a target q from a log-probability x: q (log q - x), and for a
// target given as its logarithm y, exp(y) (y - x). A target of 0 contributes 0, x = -inf included.

struct Parameters {
    log_target: u32,
}

// Behind a select, through which no compiler reassociates: it would take the 1 of the slope by the
// target into the difference where nothing else needs that, and bits would depend on what is asked.
fn difference(log_q: f32, x: f32) -> f32 {
    return select(log_q - x, x, is_nan(x));
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let is_log = c.log_target != 0u;
    let q = select(t, exponential(t), is_log);
    let log_q = select(logarithm(t), t, is_log);
    return select(q * difference(log_q, x), 0.0, (q == 0.0) & !is_nan(x));
}

fn gradient(x: f32, t: f32, c: Parameters) -> vec2<f32> {
    let is_log = c.log_target != 0u;
    let q = select(t, exponential(t), is_log);
    let log_q = select(logarithm(t), t, is_log);
    let by_target = difference(log_q, x) + 1.0;
    let scaled = select(q * by_target, 0.0, (q == 0.0) & !is_nan(x));
    return vec2(-q, select(by_target, scaled, is_log));
}
