// Evidential regression: the negative log likelihood of the normal-inverse-gamma distribution's marginal, a
// Student's t, and a penalty for evidence where the prediction is wrong: with o = 2 beta (1 + nu),
// log(pi / nu) / 2 - alpha log(o) + (alpha + 1/2) log((t - p)^2 nu + o) + log gamma(alpha)
// - log gamma(alpha + 1/2) + penalty |t - p| (2 nu + alpha).
//
// p, t: any numbers. nu > 0, alpha > 1, beta > 0: inputs, for each element its own. penalty >= 0: 0.01 in
// the paper.
// The powers of o are those of a ratio, and the logarithms of gamma one of beta.
//
// Amini, Schwarting, Soleimany, Rus: Deep evidential regression, NeurIPS 2020.
//
// Plot: nu=1 alpha=2 beta=1 penalty=0.01

struct Parameters {
    penalty: f32,
}

fn value(p: f32, nu: f32, alpha: f32, beta: f32, t: f32, c: Parameters) -> f32 {
    let d = t - p;
    let omega = 2.0 * beta * (1.0 + nu);
    let square = d * d * nu;
    let likelihood = log_beta(alpha, 0.5) + 0.5 * log((square + omega) / nu)
        + alpha * logarithm_one_plus(square / omega);
    return likelihood + c.penalty * abs(d) * (2.0 * nu + alpha);
}
