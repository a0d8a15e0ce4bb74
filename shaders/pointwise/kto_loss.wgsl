// Preference without pairs, of z = beta (policy - reference - kl): desirable_weight sigmoid(-z) where the label is
// 1, undesirable_weight sigmoid(z) where it is 0, and NaN for any other label. sigmoid(-z) keeps small losses, of
// which 1 - sigmoid(z) would leave nothing.

struct Parameters {
    beta: f32,
    desirable_weight: f32,
    undesirable_weight: f32,
}

// What an answer weighs, and the sign that z has in its loss.
fn side(label: f32, o: Parameters) -> vec2<f32> {
    let other = select(not_a_number(), o.undesirable_weight, label == 0.0);
    return select(vec2(other, 1.0), vec2(o.desirable_weight, -1.0), label == 1.0);
}

fn value(policy: f32, reference: f32, label: f32, kl: f32, o: Parameters) -> f32 {
    let own = side(label, o);
    return own.x * sigmoid(own.y * (o.beta * ((policy - reference) - kl)));
}

fn gradient(policy: f32, reference: f32, label: f32, kl: f32, o: Parameters) -> vec2<f32> {
    let own = side(label, o);
    let z = o.beta * ((policy - reference) - kl);
    let slope = own.y * own.x * o.beta * (sigmoid(z) * sigmoid(-z));
    return vec2(slope, -slope);
}
