// Negative log likelihood of Student's t distribution, whose heavy tails forgive outliers:
// with z = (p - t) / scale and f = freedom, log(scale) + (f + 1) / 2 log(1 + z^2 / f)
// + log gamma(f / 2) - log gamma((f + 1) / 2) + log(f pi) / 2.
//
// p, t: any numbers. scale > 0 and freedom > 0: inputs, for each element its own.
//
// Lange, Little, Taylor: Robust statistical modeling using the t distribution, 1989.
//
// Plot: scale=1 freedom=3

const LOG_PI: f32 = 1.1447299;

fn value(p: f32, t: f32, scale: f32, freedom: f32) -> f32 {
    let z = (p - t) / scale;
    let kernel = 0.5 * (freedom + 1.0) * logarithm_one_plus(z * z / freedom);
    let normalisation = log_gamma(0.5 * freedom) - log_gamma(0.5 * freedom + 0.5);
    return log(scale) + kernel + normalisation + 0.5 * (LOG_PI + log(freedom));
}
