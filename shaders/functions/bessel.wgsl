// The modified Bessel function of order 0 on f32, for custom losses: the normaliser of a distribution
// on the circle.

// e^-a I0(a) for a >= 0 but NaN, over a factor: up to 2 none, up to 8 e^(-a / 4), which leaves it flat,
// beyond 1 / sqrt(a). Minimax, of exact distances from the middles.
fn bessel_i0_core(a: f32) -> f32 {
    let d = min(a, 2.0) - 1.0;
    let s = min(a, 8.0) - 5.0;
    var n = ((0.012703908 * a - 0.060986172) * a + 0.18078236) * a - 0.41641253;
    n = (n * a + 0.74998) * a - 0.99999946;
    var m = ((-2.7256494e-5 * d + 0.00019039854) * d - 0.00084017834) * d + 0.003195917;
    m = ((m * d - 0.010757347) * d + 0.03120986) * d - 0.076267645;
    m = ((m * d + 0.15389416) * d - 0.2578492) * d + 0.4657596;
    var p = ((2.1248442e-10 * s - 7.875462e-10) * s + 2.0361957e-10) * s - 2.0669923e-8;
    p = ((p * s + 1.779757e-7) * s - 8.4670694e-7) * s + 4.4270228e-6;
    p = ((p * s - 2.0682415e-5) * s + 0.00016022506) * s + 0.0002760029;
    p = ((p * s + 0.0140129225) * s + 0.09185416) * s + 0.6406204;
    let y = 1.0 / max(a, 8.0);
    var q = (0.22591935 * y + 0.03862222) * y + 0.027773287;
    q = ((q * y + 0.028184816) * y + 0.049864672) * y + 0.3989423;
    let near = select(m, 1.0 + a * n, a < 0.5);
    return select(select(p, q, a > 8.0), near, a < 2.0);
}

// e^-a (I0(a) - I1(a)) for a >= 0 but NaN, over a factor: none, e^(-a / 2) or 1 / (a sqrt(a)).
fn bessel_difference_core(a: f32) -> f32 {
    let d = min(a, 2.0) - 1.0;
    let s = min(a, 8.0) - 5.0;
    var n = ((0.023395283 * a - 0.11150144) * a + 0.32522866) * a - 0.728673;
    n = (n * a + 1.2499605) * a - 1.4999989;
    var m = ((-5.5115674e-5 * d + 0.00036495784) * d - 0.0015563376) * d + 0.005804442;
    m = ((m * d - 0.01913344) * d + 0.053798474) * d - 0.124847725;
    m = ((m * d + 0.22880255) * d - 0.30778795) * d + 0.2578492;
    var p = ((8.939843e-11 * s - 7.0379563e-10) * s + 3.5193861e-9) * s - 2.7541079e-8;
    p = ((p * s + 2.0887151e-7) * s - 1.2306355e-6) * s + 7.776779e-6;
    p = ((p * s - 2.739314e-5) * s + 0.00028765324) * s + 0.00041094888;
    p = ((p * s + 0.012369485) * s + 0.041927695) * s + 0.2383937;
    let y = 1.0 / max(a, 8.0);
    var q = (-36.049454 * y + 30.684565) * y - 5.4340153;
    q = ((q * y + 0.7476417) * y + 0.07743017) * y + 0.07065468;
    q = (q * y + 0.07479748) * y + 0.19947115;
    let near = select(m, 1.0 + a * n, a < 0.5);
    return select(select(p, q, a > 8.0), near, a < 2.0);
}

// The factor: none up to 2, e^(rate a) up to 8, beyond this power of 1 / a.
fn bessel_factor(a: f32, rate: f32, power_of_reciprocal: f32) -> f32 {
    let factor = select(exponential_of_number(rate * a), power_of_reciprocal, a > 8.0);
    return select(factor, 1.0, a < 2.0);
}

// e^-a I0(a) for a >= 0. The reciprocal of a large number might be denormal, not that of its root.
fn scaled_bessel_i0(a: f32) -> f32 {
    return bessel_i0_core(a) * bessel_factor(a, -0.25, 1.0 / sqrt(max(a, 8.0)));
}

// e^-|x| I0(x).
fn bessel_i0e(x: f32) -> f32 {
    return select(scaled_bessel_i0(abs(x)), x, is_nan(x));
}

// Its slope: e^-|x| (I1(|x|) - I0(x)) with the sign of x, 0 at the kink.
fn bessel_i0e_slope(x: f32) -> f32 {
    let a = abs(x);
    let y = 1.0 / max(a, 8.0);
    let size = bessel_difference_core(a) * bessel_factor(a, -0.5, y * sqrt(y));
    return select(select(-size, size, x < 0.0), x, (x == 0.0) | is_nan(x));
}

// log(e^-|x| I0(x)): up to 2 -|x| and a polynomial.
fn log_bessel_i0e(x: f32) -> f32 {
    let a = abs(x);
    let z = a * a;
    var p = (-1.1898603e-8 * z + 2.8342737e-7) * z - 3.3702263e-6;
    p = ((p * z + 2.8940673e-5) * z - 0.00022161703) * z + 0.0017347987;
    p = (p * z - 0.015624637) * z + 0.24999997;
    let far = logarithm(scaled_bessel_i0(a));
    return select(select(far, z * p - a, a < 2.0), x, is_nan(x));
}

// Its slope: that of bessel_i0e over bessel_i0e.
fn log_bessel_i0e_slope(x: f32) -> f32 {
    let a = abs(x);
    let ratio = bessel_difference_core(a) / bessel_i0_core(a);
    let size = ratio * bessel_factor(a, -0.25, 1.0 / max(a, 8.0));
    return select(select(-size, size, x < 0.0), x, (x == 0.0) | is_nan(x));
}
