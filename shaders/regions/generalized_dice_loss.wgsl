// Generalized Dice of an item: 1 - (2 sum of v_c tp_c + s_n) / (sum of v_c (sum of p + sum of y) + s_d), v_c the
// rarity of class c in the target. As p + y - 2 p y = p (1 - y) + (1 - p) y, it is the errors' part in overlap and
// errors.

// x: twice the intersection; y: the errors; z: the target.
alias Sums = vec3<f32>;

struct Parameters {
    weight_type: u32, // square, simple, uniform
    smooth_numerator: f32,
    smooth_denominator: f32,
}

fn sums(v: Voxel, c: Parameters) -> Sums {
    return vec3(2.0 * v.p * v.y, v.p * v.rest_y + v.rest_p * v.y, v.y);
}

// 0 where it is infinite.
fn importance(own: Sums, c: Parameters) -> f32 {
    let size = select(own.z, own.z * own.z, c.weight_type == 0u);
    let inverse = select(1.0 / size, 0.0, abs(size) < 0x1p-126f);
    return select(inverse, 1.0, c.weight_type == 2u);
}

fn value(total: Sums, c: Parameters) -> f32 {
    return part_of_errors(smoothed(total.xy, c.smooth_numerator, c.smooth_denominator));
}

fn factors(total: Sums, c: Parameters) -> Sums {
    return vec3(slopes_of_part(smoothed(total.xy, c.smooth_numerator, c.smooth_denominator)), 0.0);
}

fn slopes(v: Voxel, by: Sums, c: Parameters) -> vec2<f32> {
    return 2.0 * by.x * vec2(v.y, v.p) + by.y * vec2(v.rest_y - v.y, v.rest_p - v.p);
}
