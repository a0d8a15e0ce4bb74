//! Functions that the standard library does not have, in float64: series and continued fractions as
//! textbooks have them, to 12 digits and more.

use std::f64::consts::{FRAC_2_SQRT_PI, PI, SQRT_2, TAU};

const EULER: f64 = 0.577_215_664_901_532_9;

/// The Riemann zeta function of 2, 3, ... less 1.
const ZETA_LESS_1: [f64; 29] = [
    0.644_934_066_848_226_4,
    0.202_056_903_159_594_3,
    0.082_323_233_711_138_19,
    0.036_927_755_143_369_93,
    0.017_343_061_984_449_14,
    0.008_349_277_381_922_827,
    0.004_077_356_197_944_34,
    0.002_008_392_826_082_214_3,
    0.000_994_575_127_818_085_3,
    0.000_494_188_604_119_464_5,
    0.000_246_086_553_308_048_3,
    0.000_122_713_347_578_489_15,
    6.124_813_505_870_483e-05,
    3.058_823_630_702_049e-05,
    1.528_225_940_865_187e-05,
    7.637_197_637_899_763e-06,
    3.817_293_264_999_84e-06,
    1.908_212_716_553_939e-06,
    9.539_620_338_727_962e-07,
    4.769_329_867_878_064e-07,
    2.384_505_027_277_33e-07,
    1.192_199_259_653_110_6e-07,
    5.960_818_905_125_948e-08,
    2.980_350_351_465_228e-08,
    1.490_155_482_836_504_3e-08,
    7.450_711_789_835_43e-09,
    3.725_334_024_788_457e-09,
    1.862_659_723_513_049e-09,
    9.313_274_324_196_682e-10,
];

/// `log(e^a + e^b)`; equal infinities have no difference, but a sum.
pub(super) fn log_sum_exp(a: f64, b: f64) -> f64 {
    let way = if a == b { 0.0 } else { (a - b).abs() };
    let larger = if a > b || a.is_nan() { a } else { b };
    larger + (-way).exp().ln_1p()
}

pub(super) fn log_sum_exp_slope(a: f64, b: f64) -> f64 {
    if a == b { 0.5 } else { 1.0 / (1.0 + (b - a).exp()) }
}

pub(super) fn error_function(x: f64) -> f64 {
    let a = x.abs();
    let size = if a < 2.0 {
        let (mut term, mut sum) = (a, a);
        for k in 1..80 {
            term *= 2.0 * a * a / f64::from(2 * k + 1);
            sum += term;
        }
        FRAC_2_SQRT_PI * (-a * a).exp() * sum
    } else {
        1.0 - error_function_complement(a)
    };
    if x.is_nan() { x } else { size.copysign(x) }
}

pub(super) fn error_function_complement(x: f64) -> f64 {
    if x < 2.0 { 1.0 - error_function(x) } else { (-x * x).exp() * scaled_complement(x) }
}

/// `e^(x^2) erfc(x)` for x >= 0.
fn scaled_complement(x: f64) -> f64 {
    if x < 2.0 {
        return (x * x).exp() * error_function_complement(x);
    }
    let below = (1..150).rev().fold(x, |below, k| x + 0.5 * f64::from(k) / below);
    0.5 * FRAC_2_SQRT_PI / below
}

pub(super) fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / TAU.sqrt()
}

pub(super) fn normal_cdf(x: f64) -> f64 {
    0.5 * error_function_complement(-x / SQRT_2)
}

pub(super) fn log_normal_cdf(x: f64) -> f64 {
    if x < -1.0 {
        (0.5 * scaled_complement(-x / SQRT_2)).ln() - 0.5 * x * x
    } else {
        (-0.5 * error_function_complement(x / SQRT_2)).ln_1p()
    }
}

pub(super) fn log_normal_cdf_slope(x: f64) -> f64 {
    if x < -1.0 {
        2.0 / TAU.sqrt() / scaled_complement(-x / SQRT_2)
    } else {
        normal_density(x) / normal_cdf(x)
    }
}

/// What Stirling's formula of log gamma lacks, for x >= 15.
fn stirling_rest(x: f64) -> f64 {
    let z = 1.0 / (x * x);
    let series = 1.0 / 1260.0 - z * (1.0 / 1680.0 - z * (1.0 / 1188.0 - z * (691.0 / 360_360.0)));
    (1.0 / 12.0 - z * (1.0 / 360.0 - z * series)) / x
}

/// `log gamma(2 + u)` for |u| <= 1/2.
fn log_gamma_near_2(u: f64) -> f64 {
    let (mut power, mut sum) = (u, u * (1.0 - EULER));
    for (k, zeta) in (2..).zip(ZETA_LESS_1) {
        power *= -u;
        sum -= power * zeta / f64::from(k);
    }
    sum
}

pub(super) fn log_gamma(x: f64) -> f64 {
    if x < 0.0 {
        let sine = (PI * (x - x.round())).sin();
        let negative = (PI / sine.abs()).ln() - log_gamma(1.0 - x);
        return if x.is_infinite() { f64::INFINITY } else { negative };
    }
    match x {
        _ if x < 0.5 => log_gamma(x + 1.0) - x.ln(),
        _ if x < 1.5 => log_gamma_near_2(x - 1.0) - (x - 1.0).ln_1p(),
        _ if x < 2.5 => log_gamma_near_2(x - 2.0),
        _ => {
            let (mut raised, mut product) = (x, 1.0);
            while raised < 15.0 {
                product *= raised;
                raised += 1.0;
            }
            let stirling = (raised - 0.5) * (raised.ln() - 1.0) + 0.5 * (TAU.ln() - 1.0);
            stirling + stirling_rest(raised) - product.ln()
        }
    }
}

pub(super) fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return -f64::INFINITY.copysign(x);
    }
    if x < 0.0 {
        let distance = x - x.round();
        let slope = PI / (PI * distance).tan();
        return if distance == 0.0 { f64::NAN } else { digamma(1.0 - x) - slope };
    }
    let (mut raised, mut sum) = (x, 0.0);
    while raised < 20.0 {
        sum -= 1.0 / raised;
        raised += 1.0;
    }
    let z = 1.0 / (raised * raised);
    let series = 1.0 / 252.0 - z * (1.0 / 240.0 - z * (1.0 / 132.0));
    sum + raised.ln() - 0.5 / raised - z * (1.0 / 12.0 - z * (1.0 / 120.0 - z * series))
}

pub(super) fn trigamma(x: f64) -> f64 {
    if x < 0.0 {
        let sine = (PI * (x - x.round())).sin();
        let negative = (PI / sine).powi(2) - trigamma(1.0 - x);
        return if x.is_infinite() { f64::INFINITY } else { negative };
    }
    let (mut raised, mut sum) = (x, 0.0);
    while raised < 20.0 {
        sum += 1.0 / (raised * raised);
        raised += 1.0;
    }
    let z = 1.0 / (raised * raised);
    let series = 1.0 / 42.0 - z * (1.0 / 30.0 - z * (5.0 / 66.0));
    sum + 1.0 / raised + 0.5 * z + z / raised * (1.0 / 6.0 - z * (1.0 / 30.0 - z * series))
}

/// Of positive numbers; with a large one, what the gamma functions of it have in common is left out.
pub(super) fn log_beta(a: f64, b: f64) -> f64 {
    let (small, large) = (a.min(b), a.max(b));
    let sum = small + large;
    match small {
        _ if a.is_nan() || b.is_nan() || small < 0.0 => f64::NAN,
        0.0 => f64::INFINITY,
        _ if large < 15.0 => log_gamma(small) + log_gamma(large) - log_gamma(sum),
        _ => {
            let rests = stirling_rest(large) - stirling_rest(sum);
            let ratio = (large - 0.5) * (small / large).ln_1p();
            log_gamma(small) + rests - ratio - small * (sum.ln() - 1.0)
        }
    }
}

/// `digamma(a + b) - digamma(a)` of numbers from 0, term by term.
pub(super) fn digamma_difference(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() || a < 0.0 || b < 0.0 {
        return f64::NAN;
    }
    let terms = (0..20).map(f64::from).map(|k| b / (a + b + k) / (a + k));
    let (low, high) = (1.0 / (a + 20.0), 1.0 / (a + b + 20.0));
    let share = b * high * low;
    let (y, z) = (low * low, high * high);
    let series = 1.0 / 12.0 - (y + z) / 120.0 + (y * y + y * z + z * z) / 252.0;
    terms.sum::<f64>() + (b * low).ln_1p() + 0.5 * share + share * (low + high) * series
}

/// `e^-a I0(a)`, and that less `e^-a I1(a)`, for a >= 0.
fn scaled_bessel(a: f64) -> (f64, f64) {
    let (mut sum, mut difference) = (0.0, 0.0);
    if a < 30.0 {
        let mut term = (-a).exp();
        for k in (1..120).map(f64::from) {
            sum += term;
            difference += term * (1.0 - 0.5 * a / k);
            term *= 0.25 * a * a / (k * k);
        }
        return (sum, difference);
    }
    let (mut zero, mut one) = (1.0, 1.0);
    for k in (1..25).map(f64::from) {
        sum += zero;
        difference += zero - one;
        let square = (2.0 * k - 1.0).powi(2);
        zero *= square / (8.0 * k * a);
        one *= (square - 4.0) / (8.0 * k * a);
    }
    let root = (TAU * a).sqrt();
    (sum / root, difference / root)
}

pub(super) fn bessel_i0e(x: f64) -> f64 {
    scaled_bessel(x.abs()).0
}

/// 0 at the kink at 0.
pub(super) fn bessel_i0e_slope(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() { x } else { -scaled_bessel(x.abs()).1 * x.signum() }
}

pub(super) fn log_bessel_i0e(x: f64) -> f64 {
    let a = x.abs();
    if a > 1.0 {
        return bessel_i0e(x).ln();
    }
    // I0 less 1, so that nothing is rounded to 1.
    let (mut term, mut sum) = (1.0, 0.0);
    for k in (1..20).map(f64::from) {
        term *= 0.25 * a * a / (k * k);
        sum += term;
    }
    sum.ln_1p() - a
}

pub(super) fn log_bessel_i0e_slope(x: f64) -> f64 {
    let (value, difference) = scaled_bessel(x.abs().min(1e300));
    if x == 0.0 || x.is_nan() { x } else { -difference / value * x.signum() }
}
