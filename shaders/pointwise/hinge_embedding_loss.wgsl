// Hinge embedding: x where t is 1, max(0, margin - x) where it is -1, and both for any other t.

struct Parameters {
    margin: f32,
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let hinge = select(maximum(c.margin - x, 0.0), 0.0, t == 1.0);
    let own = select(x, 0.0, t == -1.0);
    return select(hinge + own, t, is_nan(t));
}

fn gradient(x: f32, t: f32, c: Parameters) -> f32 {
    let hinge = select(0.0, -1.0, (x < c.margin) & (t != 1.0));
    return hinge + select(1.0, 0.0, t == -1.0);
}
