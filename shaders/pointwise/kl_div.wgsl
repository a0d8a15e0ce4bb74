// Kullback-Leibler divergence of a target q from a log-probability x: q (log q - x), and for a
// target given as its logarithm y, exp(y) (y - x). A target of 0 contributes 0, x = -inf included.
// exp(y) is multiplied in as the root twice: where it is below the smallest number, its product with
// a large y - x need not be.

struct Parameters {
    log_target: u32,
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    if (c.log_target != 0u) {
        let root = exponential(0.5 * t);
        return select(root * (root * (t - x)), 0.0, root == 0.0 && !is_nan(x));
    }
    return select(t * (logarithm(t) - x), 0.0, t == 0.0 && !is_nan(x));
}

fn gradient(x: f32, t: f32, c: Parameters) -> vec2<f32> {
    if (c.log_target != 0u) {
        let root = exponential(0.5 * t);
        let scaled = root * (root * (t - x + 1.0));
        return vec2(-root * root, select(scaled, 0.0, root == 0.0 && !is_nan(x)));
    }
    return vec2(-t, logarithm(t) - x + 1.0);
}
