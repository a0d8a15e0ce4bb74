// Focal Tversky: u^gamma with u = max(0, 1 - TI), TI = (tp + s_n) / (tp + alpha fp + beta fn + s_d). u is the priced
// errors' part in overlap and errors: 1 - TI would cancel, and a power below 1 lose more of it.

struct Parameters {
    alpha: f32,
    beta: f32,
    gamma: f32,
    smooth_numerator: f32,
    smooth_denominator: f32,
}

fn value(total: Sums, c: Parameters) -> f32 {
    return power(maximum(part_of_errors(own_sizes(total, c)), 0.0), c.gamma);
}

// 0 at u = 0, where a power below 1 has no slope.
fn factors(total: Sums, c: Parameters) -> Sums {
    let u = part_of_errors(own_sizes(total, c));
    let by_part = c.gamma * power(maximum(u, 0.0), c.gamma - 1.0);
    return select(by_part * slopes_of_part(own_sizes(total, c)), vec2<f32>(), u <= 0.0);
}
