// Tweedie deviance of counts with a continuous size (a compound Poisson distribution):
// 2 (t^(2 - e) / ((1 - e) (2 - e)) - t p^(1 - e) / (1 - e) + p^(2 - e) / (2 - e)), e the exponent.
//
// p > 0: the predicted mean. t >= 0; the gradient by t is infinite at 0. exponent: the power of the
// variance, between 1 (Poisson) and 2 (gamma), both left out.
//
// Tweedie: An index which distinguishes between some important exponential families, 1984;
// scikit-learn's mean_tweedie_deviance, whose power is the exponent.
//
// Plot: t=1 exponent=1.5 from=0.05 to=4

struct Parameters {
    exponent: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let one = 1.0 - c.exponent;
    let two = 2.0 - c.exponent;
    return 2.0 * (pow(t, two) / (one * two) - t * pow(p, one) / one + pow(p, two) / two);
}
