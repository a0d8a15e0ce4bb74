// Charbonnier: sqrt(d^2 + epsilon^2) with d = p - t, an absolute value that is smooth at 0.
//
// p, t: any numbers. epsilon > 0: how far the curve reaches, usually 0.001.
// That is the length of the vector (d, epsilon).
//
// Charbonnier, Blanc-Feraud, Aubert, Barlaud: Two deterministic half-quadratic regularization
// algorithms for computed imaging, 1994.
//
// Plot: epsilon=0.1

struct Parameters {
    epsilon: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    return length(vec2(p - t, c.epsilon));
}
