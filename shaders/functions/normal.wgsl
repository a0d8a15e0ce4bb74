// The error function and the normal distribution on f32, for custom losses.

// scale e^(-rate a^2) for a >= 0, a rate of 1 or 1/2 and a scale from 0.3 to 1.2. The square of a's
// first 12 bits is exact, and what it lacks comes as another factor, less 1: a rounded square would
// cost an error of a^2 places.
fn exponential_of_square(a: f32, rate: f32, scale: f32) -> f32 {
    let b = min(a, 14.0);
    let first = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
    let reduced = reduced_exponent(-rate * (first * first));
    let rest = rate * ((b - first) * (b + first));
    let less = rest - rest * rest * exponential_core(-rest);
    let mantissa = exponential_of_remainder(reduced.remainder);
    return scaled((mantissa - mantissa * less) * scale, reduced.exponent_bits);
}

// e^(a^2) erfc a for a >= 0: a polynomial in (a - 2) / (a + 2) over 1 + 2 a, minimax.
fn scaled_complement(a: f32) -> f32 {
    let b = min(a, 1e18);
    let t = (b - 2.0) / (b + 2.0);
    var p = (-2.120868e-5 * t + 6.617474e-5) * t + 0.00022514725;
    p = ((p * t - 0.00036617366) * t - 0.0014692522) * t + 0.0012264216;
    p = ((p * t + 0.008728233) * t - 0.008023407) * t - 0.05422151;
    p = (((p * t + 0.1640504) * t - 0.1660302) * t - 0.092763826) * t + 1.2769784;
    return p / (1.0 + 2.0 * b);
}

// e^-x^2 2 / sqrt(pi), the slope of the error function.
fn error_function_slope(x: f32) -> f32 {
    return select(exponential_of_square(abs(x), 1.0, 1.1283792), x, is_nan(x));
}

// erf x for |x| <= 0.7, minimax.
fn error_function_core(x: f32) -> f32 {
    let z = x * x;
    var p = ((-0.00068886345 * z + 0.0051313695) * z - 0.026841842) * z + 0.112835;
    p = (p * z - 0.37612626) * z + 0.12837917;
    return x + x * p;
}

// erf x: past 0.7 1 - erfc. Of tiny numbers what the core adds to x might be denormal.
fn error_function(x: f32) -> f32 {
    let a = abs(x);
    let far = 1.0 - exponential_of_square(a, 1.0, 1.0) * scaled_complement(a);
    let near = select(error_function_core(a), a * 1.1283792, a < 1e-20);
    let size = select(far, near, a < 0.7);
    let sign_bit = bitcast<u32>(x) & 0x80000000u;
    return select(bitcast<f32>(bitcast<u32>(size) | sign_bit), x, is_nan(x));
}

// erfc x = 1 - erf x, relative to itself where it is small.
fn error_function_complement(x: f32) -> f32 {
    let a = abs(x);
    let tail = exponential_of_square(a, 1.0, 1.0) * scaled_complement(a);
    let far = select(tail, 2.0 - tail, x < 0.0);
    return select(select(far, 1.0 - error_function_core(x), a < 0.7), x, is_nan(x));
}

// The normal distribution's cumulative function for |x| <= 0.7.
fn normal_cdf_core(x: f32) -> f32 {
    return 0.5 + 0.5 * error_function_core(x * 0.70710677);
}

// e^(a^2 / 2) times what the normal distribution has beyond a >= 0: a polynomial in
// (a - sqrt 8) / (a + sqrt 8) over a + 1 / sqrt 2, minimax. Not by scaled_complement(a / sqrt 2), which
// would round twice more.
fn scaled_tail(a: f32) -> f32 {
    let b = min(a, 1e18);
    let t = (b - 2.828427) / (b + 2.828427);
    var p = ((-9.151822e-6 * t + 2.4504061e-5) * t + 8.523987e-5) * t - 0.00013240168;
    p = ((p * t - 0.0005267985) * t + 0.00043636185) * t + 0.0030903972;
    p = ((p * t - 0.002837759) * t - 0.019171476) * t + 0.058000706;
    p = ((p * t - 0.05870041) * t - 0.03279696) * t + 0.45148003;
    return p / (b + 0.70710677);
}

// What the normal distribution has beyond a >= 0.
fn normal_tail(a: f32) -> f32 {
    return exponential_of_square(a, 0.5, 1.0) * scaled_tail(a);
}

// e^(-x^2 / 2) / sqrt(2 pi).
fn normal_density(x: f32) -> f32 {
    return select(exponential_of_square(abs(x), 0.5, 0.3989423), x, is_nan(x));
}

// The normal distribution's cumulative function, relative to itself where it is small.
fn normal_cdf(x: f32) -> f32 {
    let a = abs(x);
    let tail = normal_tail(a);
    let far = select(1.0 - tail, tail, x < 0.0);
    return select(select(far, normal_cdf_core(x), a < 0.7), x, is_nan(x));
}

// Its logarithm: below 0 -x^2 / 2 and the logarithm of what that leaves, of one sign.
fn log_normal_cdf(x: f32) -> f32 {
    let a = abs(x);
    let is_near = a < 0.5;
    let below = logarithm(select(scaled_tail(a), normal_cdf_core(x), is_near));
    // Between 0.5 and 1.2 the tail's error would be the larger part.
    let d = min(a, 1.2) - 0.85;
    var p = (-0.00020735644 * d - 0.0016631117) * d + 0.0013583734;
    p = ((p * d + 0.048855804) * d - 0.20726852) * d + 0.34646878;
    p = p * d - 0.22022599;
    let above = select(logarithm_one_plus(-normal_tail(a)), p, a < 1.2);
    let far = select(above, below - 0.5 * a * a, x < 0.0);
    return select(select(far, below, is_near), x, is_nan(x));
}

// The slope of log_normal_cdf: normal_density over normal_cdf.
fn log_normal_cdf_slope(x: f32) -> f32 {
    let a = abs(x);
    let below = 0.3989423 / scaled_tail(a);
    let is_near = a < 0.7;
    let cdf = select(1.0 - normal_tail(a), normal_cdf_core(x), is_near);
    let above = exponential_of_square(a, 0.5, 0.3989423) / cdf;
    let is_below = (x < 0.0) & !is_near;
    return select(select(above, select(below, a, a > 1e18), is_below), x, is_nan(x));
}
