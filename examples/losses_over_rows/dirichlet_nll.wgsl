// Negative log likelihood of shares under a Dirichlet distribution: sum of log gamma(alpha) - (alpha - 1) log t, less
// log gamma of the sum of alpha.
//
// alpha: concentrations above 0, a row for each example. t: shares above 0 that add up to 1.
//
// Minka: Estimating a Dirichlet distribution, 2000.

struct Item {
    alpha: f32,
    t: f32,
}

fn sums(item: Item) -> vec2<f32> {
    return vec2(item.alpha, log_gamma(item.alpha) - (item.alpha - 1.0) * log(item.t));
}

fn value(sums: vec2<f32>) -> f32 {
    return sums.y - log_gamma(sums.x);
}
