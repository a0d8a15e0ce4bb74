// sinh, cosh, their inverses and the slope of tanh on f32, for custom losses.

// e^a / 2 for a >= 0 but NaN, up to where cosh overflows, later than e^a.
fn half_exponential(a: f32) -> f32 {
    let reduced = reduced_exponent(min(a, 89.5));
    let mantissa = exponential_of_remainder(reduced.remainder);
    return scaled(mantissa, reduced.exponent_bits - BITS_OF_SMALLEST_NORMAL);
}

// sinh x: (e^a - e^-a) / 2, below 1 a polynomial, as both would cancel.
fn hyperbolic_sine(x: f32) -> f32 {
    let a = abs(x);
    let z = a * a;
    let p = ((2.783925e-6 * z + 0.00019842635) * z + 0.008333311) * z + 0.16666667;
    let half = half_exponential(a);
    let size = select(half - 0.25 / half, a + a * z * p, a < 1.0);
    let sign_bit = bitcast<u32>(x) & 0x80000000u;
    return select(bitcast<f32>(bitcast<u32>(size) | sign_bit), x, is_nan(x));
}

// cosh x.
fn hyperbolic_cosine(x: f32) -> f32 {
    let half = half_exponential(abs(x));
    return select(half + 0.25 / half, x, is_nan(x));
}

// 4 e / (1 + e)^2 of e = e^-2|x|: the slope of tanh, relative to itself where 1 - tanh^2 cancels.
fn hyperbolic_tangent_slope(x: f32) -> f32 {
    let reduced = reduced_exponent(-2.0 * abs(x));
    let mantissa = exponential_of_remainder(reduced.remainder);
    // The factor 4 in the exponent, so that the numerator does not vanish before the slope.
    let above = scaled(mantissa, reduced.exponent_bits + 0x01000000);
    let e = 0.25 * above;
    return select(above / (1.0 + e * (2.0 + e)), x, is_nan(x));
}

// asinh x: log(1 + u) of u = a + a^2 / (1 + sqrt(1 + a^2)), all of one sign; far out log(2 a).
fn inverse_hyperbolic_sine(x: f32) -> f32 {
    let a = abs(x);
    let far = a > 1073741824.0;
    let square = a * a;
    let u = a + square / (1.0 + sqrt(1.0 + square));
    let size = logarithm_one_plus(select(u, a, far)) + select(0.0, LN_2, far);
    let sign_bit = bitcast<u32>(x) & 0x80000000u;
    return select(bitcast<f32>(bitcast<u32>(size) | sign_bit), x, is_nan(x));
}

// sqrt(x^2 + 1), which does not overflow: asinh's slope is 1 over it.
fn root_of_square_and_one(x: f32) -> f32 {
    let a = abs(x);
    return select(sqrt(a * a + 1.0), a, a > 1073741824.0);
}

// acosh x: log(1 + u) of u = t + sqrt(t (t + 2)), t = x - 1.
fn inverse_hyperbolic_cosine(x: f32) -> f32 {
    let far = x > 1073741824.0;
    let t = max(x - 1.0, 0.0);
    let u = t + sqrt(t * (t + 2.0));
    let result = logarithm_one_plus(select(u, x, far)) + select(0.0, LN_2, far);
    return select(result, not_a_number(), (x < 1.0) | is_nan(x));
}

// atanh x: log(1 + 2 a / (1 - a)) / 2.
fn inverse_hyperbolic_tangent(x: f32) -> f32 {
    let a = abs(x);
    let half = 0.5 * logarithm_one_plus(2.0 * a / select(1.0 - a, 1.0, a >= 1.0));
    let size = select(half, infinity(), a == 1.0);
    let sign_bit = bitcast<u32>(x) & 0x80000000u;
    let signed_size = bitcast<f32>(bitcast<u32>(size) | sign_bit);
    return select(signed_size, not_a_number(), (bitcast<u32>(x) & 0x7fffffffu) > 0x3f800000u);
}
