// Dice: 1 - (2 tp + s_n) / (a + b + s_d) with tp = sum of p y, a = sum of p^o, b = sum of y^o, o = 1 or, squared, 2;
// jaccard: 1 - (2 tp + s_n) / (2 (a + b - tp) + s_d). As a + b - 2 tp is the sum of p (1 - y) + (1 - p) y, or of
// (p - y)^2, both are the errors' part in overlap and errors.

// x: twice the intersection; y: the errors.
alias Sums = vec2<f32>;

struct Parameters {
    squared: u32,
    jaccard: u32,
    smooth_numerator: f32,
    smooth_denominator: f32,
}

// p - y; near 1 of the rests, which have more digits there.
fn difference(v: Voxel) -> f32 {
    return select(v.p - v.y, v.rest_y - v.rest_p, v.y > 0.5);
}

fn price(c: Parameters) -> f32 {
    return select(1.0, 2.0, c.jaccard == 1u);
}

fn sums(v: Voxel, c: Parameters) -> Sums {
    let d = difference(v);
    let errors = select(v.p * v.rest_y + v.rest_p * v.y, d * d, c.squared == 1u);
    return vec2(2.0 * v.p * v.y, price(c) * errors);
}

fn value(total: Sums, c: Parameters) -> f32 {
    return part_of_errors(smoothed(total, c.smooth_numerator, c.smooth_denominator));
}

fn factors(total: Sums, c: Parameters) -> Sums {
    return slopes_of_part(smoothed(total, c.smooth_numerator, c.smooth_denominator));
}

fn slopes(v: Voxel, by: Sums, c: Parameters) -> vec2<f32> {
    let d = 2.0 * difference(v);
    let errors = select(vec2(v.rest_y - v.y, v.rest_p - v.p), vec2(d, -d), c.squared == 1u);
    return 2.0 * by.x * vec2(v.y, v.p) + by.y * price(c) * errors;
}
