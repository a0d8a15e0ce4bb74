//! The functions that a custom loss may call, swept over all of float32: value and slope on both
//! backends against float64, with the worst errors in units in the last place.

use crate::common::{backends, tensor};
use special::{bessel_i0e, bessel_i0e_slope, digamma, digamma_difference, error_function};
use special::{error_function_complement, log_bessel_i0e, log_bessel_i0e_slope, log_beta};
use special::{log_gamma, log_normal_cdf, log_normal_cdf_slope, normal_cdf, normal_density};
use special::{log_sum_exp, log_sum_exp_slope, trigamma};
use std::f64::consts::{FRAC_2_SQRT_PI, PI};
use wgloss::{Batch, Custom, DType, Reduction, Request};

/// What the float64 reference has, which has a test of its own below.
#[path = "../../src/custom/interpret/operations/special.rs"]
#[allow(dead_code, reason = "what is used here is what is tested here")]
mod special;

const SPARSE: u32 = 1 << 16;

struct Function {
    /// WGSL of p and, perhaps, t.
    text: &'static str,
    value: fn(f64, f64) -> f64,
    /// The slopes by p and by t.
    slopes: [fn(f64, f64) -> f64; 2],
    /// The magnitudes that are swept densely.
    range: (f32, f32),
    /// What an error may be measured by besides the value and the slopes: near a root that is not
    /// at a float32, or where terms cancel, the size of what does.
    sizes: [fn(f64, f64) -> f64; 3],
}

fn none(_: f64, _: f64) -> f64 {
    0.0
}

fn of_one(
    text: &'static str,
    value: fn(f64, f64) -> f64,
    slope: fn(f64, f64) -> f64,
    range: (f32, f32),
) -> Function {
    Function { text, value, slopes: [slope, none], range, sizes: [none; 3] }
}

/// Below 0 log gamma has a root between all integers, and so have its slopes.
fn below_0(size: f64, x: f64) -> f64 {
    if x < 0.0 { size } else { 0.0 }
}

/// A size in whose units what a driver flushes to 0 is less than one.
fn lost(x: f64, factor: f64) -> f64 {
    let smallest = f64::from(f32::MIN_POSITIVE);
    if x.abs() < smallest { factor * smallest * 24f64.exp2() } else { 0.0 }
}

fn polar_slope(a: f64, b: f64) -> f64 {
    if a == 0.0 && b == 0.0 { 0.0 } else { a / (a * a + b * b) }
}

fn functions() -> Vec<Function> {
    let unit = (1e-3, 1.0);
    let angles = (1e-3, 400.0);
    let tails = (1e-3, 15.0);
    let mut all = vec![
        of_one("sin(p)", |x, _| x.sin(), |x, _| x.cos(), angles),
        of_one("cos(p)", |x, _| x.cos(), |x, _| -x.sin(), angles),
        of_one("tan(p)", |x, _| x.tan(), |x, _| x.cos().powi(-2), angles),
        of_one("asin(p)", |x, _| x.asin(), |x, _| ((1.0 - x) * (1.0 + x)).sqrt().recip(), unit),
        of_one("acos(p)", |x, _| x.acos(), |x, _| -((1.0 - x) * (1.0 + x)).sqrt().recip(), unit),
        of_one("atan(p)", |x, _| x.atan(), |x, _| 1.0 / (1.0 + x * x), angles),
        of_one("sinh(p)", |x, _| x.sinh(), |x, _| x.cosh(), (1e-3, 90.0)),
        of_one("cosh(p)", |x, _| x.cosh(), |x, _| x.sinh(), (1e-3, 90.0)),
        of_one("tanh(p)", |x, _| x.tanh(), |x, _| x.cosh().powi(-2), (1e-3, 45.0)),
        of_one("asinh(p)", |x, _| x.asinh(), |x, _| 1.0 / x.hypot(1.0), angles),
        of_one(
            "acosh(p)",
            |x, _| x.acosh(),
            |x, _| 1.0 / ((x - 1.0).sqrt() * (x + 1.0).sqrt()),
            angles,
        ),
        of_one("atanh(p)", |x, _| x.atanh(), |x, _| 1.0 / ((1.0 - x) * (1.0 + x)), unit),
        of_one(
            "error_function(p)",
            |x, _| error_function(x),
            |x, _| FRAC_2_SQRT_PI * (-x * x).exp(),
            tails,
        ),
        of_one(
            "error_function_complement(p)",
            |x, _| error_function_complement(x),
            |x, _| -FRAC_2_SQRT_PI * (-x * x).exp(),
            tails,
        ),
        of_one("normal_cdf(p)", |x, _| normal_cdf(x), |x, _| normal_density(x), tails),
        of_one(
            "log_normal_cdf(p)",
            |x, _| log_normal_cdf(x),
            |x, _| log_normal_cdf_slope(x),
            tails,
        ),
        of_one("bessel_i0e(p)", |x, _| bessel_i0e(x), |x, _| bessel_i0e_slope(x), angles),
        of_one(
            "log_bessel_i0e(p)",
            |x, _| log_bessel_i0e(x),
            |x, _| log_bessel_i0e_slope(x),
            angles,
        ),
        of_one("integer_power(p, 2)", |x, _| x * x, |x, _| 2.0 * x, angles),
        of_one("integer_power(p, -1)", |x, _| 1.0 / x, |x, _| -1.0 / (x * x), angles),
        of_one("integer_power(p, 0)", |_, _| 1.0, |_, _| 0.0, angles),
    ];
    // Their slopes vanish with the power that is one lower.
    all.push(Function {
        sizes: [none, |x, _| lost(x.powi(16), 17.0), none],
        ..of_one("integer_power(p, 17)", |x, _| x.powi(17), |x, _| 17.0 * x.powi(16), angles)
    });
    all.push(Function {
        sizes: [none, |x, _| lost(x.powi(-1000), 999.0), none],
        ..of_one(
            "integer_power(p, -999)",
            |x, _| x.powi(-999),
            |x, _| -999.0 * x.powi(-1000),
            (0.9, 1.1),
        )
    });
    let log_gamma_sizes: [fn(f64, f64) -> f64; 3] = [
        |x, _| below_0(log_gamma(1.0 - x).abs() + 2.0, x),
        |x, _| below_0(PI + digamma(1.0 - x).abs() + (PI / (PI * (x - x.round())).tan()).abs(), x),
        none,
    ];
    all.push(Function {
        sizes: log_gamma_sizes,
        ..of_one("log_gamma(p)", |x, _| log_gamma(x), |x, _| digamma(x), (1e-3, 100.0))
    });
    all.push(Function {
        sizes: [log_gamma_sizes[1], none, none],
        ..of_one("digamma(p)", |x, _| digamma(x), |x, _| trigamma(x), (1e-3, 100.0))
    });
    all.push(Function {
        text: "log_sum_exp(p, t)",
        value: log_sum_exp,
        slopes: [log_sum_exp_slope, |a, b| log_sum_exp_slope(b, a)],
        range: angles,
        sizes: [
            |a, b| a.abs().max(b.abs()),
            // The difference is rounded before it is an exponent.
            |a, b| log_sum_exp_slope(a, b) * (0.5 * (a - b).abs()).max(1.0),
            |a, b| log_sum_exp_slope(b, a) * (0.5 * (a - b).abs()).max(1.0),
        ],
    });
    all.push(Function {
        text: "atan2(p, t)",
        value: f64::atan2,
        slopes: [|y, x| polar_slope(x, y), |y, x| -polar_slope(y, x)],
        range: angles,
        sizes: [none; 3],
    });
    all.push(Function {
        text: "log_beta(p, t)",
        value: log_beta,
        slopes: [|a, b| -digamma_difference(a, b), |a, b| -digamma_difference(b, a)],
        range: (1e-3, 1e3),
        sizes: [
            // Its roots are a curve.
            |a, b| {
                log_gamma(a.min(b)).abs()
                    + if a.max(b) < 8.0 { log_gamma(a + b).abs() + a + b } else { 0.0 }
            },
            none,
            none,
        ],
    });
    all
}

/// Sparse over all bit patterns, dense over the range with both signs, and the special values; beside
/// each another number, mostly of a similar size.
fn inputs(range: (f32, f32)) -> [Vec<f32>; 2] {
    let sparse = (0..SPARSE).map(|i| f32::from_bits(i * (u32::MAX / SPARSE) + i % 7919));
    let (low, high) = (range.0.to_bits(), range.1.to_bits());
    let dense = (low..high).step_by(((high - low) / SPARSE).max(1) as usize).map(f32::from_bits);
    let ends =
        [0.0, f32::MIN_POSITIVE, 1e-40, 1e-38, 1e-20, 1e-10, 1e-6, 1e-4, 0.5, 1.0, 1.461_632_1];
    let far =
        [1.5, 2.0, 2.5, 3.0, 8.0, 1e4, 1e10, 3e19, 1e30, 3e38, f32::MAX, f32::INFINITY, f32::NAN];
    let near_roots = [1.0f32, 2.0, 0.5, 1.461_632_1, 0.7, 8.0, 2.5, 12.0]
        .into_iter()
        .flat_map(|x| (0..200).flat_map(move |i| [x.to_bits() + i, x.to_bits() - i]))
        .map(f32::from_bits);
    // Near multiples of pi / 2, the nearest ones among them.
    let multiples = (1..3000).map(|k| (f64::from(k) * 0.5 * PI) as f32);
    let nearest = [f32::from_bits(0x5c80_0000), 16_367_173.0 * 2f32.powi(72), 1.081e31, 573_204.0];
    let all = dense.chain(ends).chain(far).chain(near_roots).chain(multiples).chain(nearest);
    let p: Vec<f32> = sparse.chain(all.flat_map(|x| [x, -x])).collect();
    let mut state = 1u32;
    let second = |(i, &x): (usize, &f32)| {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let unit = f64::from(state >> 8) / f64::from(1 << 24);
        match i % 8 {
            0 => f32::from_bits(state),
            1 => [0.0, -0.0, 1.0, f32::INFINITY, f32::NAN, 1e-30, 1e30, 8.0][i / 8 % 8],
            2 => x,
            _ => {
                (f64::from(x) * (8.0 * unit - 4.0).exp2()) as f32
                    * if i % 3 == 0 { -1.0 } else { 1.0 }
            }
        }
    };
    let t = p.iter().enumerate().map(second).collect();
    [p, t]
}

/// The error in units in the last place of the larger of the wanted value and a size.
fn error(got: f32, want: f64, size: f64) -> f64 {
    let nearest = want as f32;
    let same = got == nearest || got.is_nan() && nearest.is_nan();
    let vanished = nearest.abs() < f32::MIN_POSITIVE && got.abs() <= f32::MIN_POSITIVE;
    if same || vanished {
        return 0.0;
    }
    let scale = (want.abs().max(size) as f32).min(f32::MAX);
    let exponent = (scale.to_bits() >> 23).max(1) as i32;
    let unit = f64::from(exponent - 150).exp2();
    let got = match got.is_infinite() {
        // One unit past the largest.
        true if nearest.is_finite() => {
            f64::from(f32::MAX.copysign(got)) + unit.copysign(got.into())
        }
        _ => got.into(),
    };
    let distance = (got - want).abs() / unit;
    if distance.is_nan() { f64::INFINITY } else { distance }
}

fn flushed(x: f32) -> f64 {
    if x.abs() < f32::MIN_POSITIVE { f64::from(0f32.copysign(x)) } else { x.into() }
}

/// Drivers may take denormal numbers as zeros.
#[test]
fn functions_are_within_4_units_in_the_last_place() {
    let mut beyond = Vec::new();
    for function in functions() {
        let two = function.text.contains('t') && function.text.contains(", t)");
        let second = if two { ", t: f32" } else { "" };
        let source = format!("fn value(p: f32{second}) -> f32 {{ return {}; }}", function.text);
        let loss = Custom::new(&source).unwrap_or_else(|e| panic!("{source}: {e}"));
        let columns = inputs(function.range);
        let tensors = columns.each_ref().map(|column| {
            let column: Vec<f64> = column.iter().map(|&x| x.into()).collect();
            tensor(DType::F32, &[column.len()], &column)
        });
        let count = if two { 2 } else { 1 };
        let named: Vec<_> = ["p", "t"].into_iter().zip(tensors).take(count).collect();
        let gradients = &["p", "t"][..count];
        let batch = Batch {
            inputs: &named,
            request: Request { reduction: Reduction::None, gradients, ..Request::default() },
            ..Batch::default()
        };
        for (backend, evaluator) in backends() {
            let got = evaluator.evaluate_blocking(&loss, &batch).expect("an evaluation");
            let mut outputs = vec![(function.value, function.sizes[0], got.value.as_ref())];
            for (i, (_, gradient)) in got.gradients.iter().enumerate() {
                outputs.push((function.slopes[i], function.sizes[i + 1], Some(gradient)));
            }
            for (i, (want, size, got)) in outputs.into_iter().enumerate() {
                let got = got.expect("an output").to_f32();
                let mut worst = (0.0, f32::NAN, f32::NAN, 0.0, 0.0);
                for ((&x, &y), &got) in columns[0].iter().zip(&columns[1]).zip(got.iter()) {
                    let exact = (x.into(), y.into());
                    let rounded = (flushed(x), flushed(y));
                    let errors = [exact, rounded, (exact.0, rounded.1), (rounded.0, exact.1)]
                        .map(|(x, y)| error(got, want(x, y), size(x, y)));
                    let found = errors.into_iter().fold(f64::INFINITY, f64::min);
                    if found > worst.0 {
                        worst = (found, x, y, got, want(exact.0, exact.1));
                    }
                }
                let (found, x, y, got, want) = worst;
                let what = ["value", "slope by p", "slope by t"][i];
                let row = format!("{:<30} {what:<11} {backend:<4} {found:>6.2}", function.text);
                println!("{row}  at {x:e}, {y:e}: {got:e}, not {want:e}");
                if found > 4.0 {
                    beyond.push(row);
                }
            }
        }
    }
    assert!(beyond.is_empty(), "beyond 4 units:\n{}", beyond.join("\n"));
}

type OfOne = (&'static str, fn(f64) -> f64, f64, f64);
type OfTwo = (&'static str, fn(f64, f64) -> f64, f64, f64, f64);

/// Values of mpmath with 60 digits.
#[test]
fn the_reference_has_the_values_of_mpmath() {
    let of_one: [OfOne; 79] = [
        ("error_function", error_function, 1.0e-10, 1.128_379_167_095_512_6e-10),
        ("error_function", error_function, 0.3, 0.328_626_759_459_127_4),
        ("error_function", error_function, -0.9, -0.796_908_212_422_832_2),
        ("error_function", error_function, 1.9, 0.992_790_429_235_257_5),
        ("error_function", error_function, 2.1, 0.997_020_533_343_667),
        ("error_function", error_function, 5.5, 0.999_999_999_999_992_7),
        ("error_function_complement", error_function_complement, -3.0, 1.999_977_909_503_001_5),
        ("error_function_complement", error_function_complement, -0.5, 1.520_499_877_813_046_5),
        ("error_function_complement", error_function_complement, 0.3, 0.671_373_240_540_872_6),
        ("error_function_complement", error_function_complement, 1.9, 0.007_209_570_764_742_532_5),
        ("error_function_complement", error_function_complement, 2.1, 0.002_979_466_656_332_984),
        ("error_function_complement", error_function_complement, 9.0, 4.137_031_746_513_81e-37),
        ("error_function_complement", error_function_complement, 25.0, 8.300_172_571_196_523e-274),
        ("normal_cdf", normal_cdf, -30.0, 4.906_713_927_148_187e-198),
        ("normal_cdf", normal_cdf, -5.0, 2.866_515_718_791_939e-07),
        ("normal_cdf", normal_cdf, -0.7, 0.241_963_652_223_073_03),
        ("normal_cdf", normal_cdf, 0.3, 0.617_911_422_188_952_7),
        ("normal_cdf", normal_cdf, 4.0, 0.999_968_328_758_166_9),
        ("log_normal_cdf", log_normal_cdf, -200.0, -20_006.217_280_898_19),
        ("log_normal_cdf", log_normal_cdf, -5.0, -15.064_998_393_988_725),
        ("log_normal_cdf", log_normal_cdf, -0.99, -1.825_810_317_842_812_4),
        ("log_normal_cdf", log_normal_cdf, -0.3, -0.962_102_818_168_850_7),
        ("log_normal_cdf", log_normal_cdf, 0.3, -0.481_410_161_588_481_2),
        ("log_normal_cdf", log_normal_cdf, 6.0, -9.865_876_455_243_758e-10),
        ("log_normal_cdf_slope", log_normal_cdf_slope, -200.0, 200.004_999_750_031_23),
        ("log_normal_cdf_slope", log_normal_cdf_slope, -5.0, 5.186_503_967_125_842),
        ("log_normal_cdf_slope", log_normal_cdf_slope, -0.99, 1.517_132_112_592_617_2),
        ("log_normal_cdf_slope", log_normal_cdf_slope, 0.3, 0.617_220_853_612_734_5),
        ("log_normal_cdf_slope", log_normal_cdf_slope, 6.0, 6.075_882_855_817_676e-09),
        ("log_gamma", log_gamma, 1.0e-20, 46.051_701_859_880_914),
        ("log_gamma", log_gamma, 0.3, 1.095_797_994_818_075_6),
        ("log_gamma", log_gamma, 1.000_000_1, -5.772_155_829_918_507e-08),
        ("log_gamma", log_gamma, 1.3, -0.108_174_809_507_860_47),
        ("log_gamma", log_gamma, 1.999_9, -4.227_520_877_215_346e-05),
        ("log_gamma", log_gamma, 2.4, 0.216_859_322_448_841_57),
        ("log_gamma", log_gamma, 3.7, 1.428_072_326_665_388),
        ("log_gamma", log_gamma, 12.5, 18.734_347_511_936_445),
        ("log_gamma", log_gamma, 100_000.0, 1_051_287.708_973_656_9),
        ("log_gamma", log_gamma, -0.2, 1.761_497_590_833_937_9),
        ("log_gamma", log_gamma, -3.7, -1.379_739_904_965_824_5),
        ("digamma", digamma, 1.0e-05, -100_000.577_199_215_67),
        ("digamma", digamma, 0.3, -3.502_524_222_200_133),
        ("digamma", digamma, 1.461_6, -3.110_625_123_034_165e-05),
        ("digamma", digamma, 1.47, 0.008_066_489_011_364_869),
        ("digamma", digamma, 5.0, 1.506_117_668_431_800_5),
        ("digamma", digamma, 100.0, 4.600_161_852_738_087),
        ("digamma", digamma, -0.3, 2.113_309_779_635_399),
        ("digamma", digamma, -4.7, -0.632_310_901_423_610_9),
        ("trigamma", trigamma, 1.0e-05, 10_000_000_001.644_909),
        ("trigamma", trigamma, 0.3, 12.245_364_546_107_732),
        ("trigamma", trigamma, 2.0, 0.644_934_066_848_226_4),
        ("trigamma", trigamma, 19.0, 0.054_040_906_037_696_19),
        ("trigamma", trigamma, 10_000.0, 0.000_100_005_000_166_666_66),
        ("trigamma", trigamma, -0.3, 13.945_160_267_805_722),
        ("trigamma", trigamma, -4.7, 14.887_691_216_772_538),
        ("bessel_i0e", bessel_i0e, 0.001, 0.999_000_749_583_515_6),
        ("bessel_i0e", bessel_i0e, -0.5, 0.645_035_270_449_150_1),
        ("bessel_i0e", bessel_i0e, 7.0, 0.153_737_744_672_881_26),
        ("bessel_i0e", bessel_i0e, 29.0, 0.074_407_468_222_225_59),
        ("bessel_i0e", bessel_i0e, 31.0, 0.071_946_496_696_983_83),
        ("bessel_i0e", bessel_i0e, 1000.0, 0.012_617_240_455_891_257),
        ("bessel_i0e_slope", bessel_i0e_slope, 0.001, -0.998_501_249_271_161_4),
        ("bessel_i0e_slope", bessel_i0e_slope, -0.5, 0.488_614_467_264_278_4),
        ("bessel_i0e_slope", bessel_i0e_slope, 7.0, -0.011_448_509_963_282_574),
        ("bessel_i0e_slope", bessel_i0e_slope, 29.0, -0.001_294_350_282_837_22),
        ("bessel_i0e_slope", bessel_i0e_slope, 31.0, -0.001_170_103_862_598_152_7),
        ("bessel_i0e_slope", bessel_i0e_slope, 1000.0, -6.310_198_962_627_116e-06),
        ("log_bessel_i0e", log_bessel_i0e, 1.0e-09, -9.999_999_997_5e-10),
        ("log_bessel_i0e", log_bessel_i0e, -0.5, -0.438_450_280_814_518_7),
        ("log_bessel_i0e", log_bessel_i0e, 0.99, -0.758_531_786_470_064),
        ("log_bessel_i0e", log_bessel_i0e, 7.0, -1.872_507_084_917_151_2),
        ("log_bessel_i0e", log_bessel_i0e, 31.0, -2.631_832_537_633_586_3),
        ("log_bessel_i0e", log_bessel_i0e, 1000.0, -4.372_691_110_130_535_5),
        ("log_bessel_i0e_slope", log_bessel_i0e_slope, 1.0e-09, -0.999_999_999_5),
        ("log_bessel_i0e_slope", log_bessel_i0e_slope, -0.5, 0.757_500_387_419_198),
        ("log_bessel_i0e_slope", log_bessel_i0e_slope, 0.99, -0.557_164_707_951_631_2),
        ("log_bessel_i0e_slope", log_bessel_i0e_slope, 7.0, -0.074_467_789_205_847_82),
        ("log_bessel_i0e_slope", log_bessel_i0e_slope, 31.0, -0.016_263_527_987_002_126),
        ("log_bessel_i0e_slope", log_bessel_i0e_slope, 1000.0, -0.000_500_125_125_195_719_8),
    ];
    let of_two: [OfTwo; 11] = [
        ("log_beta", log_beta, 0.3, 0.2, 2.047_496_874_324_16),
        ("log_beta", log_beta, 1.0, 3.0, -1.098_612_288_668_109_8),
        ("log_beta", log_beta, 1.0e-08, 5.0, 18.420_680_723_119_034),
        ("log_beta", log_beta, 2.0, 1_000_000_000_000.0, -55.262_042_231_858_096),
        ("log_beta", log_beta, 20.0, 30.0, -33.968_820_791_977_386),
        ("log_beta", log_beta, 1_000_000.0, 1_000_000.0, -1_386_300.003_362_921),
        ("digamma_difference", digamma_difference, 0.3, 0.2, 1.539_014_196_178_709_6),
        ("digamma_difference", digamma_difference, 1.0e-08, 5.0, 100_000_002.083_333_31),
        ("digamma_difference", digamma_difference, 2.0, 1_000_000_000_000.0, 27.208_236_780_831_58),
        ("digamma_difference", digamma_difference, 1_000_000.0, 0.125, 1.250_000_546_875_136_7e-07),
        ("digamma_difference", digamma_difference, 30.0, 1.0e-06, 3.389_505_978_335_735_4e-08),
    ];
    // Beside its root digamma is what is left of numbers near 1.
    let near = |got: f64, want: f64| (got - want).abs() <= 1e-12 * want.abs() + 1e-15;
    for (name, function, x, want) in of_one {
        let got = function(x);
        assert!(near(got, want), "{name}({x:e}) is {got:e}, not {want:e}");
    }
    for (name, function, a, b, want) in of_two {
        let got = function(a, b);
        assert!(near(got, want), "{name}({a:e}, {b:e}) is {got:e}, not {want:e}");
    }
}

/// By an argument that the function is the slope of another by.
#[test]
fn second_derivatives_are_those_of_the_slopes() {
    type Exact = fn(f64) -> f64;
    let second: [(&str, Exact); 9] = [
        ("sin(p)", |x| -x.sin()),
        ("tan(p)", |x| 2.0 * x.tan() * x.cos().powi(-2)),
        ("tanh(p)", |x| -2.0 * x.tanh() * x.cosh().powi(-2)),
        ("asinh(p)", |x| -x * x.hypot(1.0).powi(-3)),
        ("error_function(p)", |x| -2.0 * x * FRAC_2_SQRT_PI * (-x * x).exp()),
        ("normal_cdf(p)", |x| -x * normal_density(x)),
        ("log_normal_cdf(p)", |x| -log_normal_cdf_slope(x) * (x + log_normal_cdf_slope(x))),
        ("log_gamma(p)", trigamma),
        ("log_sum_exp(p, 1.0)", |x| log_sum_exp_slope(x, 1.0) * log_sum_exp_slope(1.0, x)),
    ];
    let p: Vec<f64> = (1..60).map(|i| f64::from(i) / 32.0).collect();
    let inputs = [("p", tensor(DType::F32, &[p.len()], &p))];
    let request = Request { reduction: Reduction::None, gradients: &["p"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (text, want) in second {
        let loss = Custom::new(&format!("fn value(p: f32) -> f32 {{ return {text}; }}"));
        let loss = loss.and_then(|loss| loss.derivative("p")).expect("a derivative");
        for (backend, evaluator) in backends() {
            let got = evaluator.evaluate_blocking(&loss, &batch).expect("an evaluation");
            for (&x, &got) in p.iter().zip(got.gradients[0].1.to_f32().iter()) {
                let (got, want) = (f64::from(got), want(x));
                let near = (got - want).abs() <= 1e-6 * (want.abs() + 0.1);
                assert!(near, "{text} at {x} on {backend}: {got:e}, not {want:e}");
            }
        }
    }
}

/// No function has a name of the library's, and no kernel a function that it does not call.
#[test]
fn kernels_hold_what_they_call() {
    let derived = |text: &str| Custom::new(text).expect("a loss").derived();
    let plain = derived("fn value(p: f32) -> f32 { return p * p; }");
    assert!(!plain.contains("fn sine"), "{plain}");
    let own = derived("fn value(p: f32) -> f32 { let core = log_gamma(p); return core; }");
    assert!(own.contains("fn digamma(") && own.contains("fn log_gamma("), "{own}");
    assert!(!own.contains("fn trigamma(") && !own.contains("fn log_beta("), "{own}");
}

#[test]
fn the_angle_of_the_origin_and_its_slopes_are_0() {
    let loss = Custom::new("fn value(p: f32, t: f32) -> f32 { return atan2(p, t); }");
    let loss = loss.expect("a loss");
    let zeros = || tensor(DType::F32, &[1], &[0.0]);
    let inputs = [("p", zeros()), ("t", zeros())];
    let request = Request { gradients: &["p", "t"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (backend, evaluator) in backends() {
        let got = evaluator.evaluate_blocking(&loss, &batch).expect("an evaluation");
        assert_eq!(*got.value.expect("a value").to_f32(), [0.0], "{backend}");
        for (name, slope) in &got.gradients {
            assert_eq!(*slope.to_f32(), [0.0], "by {name} on {backend}");
        }
    }
}
