// Generalized box IoU: 1 - IoU + (hull - union) / (hull + eps), all of them areas.

struct Parameters {
    eps: f32,
}

fn value(box: vec4<f32>, box_t: vec4<f32>, c: Parameters) -> f32 {
    let b = boxes_of(box, box_t);
    let hull = b.hull.x * b.hull.y;
    let near = intersection_over_union(b, c.eps);
    return (1.0 - near) + (hull - b.joint_area) / (hull + c.eps);
}

fn gradient(box: vec4<f32>, box_t: vec4<f32>, c: Parameters) -> mat2x4<f32> {
    let b = boxes_of(box, box_t);
    let hull = b.hull.x * b.hull.y + c.eps;
    var slopes = slopes_of_areas(b, c.eps, -1.0 / hull);
    slopes.hull = ((b.joint_area + c.eps) / hull) * (b.hull.yx / hull);
    return by_corners(box, box_t, slopes);
}
