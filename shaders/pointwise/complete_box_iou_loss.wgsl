// Complete box IoU: 1 - IoU + d^2 / (W^2 + H^2 + eps), as distance box IoU, + a v with the difference of
// the shapes v = (4 / pi^2) (atan(w_t / h_t) - atan(w / h))^2 and its weight a = v / (1 - IoU + v + eps),
// which counts as constant.

const SHAPES: f32 = 0.40528473; // 4 / pi^2

struct Parameters {
    eps: f32,
}

// atan(w / h), and its slopes by w and h: h / (w^2 + h^2) and -w / (w^2 + h^2). By the quotient q of the
// smaller extent and the larger one: nothing divides by 0, and no square overflows or vanishes. A point
// has 0 and no slopes; those of a width over no height are NaN, as the quotient's.
struct Shape {
    angle: f32,
    slopes: vec2<f32>,
}

fn shape_of(extent: vec2<f32>) -> Shape {
    let is_wide = abs(extent.x) > abs(extent.y);
    let sides = select(extent.xy, extent.yx, is_wide);
    let is_point = sides.y == 0.0;
    let larger = select(sides.y, 1.0, is_point);
    let q = sides.x / larger;
    let angle = arctangent(q);
    let turn = select(-HALF_PI, HALF_PI, (extent.x < 0.0) == (extent.y < 0.0));
    let unit = select(1.0 / (larger * (1.0 + q * q)), 0.0, is_point);
    let slopes = select(vec2(unit, -q * unit), vec2(q * unit, -unit), is_wide);
    let is_flat = is_wide & (extent.y == 0.0);
    return Shape(
        select(angle, turn - angle, is_wide),
        select(slopes, vec2(not_a_number()), is_flat),
    );
}

fn value(box: vec4<f32>, box_t: vec4<f32>, c: Parameters) -> f32 {
    let b = boxes_of(box, box_t);
    let apart = 1.0 - intersection_over_union(b, c.eps);
    let turn = shape_of(b.extent_t).angle - shape_of(b.extent).angle;
    let v = SHAPES * turn * turn;
    // Without a difference there is no weight either, also where nothing else differs and eps is 0.
    let weighted = select(v * (v / (apart + v + c.eps)), 0.0, v == 0.0);
    return apart + distance_of_centres(b, c.eps) + weighted;
}

fn gradient(box: vec4<f32>, box_t: vec4<f32>, c: Parameters) -> mat2x4<f32> {
    let b = boxes_of(box, box_t);
    let apart = 1.0 - intersection_over_union(b, c.eps);
    let own = shape_of(b.extent);
    let other = shape_of(b.extent_t);
    let turn = other.angle - own.angle;
    let v = SHAPES * turn * turn;
    let by_turn = select((v / (apart + v + c.eps)) * (2.0 * SHAPES * turn), 0.0, v == 0.0);
    var slopes = slopes_of_distance(b, c.eps);
    slopes.extent -= by_turn * own.slopes;
    slopes.extent_t += by_turn * other.slopes;
    return by_corners(box, box_t, slopes);
}
