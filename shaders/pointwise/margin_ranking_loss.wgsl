// Margin ranking: max(0, margin - t (a - b)), with derivative 0 at the kink.

struct Parameters {
    margin: f32,
}

fn value(a: f32, b: f32, t: f32, c: Parameters) -> f32 {
    return maximum(c.margin - t * (a - b), 0.0);
}

fn gradient(a: f32, b: f32, t: f32, c: Parameters) -> vec3<f32> {
    let slope = vec3(-t, t, b - a);
    return select(vec3<f32>(), slope, c.margin - t * (a - b) > 0.0);
}
