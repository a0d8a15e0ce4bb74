// Quality focal loss of a logit against a soft label: with q = sigmoid(x),
// |t - q|^beta (t softplus(-x) + (1 - t) softplus(x)).
//
// x: any number. t in [0, 1]: the quality of a box, such as its overlap with the truth. beta >= 1:
// how much easy examples count less, 2 in the paper.
// t - q is t (1 - q) - (1 - t) q with 1 - q = sigmoid(-x), which keeps its digits near 1.
//
// Li, Wang, Wu, Chen, Hu, Li, Tang, Yang: Generalized focal loss, NeurIPS 2020.
//
// Plot: t=0.5 beta=2

struct Parameters {
    beta: f32,
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let miss = abs(t * sigmoid(-x) - (1.0 - t) * sigmoid(x));
    return pow(miss, c.beta) * (t * softplus(-x) + (1.0 - t) * softplus(x));
}
