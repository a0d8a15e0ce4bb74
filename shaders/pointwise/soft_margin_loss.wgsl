// Soft margin: log(1 + exp(-t x)), as softplus, which overflows for no t x.

fn value(x: f32, t: f32) -> f32 {
    return softplus(-t * x);
}

fn gradient(x: f32, t: f32) -> vec2<f32> {
    let slope = -sigmoid(-t * x);
    return vec2(slope * t, slope * x);
}
