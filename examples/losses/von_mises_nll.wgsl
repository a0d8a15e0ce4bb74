// Negative log likelihood of a von Mises distribution, for angles:
// log(2 pi I0(concentration)) - concentration cos(p - t), I0 a Bessel function.
//
// p, t: angles in radians. concentration >= 0: an input, for each element its own; 0 is uniform.
// Both terms are as large as the concentration: it is taken off both, where 1 - cos d is
// 2 sin^2(d / 2). I0 is its series around 0 up to 20, all of whose terms are positive, and beyond
// that the series of I0(x) sqrt(2 pi x) e^-x in 1 / x. The first term of either is 1 and enters by
// the logarithm.
//
// Prokudin, Gehler, Nowozin: Deep directional statistics: pose estimation with uncertainty
// quantification, ECCV 2018.
//
// Plot: concentration=2 from=-4 to=4

const LOG_TWO_PI: f32 = 1.837877;
const NEAR: f32 = 20.0;

// log(I0(x) e^-x), as the next one.
fn log_bessel_near(x: f32) -> f32 {
    var term = 1.0;
    var sum = 0.0;
    for (var k = 1; k <= 32; k++) {
        let half_over_k = 0.5 * x / f32(k);
        term *= half_over_k * half_over_k;
        sum += term;
    }
    return logarithm_one_plus(sum) - x;
}

fn log_bessel_far(x: f32) -> f32 {
    var term = 1.0;
    var sum = 0.0;
    for (var k = 1; k <= 6; k++) {
        let odd = f32(2 * k - 1);
        term *= odd * odd / (8.0 * f32(k) * x);
        sum += term;
    }
    return logarithm_one_plus(sum) - 0.5 * (LOG_TWO_PI + log(x));
}

fn value(p: f32, t: f32, concentration: f32) -> f32 {
    var log_bessel: f32;
    if (concentration <= NEAR) {
        log_bessel = log_bessel_near(concentration);
    } else {
        log_bessel = log_bessel_far(concentration);
    }
    let half_sine = sin(0.5 * (p - t));
    return LOG_TWO_PI + log_bessel + 2.0 * concentration * half_sine * half_sine;
}
