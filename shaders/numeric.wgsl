// Elementary functions on f32, built from + * / and integer operations on bits only.
//
// Why not the built-ins: WGSL allows exp 3 + 2|x| ULP and log an absolute error near 1, drivers use
// that freedom, and min, max and comparisons may lose NaN. Why these forms: a driver may
// reassociate, fuse, and assume that no NaN exists. So special values are told apart by bits,
// powers of two are multiplied in by adding to the exponent field (which cannot overflow on the
// way), and wherever (a + 1) - 1 would be harmful the 1 stands behind a select, through which no
// compiler reassociates. Drivers may flush denormal numbers in arithmetic: logarithms read them by
// their bits, elsewhere denormal inputs count as zero, and denormal results are flushed to zero.
// "Worst" below: largest error found against float64 on lavapipe, in units in the last place.

const LOG2_OF_E: f32 = 1.442695;
// ln 2 = HIGH + LOW, where HIGH has 9 bits: an integer of 8 bits times HIGH is exact.
const LN_2_HIGH: f32 = 0.693359375;
const LN_2_LOW: f32 = -0.00021219444;
const LN_2: f32 = 0.6931472;
const HALF_PI: f32 = 1.5707964;
// 1.5 * 2^23: the sum with an integer below 2^22 has that integer in its low bits.
const INTEGER_TO_BITS: f32 = 12582912.0;
const BITS_OF_SQRT_HALF: i32 = 0x3f3504f3;
const BITS_OF_ONE: i32 = 0x3f800000;
const BITS_OF_INFINITY: i32 = 0x7f800000;
const BITS_OF_SMALLEST_NORMAL: i32 = 0x00800000;
// 149, shifted to an exponent field.
const BITS_OF_2_149: i32 = 0x4a800000;
// The bits of the sign and the exponent, and the unit of an exponent that stands there.
const EXPONENT_FIELD: i32 = -0x00800000;
const TWO_23: f32 = 8388608.0;

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}

// Comparisons that are false where either number is NaN. A compiler that may assume that there is none
// takes `!(a < b)` for `a >= b`, and lavapipe's `a != a` is always false.
fn is_less(a: f32, b: f32) -> bool {
    return select(a < b, false, is_nan(a) | is_nan(b));
}

fn is_at_most(a: f32, b: f32) -> bool {
    return select(a <= b, false, is_nan(a) | is_nan(b));
}

fn is_equal(a: f32, b: f32) -> bool {
    return select(a == b, false, is_nan(a) | is_nan(b));
}

// 0, and x itself, of which no compiler knows so: one of u and u + 1 is even. With them x - x and 0 x
// are NaN where x is not finite, which compilers forget.
fn hidden_zero(x: f32) -> f32 {
    let u = bitcast<u32>(x);
    return bitcast<f32>((u * (u + 1u)) & 1u);
}

fn hidden(x: f32) -> f32 {
    let u = bitcast<u32>(x);
    return bitcast<f32>(u ^ ((u * (u + 1u)) & 1u));
}

// Through a variable: a constant expression must not be NaN or infinite.
fn not_a_number() -> f32 {
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}

fn infinity() -> f32 {
    var bits = 0x7f800000u;
    return bitcast<f32>(bits);
}

// max, min, sign and clamp, except that NaN is carried, which the built-ins may drop. Exact.
fn maximum(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}

fn minimum(a: f32, b: f32) -> f32 {
    return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}

fn sign_of(x: f32) -> f32 {
    return select(sign(x), x, is_nan(x));
}

fn clamped(x: f32, low: f32, high: f32) -> f32 {
    return select(min(max(x, low), high), x, is_nan(x));
}

// x = n ln 2 + remainder, |remainder| <= 0.35, and below -88, where e^x has vanished, between -1.1 and 0.35;
// exponent_bits is n, shifted to an exponent field.
struct ReducedExponent {
    remainder: f32,
    exponent_bits: i32,
}

// For x <= 89.5, infinite ones below included. Adding INTEGER_TO_BITS rounds to an integer. Besides numbers below -88,
// both max keep compilers from what they would do: forget that rounding, and merge the two products into n * (HIGH +
// LOW), which Mesa does, even to fma, and which costs 67 ULP.
fn reduced_exponent(x: f32) -> ReducedExponent {
    let shifted = max(x * LOG2_OF_E + INTEGER_TO_BITS, INTEGER_TO_BITS - 128.0);
    let n = shifted - INTEGER_TO_BITS;
    let remainder = max(x - n * LN_2_HIGH, -1.0) - n * LN_2_LOW;
    return ReducedExponent(remainder, bitcast<i32>(shifted) << 23u);
}

// (e^r - 1 - r) / r^2 for |r| <= 0.35: minimax, 2^-26.1 of e^r - 1, so that it serves e^r and e^r -
// 1.
fn exponential_core(r: f32) -> f32 {
    return (((0.0013870291 * r + 0.008366257) * r + 0.04166744) * r + 0.16666546) * r + 0.49999997;
}

// e^r: nested, so that there is no sum to reassociate.
fn exponential_of_remainder(r: f32) -> f32 {
    return (exponential_core(r) * r + 1.0) * r + 1.0;
}

// mantissa * 2^n for mantissa in [0.7, 1.42] and |n| <= 128: infinite or zero where f32 ends.
fn scaled(mantissa: f32, exponent_bits: i32) -> f32 {
    let bits = bitcast<i32>(mantissa) + exponent_bits;
    return bitcast<f32>(select(min(bits, BITS_OF_INFINITY), 0, bits < BITS_OF_SMALLEST_NORMAL));
}

// e^x for any x but NaN; at 89 the result has long been infinite.
fn exponential_of_number(x: f32) -> f32 {
    let reduced = reduced_exponent(min(x, 89.0));
    return scaled(exponential_of_remainder(reduced.remainder), reduced.exponent_bits);
}

// e^x = 2^n e^r. Stable: r is exact to 2^-30, and 2^n enters through the exponent field. Worst 1.17
// ULP.
fn exponential(x: f32) -> f32 {
    return select(exponential_of_number(x), x, is_nan(x));
}

// e^x for x <= 0, without the selects for what cannot be: where e^x is not 0 but below the smallest normal number,
// some number below it, and for NaN any. Worst as exponential_of_number.
fn exponential_of_negative(x: f32) -> f32 {
    let reduced = reduced_exponent(x);
    let bits = bitcast<i32>(exponential_of_remainder(reduced.remainder)) + reduced.exponent_bits;
    return bitcast<f32>(max(bits, 0));
}

// e^-below for below >= 0. NaN is carried.
fn exponential_below(below: f32) -> f32 {
    return select(exponential_of_negative(-below), below, is_nan(below));
}

// e^x - 1 for x from -0.34 to 0, where n is 0; by the exponential's own remainder, so that a compiler that needs e^x
// too computes most of both once. Stable: nothing cancels.
fn exponential_minus_one_near_zero(x: f32) -> f32 {
    let r = reduced_exponent(x).remainder;
    return (exponential_core(r) * r + 1.0) * r;
}

// e^x and 1 - e^x for x <= 0. Stable: what cancels is at most 0.72.
fn exponential_of_negative_and_rest(x: f32) -> vec2<f32> {
    let e = exponential_of_negative(x);
    return vec2(e, select(1.0 - e, -exponential_minus_one_near_zero(x), x > -0.34));
}

// e^x - 1 for x >= -18 but NaN: 2^n ((e^r - 1) + (1 - 2^-n)). Stable: near 0, n is 0 and nothing
// cancels.
fn exponential_minus_one_of_number(x: f32) -> f32 {
    let reduced = reduced_exponent(min(x, 89.0));
    let reciprocal_power = bitcast<f32>(max(BITS_OF_ONE - reduced.exponent_bits, 0));
    let offset = select(1.0 - reciprocal_power, 0.0, reduced.exponent_bits == 0);
    let r = reduced.remainder;
    let bits = bitcast<i32>(r + r * r * exponential_core(r) + offset) + reduced.exponent_bits;
    return bitcast<f32>(min(bits, BITS_OF_INFINITY));
}

// e^x - 1, relative accuracy around 0; -1 to the last place below -18. Worst 1.65 ULP.
fn exponential_minus_one(x: f32) -> f32 {
    return select(exponential_minus_one_of_number(max(x, -18.0)), x, is_nan(x));
}

// k ln 2 + log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1] and an integer k: f - f^2/2 + f^3 P(f),
// minimax, relative error 2^-27.3. f comes last but one, so that its low bits are not rounded
// twice; no division.
fn logarithm_core(f: f32, k: f32) -> f32 {
    return logarithm_in_units(f, k, LN_2_HIGH, LN_2_LOW);
}

// The same of a k in units of which each has this logarithm, cut in two as ln 2 is.
fn logarithm_in_units(f: f32, k: f32, high: f32, low: f32) -> f32 {
    var p = -0.07636435 * f + 0.12762216;
    p = ((p * f - 0.1315961) * f + 0.1420158) * f - 0.16623409;
    p = ((p * f + 0.20001242) * f - 0.2500082) * f + 0.3333333;
    return k * high + (f + (f * f * (p * f - 0.5) + k * low));
}

// The bits of a positive number as if the exponent field had more bits: a denormal one is a whole
// number, made a float by its value, times 2^-149. Exact.
fn bits_of_any_exponent(bits: i32) -> i32 {
    return select(bits, bitcast<i32>(f32(bits)) - BITS_OF_2_149, bits < BITS_OF_SMALLEST_NORMAL);
}

// log x: x = 2^k (1 + f), split by bits, with k in its field. Stable: f is exact, and around 1, k is
// 0. Worst 0.91 ULP.
fn logarithm(x: f32) -> f32 {
    let bits = bitcast<i32>(x);
    let any = bits_of_any_exponent(bits);
    let exponent_bits = (any - BITS_OF_SQRT_HALF) & EXPONENT_FIELD;
    let f = bitcast<f32>(any - exponent_bits) - 1.0;
    let result = logarithm_in_units(f, f32(exponent_bits), LN_2_HIGH / TWO_23, LN_2_LOW / TWO_23);
    let below = select(not_a_number(), -infinity(), (bits & 0x7fffffff) == 0);
    let carried = select(result, x, bits >= BITS_OF_INFINITY);
    return select(carried, below, bits <= 0);
}

// log(1 + x) for a finite x > -1: 1 + x = 2^k (1 + f), where the rounded sum only chooses k, and f = x 2^-k +
// (2^-k - 1). Stable: around 0, k is 0 and f is x itself; nothing corrects a rounding afterwards. Worst
// 1.50 ULP.
fn logarithm_one_plus_of_number(x: f32) -> f32 {
    let bits = bitcast<i32>(x);
    let exponent_bits = (bitcast<i32>(1.0 + x) - BITS_OF_SQRT_HALF) & EXPONENT_FIELD;
    let reciprocal_power = bitcast<f32>(max(BITS_OF_ONE - exponent_bits, 0));
    let offset = select(reciprocal_power - 1.0, 0.0, exponent_bits == 0);
    let f = bitcast<f32>(bits - exponent_bits) + offset;
    return logarithm_in_units(f, f32(exponent_bits), LN_2_HIGH / TWO_23, LN_2_LOW / TWO_23);
}

// The same for any x.
fn logarithm_one_plus(x: f32) -> f32 {
    let carried = select(logarithm_one_plus_of_number(x), x, bitcast<i32>(x) >= BITS_OF_INFINITY);
    let beyond = select(not_a_number(), -infinity(), bitcast<u32>(x) == 0xbf800000u);
    return select(carried, beyond, bitcast<u32>(x) >= 0xbf800000u);
}

// log(1 + x) for x in [0, 1], where k is 0 or 1.
fn logarithm_one_plus_unit(x: f32) -> f32 {
    let halved = x > 0.41421357;
    let near = logarithm_core(select(x, 0.5 * x - 0.5, halved), 0.0);
    return select(near, LN_2 + near, halved);
}

// 1 / (1 + e^-x), for x < 0 as e^x / (1 + e^x). Stable: e^-|x| cannot overflow, and the small side
// is a quotient, not a difference from 1. Worst 2.36 ULP.
fn sigmoid(x: f32) -> f32 {
    let e = exponential_of_negative(-abs(x));
    return select(select(1.0, e, x < 0.0) / (1.0 + e), x, is_nan(x));
}

// (1 - y) sigmoid(x) - weight y sigmoid(-x): with no = 1 - y, yes = weight y and e = e^-|x|, for
// x >= 0 it is (no - yes e) / (1 + e). Stable: around 0, where both sides are near 1/2, the numerator
// is (no - yes) + yes (1 - e), of which nothing is rounded to 1; the 1 stands behind a select.
fn sigmoid_difference(x: f32, y: f32, weight: f32) -> f32 {
    return weighted_difference(x, 1.0 - y, weight * y, 1.0 - (1.0 + weight) * y);
}

// The slope of softplus_sum: no sigmoid(x) - yes sigmoid(-x). Stable as sigmoid_difference.
fn softplus_sum_slope(x: f32, yes: f32, no: f32) -> f32 {
    return weighted_difference(x, no, yes, no - yes);
}

fn weighted_difference(x: f32, no: f32, yes: f32, difference: f32) -> f32 {
    let e = exponential_of_negative(-abs(x));
    let sides = select(vec2(no, yes), vec2(-yes, -no), x < 0.0);
    let near = vec2(difference, exponential_minus_one_near_zero(-abs(x)));
    let parts = select(vec2(sides.x, e), near, abs(x) < 0.25);
    return select((parts.x - sides.y * parts.y) / (1.0 + e), x, is_nan(x));
}

// min(x, 0) - log(1 + e^-|x|). Stable: both terms have one sign, no overflow. Worst 1.92 ULP.
fn log_sigmoid(x: f32) -> f32 {
    let tail = logarithm_one_plus_unit(exponential_of_negative(-abs(x)));
    return select(min(x, 0.0) - tail, x, is_nan(x));
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). Stable as log_sigmoid. Worst 1.92 ULP.
fn softplus(x: f32) -> f32 {
    let tail = logarithm_one_plus_unit(exponential_of_negative(-abs(x)));
    return select(max(x, 0.0) + tail, x, is_nan(x));
}

// yes softplus(-x) + no softplus(x): the binary cross entropy of a logit whose sides weigh so much. Stable:
// both softplus share log(1 + e^-|x|), and no term cancels another unless a weight is negative. Of the rest,
// |x| for one side, a weight of 0 silences even an infinite one.
fn softplus_sum(x: f32, yes: f32, no: f32) -> f32 {
    let tail = logarithm_one_plus_unit(exponential_of_negative(-abs(x)));
    let side = select(no, -yes, x < 0.0);
    let far = select(side * x, 0.0, side == 0.0);
    return select((yes + no) * tail + far, x, is_nan(x));
}

// (e^2|x| - 1) / (e^2|x| + 1) with the sign of x, over m = e^2|x| - 1: m / (m + 2). Stable: m has
// relative accuracy at 0, its error shrinks in the quotient, and past 9.02 the result is 1. Worst
// 2.52 ULP.
fn hyperbolic_tangent(x: f32) -> f32 {
    let m = exponential_minus_one_of_number(min(2.0 * abs(x), 18.04));
    let sign_bit = bitcast<u32>(x) & 0x80000000u;
    return select(bitcast<f32>(bitcast<u32>(m / (m + 2.0)) | sign_bit), x, is_nan(x));
}

// log(cosh x): |x| - ln 2 + log(1 + e^-2|x|) from 1 on, log(1 + (cosh x - 1)) by the series of cosh
// below. Stable: the first form would cancel near 0, the second would overflow far out. Worst 2.38
// ULP.
fn log_cosh(x: f32) -> f32 {
    let a = abs(x);
    let z = a * a;
    let near = 0.5 * z + z * z * ((2.5332803e-05 * z + 0.001388583) * z + 0.041666716);
    let small = a < 1.0;
    let tail = logarithm_one_plus_unit(select(exponential_of_negative(-2.0 * a), near, small));
    return select(select(a - LN_2, 0.0, small) + tail, x, is_nan(x));
}

// atan x: r + r^3 P(r^2) of r = |x| or, past 1, of its reciprocal, minimax; there pi / 2 less that.
// Stable: r comes last, and no difference is small. Worst 2.31 ULP.
fn arctangent(x: f32) -> f32 {
    let a = abs(x);
    let beyond = a > 1.0;
    let r = select(a, 1.0 / max(a, 1.0), beyond);
    let s = r * r;
    var p = ((0.0027856983 * s - 0.015866023) * s + 0.042472232) * s - 0.07497530;
    p = (((p * s + 0.1064488) * s - 0.14207031) * s + 0.19993454) * s - 0.33333147;
    let near = p * s * r + r;
    let angle = select(near, HALF_PI - near, beyond);
    let sign_bit = bitcast<u32>(x) & 0x80000000u;
    return select(bitcast<f32>(bitcast<u32>(angle) | sign_bit), x, is_nan(x));
}

// base^exponent for base >= 0: 2^(y k + y log2 m) with base = 2^k m. Stable: y is cut in two by
// bits, so that y k is exact and only y log2 m, |log2 m| <= 1/2, is rounded. A negative base gives
// NaN, and C's corners hold: anything^0 = 1^anything = 1, NaN included. Worst 7.7 ULP for
// |exponent| <= 8.
fn power(base: f32, exponent: f32) -> f32 {
    let base_bits = bitcast<i32>(base);
    let shifted = bits_of_any_exponent(base_bits) - BITS_OF_SQRT_HALF;
    let k = f32(shifted >> 23u);
    let f = bitcast<f32>((shifted & 0x007fffff) + BITS_OF_SQRT_HALF) - 1.0;
    let log2_of_mantissa = logarithm_core(f, 0.0) * LOG2_OF_E;
    // Beyond 2^33 even the neighbours of 1 overflow or vanish.
    let y = clamp(exponent, -8589934592.0, 8589934592.0);
    let y_high = bitcast<f32>(bitcast<u32>(y) & 0xfffff000u);
    let exact = y_high * k;
    let whole = round(exact);
    let rest = (exact - whole) + ((y - y_high) * k + y * log2_of_mantissa);
    let whole_rest = round(rest);
    let n = whole + whole_rest;
    let mantissa = exponential_of_remainder((rest - whole_rest) * LN_2);
    var result = scaled(mantissa, bitcast<i32>(clamp(n, -128.0, 128.0) + INTEGER_TO_BITS) << 23u);
    result = select(result, infinity(), n > 128.0);
    let is_zero = (base_bits & 0x7fffffff) == 0;
    let ends = select(0.0, infinity(), (exponent < 0.0) == is_zero);
    result = select(result, ends, is_zero | (base_bits == BITS_OF_INFINITY));
    let undefined = is_nan(base) | is_nan(exponent) | ((base_bits < 0) & !is_zero);
    result = select(result, not_a_number(), undefined);
    let exponent_is_zero = (bitcast<i32>(exponent) & 0x7fffffff) < BITS_OF_SMALLEST_NORMAL;
    return select(result, 1.0, exponent_is_zero | (base_bits == BITS_OF_ONE));
}

// base^exponent for any base: a negative one takes whole exponents, of which odd ones keep its sign, and
// is NaN with others.
fn signed_power(base: f32, exponent: f32) -> f32 {
    let size = power(abs(base), exponent);
    let is_whole = !is_nan(exponent) & (round(exponent) == exponent);
    let is_odd = is_whole & (2.0 * round(0.5 * exponent) != exponent);
    let is_any = is_whole | !is_finite(base) | (base == 0.0);
    let result = select(not_a_number(), select(size, -size, is_odd), is_any);
    return select(size, result, bitcast<i32>(base) < 0);
}

// The product, where a factor of 0 silences even an infinite term; NaN stays.
fn silenced(factor: f32, term: f32) -> f32 {
    return select(factor * term, 0.0, (factor == 0.0) & !is_nan(term));
}
