// Two boxes, each by the corners (x1, y1) and (x2, y2), and what their losses have in common. A loss is
// a function of lengths along both axes, by which its slopes are taken; what these are by the corners is
// the same for all. Differences of coordinates come first and products after them: areas keep their
// digits wherever the boxes lie.

struct Boxes {
    extent: vec2<f32>,   // of the first box
    extent_t: vec2<f32>, // of the second one
    overlap: vec2<f32>,  // of the intersection, 0 unless both are above 0
    hull: vec2<f32>,     // of the smallest box around both
    centres: vec2<f32>,  // from the second one's centre to the first one's
    common_area: f32,    // of the intersection
    joint_area: f32,     // of the union
}

fn boxes_of(box: vec4<f32>, box_t: vec4<f32>) -> Boxes {
    let extent = box.zw - box.xy;
    let extent_t = box_t.zw - box_t.xy;
    let sides = min(box.zw, box_t.zw) - max(box.xy, box_t.xy);
    let overlap = select(vec2<f32>(), sides, (sides.x > 0.0) & (sides.y > 0.0));
    let hull = max(box.zw, box_t.zw) - min(box.xy, box_t.xy);
    let centres = 0.5 * ((box.xy - box_t.xy) + (box.zw - box_t.zw));
    let common_area = overlap.x * overlap.y;
    let areas = extent.x * extent.y + extent_t.x * extent_t.y;
    return Boxes(extent, extent_t, overlap, hull, centres, common_area, areas - common_area);
}

fn intersection_over_union(b: Boxes, eps: f32) -> f32 {
    return b.common_area / (b.joint_area + eps);
}

// The slopes of a loss by the lengths.
struct Slopes {
    extent: vec2<f32>,
    extent_t: vec2<f32>,
    overlap: vec2<f32>,
    hull: vec2<f32>,
    centres: vec2<f32>,
}

// Those of 1 - IoU plus something of which only the slope by the union is told.
fn slopes_of_areas(b: Boxes, eps: f32, by_union: f32) -> Slopes {
    let near = intersection_over_union(b, eps);
    let by_joint = near / (b.joint_area + eps) + by_union;
    let by_common = -1.0 / (b.joint_area + eps) - by_joint;
    return Slopes(
        by_joint * b.extent.yx,
        by_joint * b.extent_t.yx,
        by_common * b.overlap.yx,
        vec2<f32>(),
        vec2<f32>(),
    );
}

// The squared distance of the centres, in shares of the squared diagonal of the box around both.
fn distance_of_centres(b: Boxes, eps: f32) -> f32 {
    return dot(b.centres, b.centres) / (dot(b.hull, b.hull) + eps);
}

// The slopes of 1 - IoU plus that.
fn slopes_of_distance(b: Boxes, eps: f32) -> Slopes {
    let by_square = 2.0 / (dot(b.hull, b.hull) + eps);
    var slopes = slopes_of_areas(b, eps, 0.0);
    slopes.centres = by_square * b.centres;
    slopes.hull = -by_square * distance_of_centres(b, eps) * b.hull;
    return slopes;
}

// How much of the larger of two numbers is the first: half where they are equal.
fn share(x: vec2<f32>, y: vec2<f32>) -> vec2<f32> {
    let above = select(vec2<f32>(), vec2(0.5), x > y);
    return above + select(vec2<f32>(), vec2(0.5), x >= y);
}

// The slopes by the corners of both boxes.
fn by_corners(box: vec4<f32>, box_t: vec4<f32>, s: Slopes) -> mat2x4<f32> {
    let low = share(box.xy, box_t.xy);
    let high = share(box.zw, box_t.zw);
    let moved = 0.5 * s.centres;
    return mat2x4<f32>(
        vec4(
            moved - s.extent - mix(s.hull, s.overlap, low),
            moved + s.extent + mix(s.overlap, s.hull, high),
        ),
        vec4(
            -moved - s.extent_t - mix(s.overlap, s.hull, low),
            -moved + s.extent_t + mix(s.hull, s.overlap, high),
        ),
    );
}
