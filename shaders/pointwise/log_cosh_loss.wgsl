// log cosh(p - t): half the square near 0, the distance less log 2 far away.

fn value(p: f32, t: f32) -> f32 {
    return log_cosh(p - t);
}

fn gradient(p: f32, t: f32) -> vec2<f32> {
    let slope = hyperbolic_tangent(p - t);
    return vec2(slope, -slope);
}
