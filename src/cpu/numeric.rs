//! Elementary functions on `f32`: the twin of `numeric.wgsl`, same reductions and polynomials.
//!
//! Without branches, calls and float-to-integer casts (which saturate in Rust), so that LLVM turns
//! a loop over a slice into SIMD code. `a * b + c` stays two roundings: `mul_add` is a slow call on
//! targets without FMA. Logarithms read denormal inputs, elsewhere those may count as zero, and
//! denormal results are flushed to zero.

const LOG2_OF_E: f32 = std::f32::consts::LOG2_E;
/// `LN_2_HIGH + LN_2_LOW` is ln 2; an integer of 8 bits times `LN_2_HIGH` is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -0.000_212_194_44;
/// 1.5 * 2^23: adding it rounds to an integer and leaves that integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;
const LN_OF_SMALLEST_NORMAL: f32 = -87.336_54;
const BITS_OF_SQRT_HALF: i32 = 0x3f35_04f3;
const BITS_OF_ONE: i32 = 0x3f80_0000;
const BITS_OF_INFINITY: i32 = 0x7f80_0000;
const BITS_OF_SMALLEST_NORMAL: i32 = 0x0080_0000;
/// 149, shifted to an exponent field.
const BITS_OF_2_149: i32 = 149 << 23;
const BITS_OF_MINUS_ONE: u32 = 0xbf80_0000;

#[inline(always)]
fn signed_bits(x: f32) -> i32 {
    x.to_bits().cast_signed()
}

#[inline(always)]
fn of_signed_bits(bits: i32) -> f32 {
    f32::from_bits(bits.cast_unsigned())
}

/// `a` if the condition holds: an `if` on values already computed, which becomes a blend.
#[inline(always)]
fn select(condition: bool, a: f32, b: f32) -> f32 {
    if condition { a } else { b }
}

/// The larger value; NaN in either gives NaN.
#[inline(always)]
pub(crate) fn max_nan(a: f32, b: f32) -> f32 {
    select(a > b || a.is_nan(), a, b)
}

/// The smaller value; NaN in either gives NaN.
#[inline(always)]
pub(crate) fn min_nan(a: f32, b: f32) -> f32 {
    select(a < b || a.is_nan(), a, b)
}

/// -1, 0 or 1; NaN gives NaN.
#[inline(always)]
pub(crate) fn sign(x: f32) -> f32 {
    select(x > 0.0, 1.0, select(x < 0.0, -1.0, x))
}

/// `x = n ln 2 + r` with |r| <= 0.35, for |x| <= 89: r, and n shifted to an exponent field.
#[inline(always)]
fn reduced(x: f32) -> (f32, i32) {
    let shifted = x * LOG2_OF_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    (r, signed_bits(shifted) << 23)
}

/// `(e^r - 1 - r) / r^2` for |r| <= 0.35: minimax, 2^-26.1 of `e^r - 1`.
#[inline(always)]
fn exp_core(r: f32) -> f32 {
    let q = ((0.001_387_029_1 * r + 0.008_366_257) * r + 0.041_667_44) * r + 0.166_665_46;
    q * r + 0.499_999_97
}

/// `e^x` in float64, to 2 units in the last place; 0 where that is below 2^-1022.
#[inline(always)]
pub(crate) fn wide_exp(x: f64) -> f64 {
    const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8; // The lowest 20 bits are 0.
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// `1 / k!`, from k = 13 down to 2.
    const TERMS: [f64; 12] = [
        1.605_904_383_682_161_5e-10,
        2.087_675_698_786_81e-9,
        2.505_210_838_544_172e-8,
        2.755_731_922_398_589_4e-7,
        2.755_731_922_398_589e-6,
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
    ];
    let bounded = if x > -709.0 { x } else { -709.0 };
    let bounded = if bounded < 710.0 { bounded } else { 710.0 };
    let shifted = bounded * std::f64::consts::LOG2_E + ROUNDER;
    let n = shifted - ROUNDER;
    let r = (bounded - n * LN_2_HIGH) - n * LN_2_LOW;
    let q = TERMS.iter().fold(0.0, |q, term| q * r + term);
    let bits = ((q * r + 1.0) * r + 1.0).to_bits().cast_signed();
    let scaled = f64::from_bits((bits + (shifted.to_bits().cast_signed() << 52)).cast_unsigned());
    let of_number = if x < -708.39 {
        0.0
    } else if x > 709.78 {
        f64::INFINITY
    } else {
        scaled
    };
    if x.is_nan() { x } else { of_number }
}

/// `e^x` for any x but NaN.
#[inline(always)]
fn exp_of_number(x: f32) -> f32 {
    let (r, exponent) = reduced(select(x > -89.0, select(x < 89.0, x, 89.0), -89.0));
    let bits = signed_bits((exp_core(r) * r + 1.0) * r + 1.0) + exponent;
    let bounded = bits.min(BITS_OF_INFINITY);
    of_signed_bits(if bits < BITS_OF_SMALLEST_NORMAL { 0 } else { bounded })
}

/// `e^x` as `2^n e^r`; 2^n enters through the exponent field. Worst 1.17 ULP.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    select(x.is_nan(), x, exp_of_number(x))
}

/// `e^x` for x <= 0, by a product with 2^n, which carries NaN. Worst 1.17 ULP.
#[inline(always)]
pub(crate) fn exp_of_negative(x: f32) -> f32 {
    let (r, exponent) = reduced(x);
    let power = of_signed_bits(BITS_OF_ONE.wrapping_add(exponent));
    let result = power * ((exp_core(r) * r + 1.0) * r + 1.0);
    select(x < LN_OF_SMALLEST_NORMAL, 0.0, result)
}

/// `e^x` and `1 - e^x` for x in [-80, 0], each with relative accuracy: `(1 - 2^n) - 2^n (e^r - 1)`, in which
/// nothing cancels.
#[inline(always)]
pub(crate) fn exp_of_negative_and_rest(x: f32) -> [f32; 2] {
    let (r, exponent) = reduced(x);
    let power = of_signed_bits(BITS_OF_ONE.wrapping_add(exponent));
    let core = exp_core(r);
    [power * ((core * r + 1.0) * r + 1.0), (1.0 - power) - power * (r + r * r * core)]
}

/// `e^x - 1` for x >= -18 but NaN: `2^n ((e^r - 1) + (1 - 2^-n))`, in which nothing cancels around
/// 0.
#[inline(always)]
fn exp_m1_of_number(x: f32) -> f32 {
    let (r, exponent) = reduced(select(x < 89.0, x, 89.0));
    let reciprocal_power = of_signed_bits((BITS_OF_ONE - exponent).max(0));
    let bits = signed_bits(r + r * r * exp_core(r) + (1.0 - reciprocal_power)) + exponent;
    of_signed_bits(bits.min(BITS_OF_INFINITY))
}

/// `e^x - 1`, relative accuracy around 0; -1 to the last place below -18.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    select(x.is_nan(), x, exp_m1_of_number(select(x > -18.0, x, -18.0)))
}

/// `e^x - 1` for |x| <= 0.35, with relative accuracy around 0.
#[inline(always)]
pub(crate) fn exp_m1_near_0(x: f32) -> f32 {
    x + x * x * exp_core(x)
}

/// `k ln 2 + ln(1 + f)` for 1 + f in [sqrt(1/2), sqrt(2)] and an integer k, shifted to an exponent
/// field: a minimax polynomial.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "an exponent of 9 bits, and zeros")]
fn ln_core(f: f32, exponent: i32) -> f32 {
    const UNIT: f32 = 1.0 / (1 << 23) as f32;
    let p = ((-0.076_364_35 * f + 0.127_622_16) * f - 0.131_596_1) * f + 0.142_015_8;
    let p = ((p * f - 0.166_234_09) * f + 0.200_012_42) * f - 0.250_008_2;
    let p = (p * f + 0.333_333_3) * f - 0.5;
    let k = exponent as f32;
    k * (UNIT * LN_2_HIGH) + (f + (f * f * p + k * (UNIT * LN_2_LOW)))
}

/// The exponent k of x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)], in its field.
#[inline(always)]
fn exponent_field(bits: i32) -> i32 {
    bits.wrapping_sub(BITS_OF_SQRT_HALF) & !0x007f_ffff
}

/// The bits of a positive number as if the exponent field had more bits: a denormal one is a whole
/// number, made a float by its value, times 2^-149. Exact.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "a denormal number's bits are below 2^23")]
fn bits_of_any_exponent(bits: i32) -> i32 {
    let spread = signed_bits(bits as f32).wrapping_sub(BITS_OF_2_149);
    if bits < BITS_OF_SMALLEST_NORMAL { spread } else { bits }
}

/// The natural logarithm: `x = 2^k (1 + f)`, split by bits, so that f is exact. Worst 0.91 ULP.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let bits = bits_of_any_exponent(signed_bits(x));
    let exponent = exponent_field(bits);
    let result = ln_core(of_signed_bits(bits.wrapping_sub(exponent)) - 1.0, exponent);
    let below = select(x == 0.0, f32::NEG_INFINITY, f32::NAN);
    select(x > 0.0, select(x == f32::INFINITY, x, result), below)
}

/// `ln(1 + x)` for finite x > -1: the rounded 1 + x only chooses k in `1 + x = 2^k (1 + f)`, and `f
/// = x 2^-k + (2^-k - 1)`, which is x itself around 0. On bits also where x is in [0, 1] and k
/// could be selected: LLVM would compute both arms of such a selection to the end.
#[inline(always)]
fn ln_1p_of_number(x: f32) -> f32 {
    let exponent = exponent_field(signed_bits(1.0 + x));
    let reciprocal_power = of_signed_bits(BITS_OF_ONE.wrapping_sub(exponent).max(0));
    let f = of_signed_bits(signed_bits(x).wrapping_sub(exponent)) + (reciprocal_power - 1.0);
    ln_core(f, exponent)
}

/// `ln(1 + x)`, with relative accuracy around 0. Worst 1.50 ULP.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    let carried = select(signed_bits(x) >= BITS_OF_INFINITY, x, ln_1p_of_number(x));
    let beyond = select(x.to_bits() == BITS_OF_MINUS_ONE, f32::NEG_INFINITY, f32::NAN);
    select(x.to_bits() >= BITS_OF_MINUS_ONE, beyond, carried)
}

/// `1 / (1 + e^-x)`, for x < 0 as `e^x / (1 + e^x)`: no overflow, small results are quotients.
/// Worst 2.36 ULP.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let e = exp_of_negative(-x.abs());
    select(x < 0.0, e, 1.0) / (1.0 + e)
}

/// `(1 - y) sigmoid(x) - weight y sigmoid(-x)`: with `no = 1 - y`, `yes = weight y` and `e = e^-|x|`,
/// for x >= 0 it is `(no - yes e) / (1 + e)`. Around 0, where both sides are near 1/2, the numerator is
/// `(no - yes) + yes (1 - e)`, of which nothing is rounded to 1.
#[inline(always)]
pub(crate) fn sigmoid_difference(x: f32, y: f32, weight: f32) -> f32 {
    weighted_difference(x, 1.0 - y, weight * y, 1.0 - (1.0 + weight) * y)
}

/// The slope of [`softplus_sum`]: `no sigmoid(x) - yes sigmoid(-x)`, as [`sigmoid_difference`].
#[inline(always)]
pub(crate) fn softplus_sum_slope(x: f32, yes: f32, no: f32) -> f32 {
    weighted_difference(x, no, yes, no - yes)
}

#[inline(always)]
fn weighted_difference(x: f32, no: f32, yes: f32, difference: f32) -> f32 {
    let a = x.abs();
    let (r, exponent) = reduced(-a);
    let slope = exp_core(r) * r + 1.0; // (e^r - 1) / r
    let power = of_signed_bits(BITS_OF_ONE.wrapping_add(exponent));
    let e = select(-a < LN_OF_SMALLEST_NORMAL, 0.0, power * (slope * r + 1.0));
    let (far, lesser) = if x < 0.0 { (no * e - yes, -no) } else { (no - yes * e, yes) };
    let near = difference + lesser * (slope * a);
    select(a < 0.25, near, far) / (1.0 + e)
}

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`, both terms of one sign, no overflow. Worst 1.71 ULP.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let tail = ln_1p_of_number(exp_of_negative(-x.abs()));
    select(x < 0.0, 0.0, x) + tail
}

/// `yes softplus(-x) + no softplus(x)`: the binary cross entropy of a logit whose sides weigh so much. A
/// weight of 0 silences its term even where softplus is infinite.
#[inline(always)]
pub(crate) fn softplus_sum(x: f32, yes: f32, no: f32) -> f32 {
    silenced(yes, softplus(-x)) + silenced(no, softplus(x))
}

/// `m / (m + 2)` over `m = e^2|x| - 1`, with the sign of x: m has relative accuracy at 0. Worst
/// 2.52 ULP.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let doubled = 2.0 * x.abs();
    let m = exp_m1_of_number(select(doubled < 18.04, doubled, 18.04));
    select(x.is_nan(), x, (m / (m + 2.0)).copysign(x))
}

/// `ln(cosh(x))`: |x| - ln 2 + ln(1 + e^-2|x|) from 1 on, below by the series of cosh - 1, as the
/// other form cancels there. Worst 2.38 ULP.
#[inline(always)]
pub(crate) fn log_cosh(x: f32) -> f32 {
    let a = x.abs();
    let z = a * a;
    let series = (2.533_280_3e-5 * z + 0.001_388_583) * z + 0.041_666_716;
    let near = 0.5 * z + z * z * series;
    // A mask, as LLVM would compute both arms of a selection to the end; of NaN it is 0.
    let mask = 0_u32.wrapping_sub(u32::from(a < 1.0));
    let chosen = (near.to_bits() & mask) | (exp_of_number(-2.0 * a).to_bits() & !mask);
    let offset = f32::from_bits((a - std::f32::consts::LN_2).to_bits() & !mask);
    offset + ln_1p_of_number(f32::from_bits(chosen))
}

/// `atan(x)`: `r + r^3 P(r^2)` of r = |x| or, past 1, of its reciprocal; there pi / 2 less that. Worst
/// 2.31 ULP.
#[inline(always)]
pub(crate) fn atan(x: f32) -> f32 {
    let a = x.abs();
    let beyond = a > 1.0;
    let r = select(beyond, 1.0 / select(beyond, a, 1.0), a);
    let s = r * r;
    let p = ((0.002_785_698_3 * s - 0.015_866_023) * s + 0.042_472_232) * s - 0.074_975_3;
    let p = (((p * s + 0.106_448_8) * s - 0.142_070_31) * s + 0.199_934_54) * s - 0.333_331_47;
    let near = p * s * r + r;
    select(beyond, std::f32::consts::FRAC_PI_2 - near, near).copysign(x)
}

/// The largest power of two up to x >= 0, but not below 2^-126; infinity stays. Multiplying by its
/// reciprocal is exact and brings x to between 1 and 2.
#[inline(always)]
pub(crate) fn power_of_two_within(x: f32) -> f32 {
    of_signed_bits((signed_bits(x) & BITS_OF_INFINITY).max(BITS_OF_SMALLEST_NORMAL))
}

/// Whether a sum of squares has lost nothing to overflow or underflow, and the product of two such
/// neither.
#[inline(always)]
pub(crate) fn is_moderate(sum: f32) -> bool {
    const SMALL: f32 = f32::from_bits(67 << 23); // 2^-60
    SMALL < sum && sum < 1.0 / SMALL
}

/// `base^exponent` for base >= 0: `2^(y k + y log2 m)` with base = 2^k m, where y is cut in two so that
/// y k is exact. A negative base gives NaN, and C's corners hold. Worst 7.7 ULP for |exponent| <= 8.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "an exponent of 9 bits")]
pub(crate) fn power(base: f32, exponent: f32) -> f32 {
    let base_bits = signed_bits(base);
    let shifted = bits_of_any_exponent(base_bits).wrapping_sub(BITS_OF_SQRT_HALF);
    let k = (shifted >> 23) as f32;
    let f = of_signed_bits((shifted & 0x007f_ffff) + BITS_OF_SQRT_HALF) - 1.0;
    let log2_of_mantissa = ln_core(f, 0) * LOG2_OF_E;
    // Beyond 2^33 even the neighbours of 1 overflow or vanish.
    let y = exponent.clamp(-8_589_934_592.0, 8_589_934_592.0);
    let y_high = f32::from_bits(y.to_bits() & 0xffff_f000);
    let exact = y_high * k;
    let whole = exact.round_ties_even();
    let rest = (exact - whole) + ((y - y_high) * k + y * log2_of_mantissa);
    let whole_rest = rest.round_ties_even();
    let n = whole + whole_rest;
    let r = (rest - whole_rest) * std::f32::consts::LN_2;
    let mantissa = (exp_core(r) * r + 1.0) * r + 1.0;
    let exponent_field = signed_bits(n.clamp(-128.0, 128.0) + ROUNDER) << 23;
    let bits = signed_bits(mantissa).wrapping_add(exponent_field);
    let bounded = bits.min(BITS_OF_INFINITY);
    let result = of_signed_bits(if bits < BITS_OF_SMALLEST_NORMAL { 0 } else { bounded });
    let result = select(n > 128.0, f32::INFINITY, result);
    let is_zero = base == 0.0;
    let ends = select((exponent < 0.0) == is_zero, f32::INFINITY, 0.0);
    let result = select(is_zero | (base_bits == BITS_OF_INFINITY), ends, result);
    let undefined = base.is_nan() | exponent.is_nan() | (base < 0.0);
    let result = select(undefined, f32::NAN, result);
    select((exponent == 0.0) | (base == 1.0), 1.0, result)
}

/// `base^exponent` for any base: a negative one takes whole exponents, of which odd ones keep its sign,
/// and is NaN with others.
#[inline(always)]
pub(crate) fn signed_power(base: f32, exponent: f32) -> f32 {
    let size = power(base.abs(), exponent);
    let is_whole = exponent.round_ties_even() == exponent;
    let is_odd = is_whole & (2.0 * (0.5 * exponent).round_ties_even() != exponent);
    let is_any = is_whole | !base.is_finite() | (base == 0.0);
    let result = select(is_any, select(is_odd, -size, size), f32::NAN);
    select(signed_bits(base) < 0, result, size)
}

/// The product, where a factor of 0 silences even an infinite term; NaN stays.
#[inline(always)]
pub(crate) fn silenced(factor: f32, term: f32) -> f32 {
    if factor == 0.0 && !term.is_nan() { 0.0 } else { factor * term }
}

#[cfg(test)]
mod tests {
    use super::wide_exp;

    #[test]
    fn wide_exponentials() {
        let mut worst = 0.0_f64;
        for i in -70_830_i32..=70_970 {
            let x = f64::from(i) * 0.01 + f64::from(i % 7) * 1e-4;
            let (got, want) = (wide_exp(x), x.exp());
            worst = worst.max((got - want).abs() / (want * f64::EPSILON));
        }
        assert!(worst < 2.0, "{worst} units in the last place");
        assert_eq!(wide_exp(0.0), 1.0);
        assert_eq!(wide_exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(wide_exp(-750.0), 0.0);
        assert_eq!(wide_exp(710.0), f64::INFINITY);
        assert_eq!(wide_exp(f64::INFINITY), f64::INFINITY);
        assert!(wide_exp(f64::NAN).is_nan());
    }
}
