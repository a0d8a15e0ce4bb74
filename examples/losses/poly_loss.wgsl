// PolyLoss of a logit (Poly-N): with q the probability that x gives to the label,
// -log q + epsilon_1 (1 - q) + epsilon_2 (1 - q)^2 + epsilon_3 (1 - q)^3, up to `terms` of them:
// cross entropy with the first coefficients of its series in 1 - q changed. One term is Poly-1.
//
// x: any number. t: 1 or 0. terms: 0 to 3. epsilon_j >= -1 / j: what is added to a coefficient, 2
// for Poly-1 on ImageNet.
//
// Leng, Tan, Liu, Cubuk, Shi, Cheng, Anguelov: PolyLoss, ICLR 2022.
//
// Plot: t=1 terms=1 epsilon_1=2

struct Parameters {
    terms: i32,
    epsilon_1: f32,
    epsilon_2: f32,
    epsilon_3: f32,
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let toward_label = select(-x, x, t > 0.5);
    let miss = sigmoid(-toward_label);
    var epsilons = array<f32, 3>(c.epsilon_1, c.epsilon_2, c.epsilon_3);
    var added = 0.0;
    for (var j = min(c.terms, 3) - 1; j >= 0; j--) {
        added = (added + epsilons[j]) * miss;
    }
    return softplus(-toward_label) + added;
}
