// Binary cross entropy of a logit x: w y softplus(-x) + (1 - y) softplus(x), w the positive weight.
// No term cancels another, and both softplus share log1p(exp(-|x|)). A factor of 0 silences its
// term even where softplus is infinite.

fn value(x: f32, y: f32, positive_weight: f32) -> f32 {
    let tail = logarithm_one_plus(exponential(-abs(x)));
    let yes = max(-x, 0.0) + tail;
    let no = max(x, 0.0) + tail;
    return silenced(positive_weight * y, yes) + silenced(1.0 - y, no);
}

// By y: w softplus(-x) - softplus(x), written so that it is exactly -x for w = 1.
fn gradient(x: f32, y: f32, positive_weight: f32) -> vec2<f32> {
    let by_logit = sigmoid_difference(x, y, positive_weight);
    let by_target = silenced(positive_weight - 1.0, softplus(-x)) - x;
    return vec2(by_logit, by_target);
}
