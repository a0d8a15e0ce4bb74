// Smooth L1: with d = |p - t|, d^2 / (2 beta) where d < beta, else d - beta / 2.
// With beta 0 no d is below it, and the loss is L1: the quotient by 0 is never chosen.

struct Parameters {
    beta: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = abs(p - t);
    return select(d - 0.5 * c.beta, 0.5 * d * (d / c.beta), d < c.beta);
}

fn gradient(p: f32, t: f32, c: Parameters) -> vec2<f32> {
    let d = p - t;
    let slope = select(sign_of(d), d / c.beta, abs(d) < c.beta);
    return vec2(slope, -slope);
}
