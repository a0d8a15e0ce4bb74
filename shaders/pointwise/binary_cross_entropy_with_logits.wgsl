// Binary cross entropy of a logit x: w y softplus(-x) + (1 - y) softplus(x), w the positive weight.

fn value(x: f32, y: f32, positive_weight: f32) -> f32 {
    return softplus_sum(x, positive_weight * y, 1.0 - y);
}

// By y: w softplus(-x) - softplus(x), written so that it is exactly -x for w = 1.
fn gradient(x: f32, y: f32, positive_weight: f32) -> vec2<f32> {
    let by_logit = sigmoid_difference(x, y, positive_weight);
    let by_target = silenced(positive_weight - 1.0, softplus(-x)) - x;
    return vec2(by_logit, by_target);
}
