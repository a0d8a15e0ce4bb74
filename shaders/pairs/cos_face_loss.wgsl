// CosFace: the cosine of the target less a margin.

fn margin_of(cosine: f32, margin: vec3<f32>) -> vec2<f32> {
    return vec2(cosine - margin.x, 1.0);
}
