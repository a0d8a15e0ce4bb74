// Binary cross entropy of a probability p: -(t max(log p, -100) + (1 - t) max(log(1 - p), -100)).
// log(1 - p) goes through log1p, so that small p keep their digits. Outside [0, 1] it is NaN.
// The slope by t is log(1 - p) - log p, which near 1/2 cancel: there it is 2 artanh(1 - 2 p) by its
// series, of a difference that is exact.

fn value(p: f32, t: f32) -> f32 {
    let yes = maximum(logarithm(p), -100.0);
    let no = maximum(logarithm_one_plus(-p), -100.0);
    return -(t * yes + (1.0 - t) * no);
}

fn gradient(p: f32, t: f32) -> vec2<f32> {
    let slope = (p - t) / maximum(p * (1.0 - p), 1e-12);
    let d = 1.0 - 2.0 * p;
    let z = d * d;
    let near = d * (((0.2857143 * z + 0.4) * z + 0.6666667) * z + 2.0);
    let by_target = select(logarithm_one_plus(-p) - logarithm(p), near, abs(d) < 0.125);
    return vec2(select(not_a_number(), slope, (p >= 0.0) & (p <= 1.0)), by_target);
}
