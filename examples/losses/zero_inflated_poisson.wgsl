// Negative log likelihood of counts of which some are 0 for another reason: with q = sigmoid(x), a 0 has the
// probability q + (1 - q) exp(-p), and another count t has (1 - q) exp(-p) p^t / t!.
//
// p > 0: the mean of the Poisson distribution. x: any number, the logit of the other reason. t: counts,
// integers of any type.
//
// Lambert: Zero-inflated Poisson regression, with an application to defects in manufacturing, 1992.
//
// Plot: x=-1 t=0 from=0.1 to=5

fn value(p: f32, x: f32, t: i32) -> f32 {
    if (t == 0) {
        return softplus(x) - log_sum_exp(x, -p);
    }
    let count = f32(t);
    return softplus(x) + p - count * log(p) + log_gamma(count + 1.0);
}
