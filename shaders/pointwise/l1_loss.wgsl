// L1: |p - t|, with derivative 0 at the kink and NaN where p - t is NaN.

fn value(p: f32, t: f32) -> f32 {
    return abs(p - t);
}

fn gradient(p: f32, t: f32) -> vec2<f32> {
    let slope = sign_of(p - t);
    return vec2(slope, -slope);
}
