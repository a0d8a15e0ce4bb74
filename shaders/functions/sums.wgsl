// Logarithms of sums of exponentials on f32, for custom losses.

// log(e^a + e^b), which a loop folds over as many numbers as there are: the larger one, and
// log(1 + e^-|a - b|). Equal infinities have no difference, but a sum.
fn log_sum_exp(a: f32, b: f32) -> f32 {
    let way = select(abs(a - b), 0.0, a == b);
    let sum = max(a, b) + logarithm_one_plus_unit(exponential_of_number(-way));
    return select(select(sum, b, is_nan(b)), a, is_nan(a));
}

// e^a / (e^a + e^b), the slope of log_sum_exp by a.
fn log_sum_exp_slope(a: f32, b: f32) -> f32 {
    return select(sigmoid(a - b), 0.5, (a == b) & !is_nan(a));
}
