// Squared logarithmic error: (log(1 + p) - log(1 + t))^2, which measures ratios of counts.
//
// p, t > -1, usually counts or prices from 0 on.
//
// The measure of many competitions; scikit-learn's mean_squared_log_error.
//
// Plot: t=1 from=-0.9 to=4

fn value(p: f32, t: f32) -> f32 {
    let d = logarithm_one_plus(p) - logarithm_one_plus(t);
    return d * d;
}
