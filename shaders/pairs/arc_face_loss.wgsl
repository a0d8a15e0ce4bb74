// ArcFace: the cosine of the target's angle widened by a margin, with the margin's cosine and sine in x and y; past
// half a turn the cosine less z. Where the angle is 0 or half a turn, what the slope multiplies is 0.

fn margin_of(cosine: f32, margin: vec3<f32>) -> vec2<f32> {
    let squared = (1.0 - cosine) * (1.0 + cosine);
    // NaN is neither above nor below.
    let sine = select(sqrt(squared), 0.0, squared <= 0.0);
    // Closer to the axis, an angle is no more than the rounding of its cosine.
    let slope = margin.x + select(margin.y * (cosine / sine), 0.0, squared < 0x1p-20f);
    let widened = vec2(cosine * margin.x - sine * margin.y, slope);
    return select(widened, vec2(cosine - margin.z, 1.0), cosine < -margin.x);
}
