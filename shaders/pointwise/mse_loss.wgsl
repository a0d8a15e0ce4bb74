// Squared error: (p - t)^2.

fn value(p: f32, t: f32) -> f32 {
    let d = p - t;
    return d * d;
}

fn gradient(p: f32, t: f32) -> vec2<f32> {
    let slope = 2.0 * (p - t);
    return vec2(slope, -slope);
}
