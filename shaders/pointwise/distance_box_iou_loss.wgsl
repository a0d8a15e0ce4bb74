// Distance box IoU: 1 - IoU + d^2 / (W^2 + H^2 + eps), d the distance of the centres and W and H the
// extents of the smallest box around both.

struct Parameters {
    eps: f32,
}

fn value(box: vec4<f32>, box_t: vec4<f32>, c: Parameters) -> f32 {
    let b = boxes_of(box, box_t);
    return (1.0 - intersection_over_union(b, c.eps)) + distance_of_centres(b, c.eps);
}

fn gradient(box: vec4<f32>, box_t: vec4<f32>, c: Parameters) -> mat2x4<f32> {
    let b = boxes_of(box, box_t);
    return by_corners(box, box_t, slopes_of_distance(b, c.eps));
}
