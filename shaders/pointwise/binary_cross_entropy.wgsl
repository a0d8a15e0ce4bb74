// Binary cross entropy of a probability p: -(t max(log p, -100) + (1 - t) max(log(1 - p), -100)).
// log(1 - p) goes through log1p, so that small p keep their digits. Outside [0, 1] it is NaN.

fn value(p: f32, t: f32) -> f32 {
    let yes = maximum(logarithm(p), -100.0);
    let no = maximum(logarithm_one_plus(-p), -100.0);
    return -(t * yes + (1.0 - t) * no);
}

fn gradient(p: f32, t: f32) -> vec2<f32> {
    let slope = (p - t) / maximum(p * (1.0 - p), 1e-12);
    let by_target = logarithm_one_plus(-p) - logarithm(p);
    return vec2(select(not_a_number(), slope, p >= 0.0 && p <= 1.0), by_target);
}
