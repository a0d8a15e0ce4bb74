// Bi-tempered logistic loss of a logit: the Bregman divergence of the tempered probabilities
// q and 1 - q from the label, the sum over both classes of
// y (log_1 y - log_1 q) - (y^(2 - temperature_1) - q^(2 - temperature_1)) / (2 - temperature_1).
// log_i u = (u^(1 - temperature_i) - 1) / (1 - temperature_i), exp_2 is the inverse of log_2, and
// q = exp_2(x - norm), 1 - q = exp_2(-norm), with the norm for which both add up to 1.
//
// x: any number, of at most 60 where temperature_2 is 1. t in [0, 1]: the label, 0 and 1 included.
// temperature_1 in [0, 1): below 1 the loss is bounded. temperature_2 >= 1: above 1 the tail is
// heavy. iterations: how often the norm is refined, 5 in the paper, 20 for all digits up to a
// temperature_2 of 2.
// The fixed point of the paper: with both logits divided by z^(temperature_2 - 1), exp_2 of them
// adds up to z, and each over z is its probability.
//
// Amid, Warmuth, Anil, Koren: Robust bi-tempered logistic loss based on Bregman divergences,
// NeurIPS 2019.
//
// Plot: t=1 temperature_1=0.8 temperature_2=1.2 iterations=20 from=-6 to=6

struct Parameters {
    temperature_1: f32,
    temperature_2: f32,
    iterations: i32,
}

fn tempered_exponential(u: f32, temperature: f32) -> f32 {
    if (temperature == 1.0) {
        return exp(u);
    }
    return pow(max(1.0 + (1.0 - temperature) * u, 0.0), 1.0 / (1.0 - temperature));
}

fn tempered_logarithm(u: f32, temperature: f32) -> f32 {
    return (pow(u, 1.0 - temperature) - 1.0) / (1.0 - temperature);
}

fn both(logits: vec2<f32>, temperature: f32) -> vec2<f32> {
    let first = tempered_exponential(logits.x, temperature);
    return vec2(first, tempered_exponential(logits.y, temperature));
}

fn tempered_probabilities(x: f32, c: Parameters) -> vec2<f32> {
    let logits = vec2(x, 0.0) - max(x, 0.0);
    var shares = both(logits, c.temperature_2);
    for (var i = 0; i < c.iterations; i++) {
        let z = shares.x + shares.y;
        shares = both(logits * pow(z, 1.0 - c.temperature_2), c.temperature_2);
    }
    return shares / (shares.x + shares.y);
}

fn divergence(y: f32, q: f32, temperature: f32) -> f32 {
    let order = 2.0 - temperature;
    let logarithms = tempered_logarithm(y, temperature) - tempered_logarithm(q, temperature);
    return y * logarithms - (pow(y, order) - pow(q, order)) / order;
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let q = tempered_probabilities(x, c);
    return divergence(t, q.x, c.temperature_1) + divergence(1.0 - t, q.y, c.temperature_1);
}
