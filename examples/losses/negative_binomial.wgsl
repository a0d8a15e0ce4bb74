// Negative log likelihood of the negative binomial distribution, for counts that vary more than Poisson's:
// with mean p and dispersion r, log gamma(r) + log gamma(t + 1) - log gamma(t + r) + r log(1 + p / r)
// + t log(1 + r / p); the variance is p + p^2 / r.
//
// p > 0 and r > 0. t: counts, integers of any type.
// The three logarithms of gamma are one of beta, which keeps its digits: log beta(r, t + 1) + log(t + r).
//
// Lawless: Negative binomial and mixed Poisson regression, 1987.
//
// Plot: r=2 t=3 from=0.1 to=10

fn value(p: f32, r: f32, t: i32) -> f32 {
    let count = f32(t);
    let choices = log_beta(r, count + 1.0) + log(count + r);
    return choices + r * logarithm_one_plus(p / r) + silenced(count, logarithm_one_plus(r / p));
}
