// Huber: with d = |p - t|, d^2 / 2 where d <= delta, else delta (d - delta / 2).

struct Parameters {
    delta: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = abs(p - t);
    return select(c.delta * (d - 0.5 * c.delta), 0.5 * d * d, d <= c.delta);
}

fn gradient(p: f32, t: f32, c: Parameters) -> vec2<f32> {
    let slope = clamped(p - t, -c.delta, c.delta);
    return vec2(slope, -slope);
}
