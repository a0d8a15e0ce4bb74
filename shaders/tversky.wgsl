// The overlap of Tversky's index and its errors at their prices: tp, and alpha fp + beta fn, with tp, fp, fn the sums of
// p y, p (1 - y), (1 - p) y.

alias Sums = vec2<f32>;

fn sums(v: Voxel, c: Parameters) -> Sums {
    return vec2(v.p * v.y, c.alpha * (v.p * v.rest_y) + c.beta * (v.rest_p * v.y));
}

fn own_sizes(total: Sums, c: Parameters) -> vec2<f32> {
    return smoothed(total, c.smooth_numerator, c.smooth_denominator);
}

fn slopes(v: Voxel, by: Sums, c: Parameters) -> vec2<f32> {
    let errors = c.alpha * vec2(v.rest_y, -v.p) + c.beta * vec2(-v.y, v.rest_p);
    return by.x * vec2(v.y, v.p) + by.y * errors;
}
