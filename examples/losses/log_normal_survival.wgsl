// Accelerated failure time with a log-normal distribution: with z = (log(t) - p) / scale, an event at t costs
// log(t) + log(scale) + log(2 pi) / 2 + z^2 / 2, and one that had not happened by t, -log(1 - cdf(z)).
//
// p: any number, the predicted log time. scale > 0: an input. t > 0: when the event happened, or until
// when it had not. event: whether it did, a boolean.
//
// Wei: The accelerated failure time model, 1992.
//
// Plot: scale=1 t=1 event=1

const HALF_LOG_TWO_PI: f32 = 0.9189385;

fn value(p: f32, scale: f32, t: f32, event: bool) -> f32 {
    let z = (log(t) - p) / scale;
    if (event) {
        return log(t) + log(scale) + HALF_LOG_TWO_PI + 0.5 * z * z;
    }
    return -log_normal_cdf(-z);
}
