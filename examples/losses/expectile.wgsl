// Expectile: |tau - [t < p]| d^2 with d = t - p, the squared counterpart of the quantile loss.
//
// p, t: any numbers. tau in (0, 1): the expectile, 1/2 is half the squared error.
//
// Newey, Powell: Asymmetric least squares estimation and testing, 1987; the value function of
// implicit Q-learning (Kostrikov, Nair, Levine, 2021).
//
// Plot: tau=0.8

struct Parameters {
    tau: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let d = t - p;
    return select(c.tau, 1.0 - c.tau, d < 0.0) * d * d;
}
