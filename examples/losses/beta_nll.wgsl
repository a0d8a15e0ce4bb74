// Negative log likelihood of the Beta distribution, for shares and probabilities:
// log beta(a, b) - (a - 1) log(t) - (b - 1) log(1 - t).
//
// a > 0 and b > 0: inputs, for each element its own. t in (0, 1).
//
// Ferrari, Cribari-Neto: Beta regression for modelling rates and proportions, 2004.
//
// Plot: b=2 t=0.3 from=0.1 to=6

fn value(a: f32, b: f32, t: f32) -> f32 {
    return log_beta(a, b) - (a - 1.0) * log(t) - (b - 1.0) * logarithm_one_plus(-t);
}
