// The logarithm of the gamma function, what it is the integral of, and the beta function on f32, for
// custom losses. Below 0 by reflection.

// The logarithm of gamma(1 + u) over u (u - 1), for u from -1/2 to 3/2, minimax.
fn log_gamma_core(u: f32) -> f32 {
    let s = u - 0.5;
    var p = (0.00051593204 * s - 0.00038468445) * s - 0.0014044724;
    p = ((p * s + 0.000433462) * s + 0.0024870008) * s - 0.00091925036;
    p = ((p * s - 0.0010981641) * s - 0.0009855173) * s + 0.0027802582;
    p = ((p * s - 0.003238121) * s + 0.0052181105) * s - 0.009425741;
    p = ((p * s + 0.016827777) * s - 0.031308282) * s + 0.0629098;
    return (p * s - 0.1459599) * s + 0.48312896;
}

// What Stirling's formula lacks, times a >= 8; z is 1 / a^2.
fn stirling_rest(z: f32) -> f32 {
    return (0.00085545157 * z - 0.0027789013) * z + 0.083333336;
}

// |sin(pi a)| / pi: of the distance from the next integer, which is exact, minimax.
fn sine_of_half_turns(a: f32) -> f32 {
    let d = abs(a - round(a));
    let z = d * d;
    var p = (-0.0022146916 * z + 0.02610443) * z - 0.19074535;
    p = (p * z + 0.811742) * z - 1.644934;
    return d + d * z * p;
}

// log |gamma(x)|. Around 1 and 2, where it is 0, it is a multiple of the exact distances from them; up
// to 8 the argument is lowered to there, beyond it is Stirling's formula. Of negative x it is
// log(pi / |sin(pi x)|) - log gamma(1 - x).
fn log_gamma(x: f32) -> f32 {
    let a = abs(x);
    let small = a < 0.5;
    let far = a >= 8.0;
    let steps = clamp(ceil(a - 2.5), 0.0, 6.0);
    let low = a - steps;
    var product = select(1.0, low, steps > 0.5);
    product *= select(1.0, low + 1.0, steps > 1.5);
    product *= select(1.0, low + 2.0, steps > 2.5);
    product *= select(1.0, low + 3.0, steps > 3.5);
    product *= select(1.0, low + 4.0, steps > 4.5);
    product *= select(1.0, low + 5.0, steps > 5.5);
    let u = select(low - 1.0, a, small);
    let core = u * (u - 1.0) * log_gamma_core(u);
    let logarithm_of = logarithm(select(product, a, small | far));
    let reciprocal = 1.0 / a;
    let near = core + select(logarithm_of, -logarithm_of, small);
    let stirling = (a - 0.5) * (logarithm_of - 1.0)
        + (0.4189385 + stirling_rest(reciprocal * reciprocal) * reciprocal);
    let positive = select(near, stirling, far);
    let turned = logarithm(sine_of_half_turns(a) * select(a, 1.0, small));
    let negative = select(-turned - select(positive, core, small), infinity(), a >= 8388608.0);
    return select(select(positive, negative, x < 0.0), x, is_nan(x));
}

// The derivative of log_gamma. Around its root at 1.4616 a multiple of the distance from it, from 2 on
// by its asymptotic series, below 1 as that of x + 1 less 1 / x. Of negative x by reflection.
fn digamma(x: f32) -> f32 {
    let a = abs(x);
    let small = a < 1.0;
    let far = a >= 2.0;
    let u = select(a - 1.0, a, small);
    let s = u - 0.5;
    var p = (0.009238339 * s - 0.015806474) * s + 0.018277595;
    p = ((p * s - 0.026102372) * s + 0.040558595) * s - 0.061998144;
    p = ((p * s + 0.095015585) * s - 0.14840268) * s + 0.24054132;
    p = (p * s - 0.42362744) * s + 0.9510559;
    // The root is 1 more than 0.46163213 + 1.24e-8. The max never acts: nobody may add those first.
    let core = (max(u - 0.46163213, -2.0) - 1.243815e-8) * p;
    let reciprocal = 1.0 / a;
    let z = reciprocal * reciprocal;
    let series = ((0.0018283641 * z - 0.0035611824) * z + 0.008300086) * z - 0.08333239;
    let beyond = logarithm(a) - (0.5 * reciprocal - z * series);
    let at = select(core, beyond, far);
    let positive = select(at, core - reciprocal, small);
    let d = a - round(a);
    let quotient = sine_of_half_turns(abs(d) + 0.5) / sine_of_half_turns(abs(d));
    let slope = select(3.1415927, -3.1415927, d < 0.0) * quotient;
    let above = select(at + reciprocal, core, small);
    let negative = select(above + slope, not_a_number(), d == 0.0);
    let pole = bitcast<f32>((bitcast<u32>(x) & 0x80000000u) ^ bitcast<u32>(-infinity()));
    let value = select(select(positive, negative, x < 0.0), pole, a == 0.0);
    return select(value, x, is_nan(x));
}

// The derivative of digamma, of terms of one sign where x is positive.
fn trigamma(x: f32) -> f32 {
    let a = abs(x);
    let small = a < 1.0;
    let u = select(a - 1.0, a, small);
    let s = u - 0.5;
    var p = ((-0.0024362353 * s + 0.0054730363) * s - 0.010948922) * s + 0.02402459;
    p = (((p * s - 0.052294265) * s + 0.111957006) * s - 0.23620404) * s + 0.49035773;
    let reciprocal = 1.0 / a;
    let square = reciprocal * reciprocal;
    let next = 1.0 / (1.0 + a);
    // That of 1 + a.
    let core = p + select(0.0, next * next, small);
    let z = square;
    let series =
        (((0.01681963 * z - 0.023281751) * z + 0.022822637) * z - 0.033286866) * z + 0.16666593;
    let beyond = reciprocal + (0.5 * z + series * z * reciprocal);
    let positive = select(core + square, beyond, a >= 2.0);
    let above = select(core, beyond - square, a >= 2.0);
    let turned = sine_of_half_turns(a);
    // The square of a tiny one vanishes before its reciprocal overflows.
    let turns = select(1.0 / (turned * turned), square, a < 1e-9);
    let negative = select(turns - above, infinity(), a >= 8388608.0);
    return select(select(positive, negative, x < 0.0), x, is_nan(x));
}

// log gamma(large) - log gamma(small + large) for large >= 8, by Stirling's formula. Of a tiny ratio,
// which might be denormal, the product with large is small.
fn log_gamma_difference(small: f32, large: f32) -> f32 {
    let sum = small + large;
    let by = vec2(1.0 / large, 1.0 / sum);
    let rests = stirling_rest(by.x * by.x) * by.x - stirling_rest(by.y * by.y) * by.y;
    let ratio = small / large;
    let product = select((large - 0.5) * logarithm_one_plus(ratio), small, (ratio < 1e-20) & is_finite(large));
    return rests - product - small * (logarithm(sum) - 1.0);
}

// log beta(a, b) = log gamma(a) + log gamma(b) - log gamma(a + b) for positive a and b. Where one is 8 or
// more, what Stirling's formulas have in both is left out.
fn log_beta(a: f32, b: f32) -> f32 {
    let small = min(a, b);
    let large = max(a, b);
    let sum = small + large;
    let both_far = small >= 8.0;
    let far = large >= 8.0;
    let rest = select(log_gamma(large) - log_gamma(sum), log_gamma_difference(small, large), far);
    let mixed = log_gamma(small) + rest;
    let by = vec3(1.0 / small, 1.0 / large, 1.0 / sum);
    let rests = stirling_rest(by.x * by.x) * by.x + stirling_rest(by.y * by.y) * by.y
        - stirling_rest(by.z * by.z) * by.z;
    // small / sum by its logarithm, as the sum may overflow. Both below 2^126, past which division
    // may fail.
    let ratio = (0.25 * small) / (0.25 * large);
    let more = logarithm_one_plus(ratio);
    let share = (small - 0.5) * (logarithm(ratio) - more) - large * more;
    let stirling = share - 0.5 * logarithm(large) + (0.9189385 + rests);
    let value = select(mixed, stirling, both_far);
    let undefined = is_nan(a) | is_nan(b) | (small < 0.0);
    return select(select(value, infinity(), small == 0.0), not_a_number(), undefined);
}

// digamma(a + b) - digamma(a) for positive a and b: b / ((a + k) (a + b + k)) for the first k, all of
// one sign, and what the asymptotic series from a + 8 on differ by. A tiny b is raised by 2^40, as each
// of the terms might be denormal and their sum not; with a tiny a the first one is the sum. What divides
// stays below 2^126, past which division may fail.
fn digamma_difference(a: f32, b: f32) -> f32 {
    let c = a + b;
    let lift = select(1.0, 1099511627776.0, (b < 1e-25) & (a > 1e-5));
    let scale = select(1.0, 0.25, c > 1e37);
    let scaled_b = b * lift * scale;
    var sum = scaled_b / (c * scale) / abs(a);
    for (var k = 1; k < 8; k++) {
        sum += scaled_b / ((c + f32(k)) * scale) / (a + f32(k));
    }
    let low = a + 8.0;
    let high = c + 8.0;
    let by = vec2(1.0 / low, 1.0 / high);
    let share = scaled_b / (high * scale) * by.x;
    let squares = by * by;
    // z series(z) of both: their difference has the factor by.x^2 - by.y^2 = share (by.x + by.y).
    let both = share * (by.x + by.y);
    let series = 0.083333336 - 0.008333334 * (squares.x + squares.y);
    let far = logarithm_one_plus(b * lift / low) + (0.5 * share + both * series);
    let undefined = is_nan(a) | is_nan(b) | (a < 0.0) | (b < 0.0);
    return select((sum + far) / lift, not_a_number(), undefined);
}
