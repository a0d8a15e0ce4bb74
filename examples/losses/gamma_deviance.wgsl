// Gamma deviance: 2 (t / p - 1 - log(t / p)), for positive targets whose spread grows with the
// mean, such as the sizes of insurance claims.
//
// p > 0: the predicted mean. t > 0.
// Near p it is u - log(1 + u) with u = (t - p) / p, the bulk of which cancels: the logarithm is
// 2 (s + s^3 / 3 + s^5 / 5 + ...) with s = u / (2 + u), and u - 2 s is u s.
//
// McCullagh, Nelder: Generalized linear models, 1983; scikit-learn's mean_gamma_deviance.
//
// Plot: t=1 from=0.05 to=4

fn near(u: f32) -> f32 {
    let s = u / (2.0 + u);
    var series = 0.0;
    for (var k = 8; k >= 0; k--) {
        series = series * s * s + 1.0 / f32(2 * k + 3);
    }
    return u * s - 2.0 * s * s * s * series;
}

fn value(p: f32, t: f32) -> f32 {
    let ratio = t / p;
    if (ratio < 0.5 || ratio > 2.0) {
        return 2.0 * (ratio - 1.0 - log(ratio));
    }
    return 2.0 * near((t - p) / p);
}
