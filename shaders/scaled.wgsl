// Probabilities of paths: numbers 2^e (1 + d) with an exponent of their own and |d| small.
//
// Stable: nothing underflows, each step costs a relative rounding however small the probability has
// become (a logarithm of -10000 has an absolute one of 1e-3), no step has a logarithm, and a
// probability near 1 keeps the digits of its distance from 1. An impossible state is the exponent
// IMPOSSIBLE, which no sum of finite log-probabilities above -6.9e37 reaches.

// The exponent of an impossible state.
const IMPOSSIBLE: f32 = -1.0e38;

// 2^e (1 + d), e whole.
struct Scaled {
    d: f32,
    e: f32,
}

fn impossible() -> Scaled {
    return Scaled(0.0, IMPOSSIBLE);
}

fn is_impossible(x: Scaled) -> bool {
    return x.e <= IMPOSSIBLE;
}

// 2^e for e <= 127, 0 below -126.
fn power_of_two(e: f32) -> f32 {
    return bitcast<f32>((i32(max(e, -127.0)) + 127) << 23u);
}

// The larger one's d stays a small number, to which the smaller one is added.
fn sum_of(a: Scaled, b: Scaled) -> Scaled {
    let swapped = b.e > a.e;
    let high_d = select(a.d, b.d, swapped);
    let high_e = select(a.e, b.e, swapped);
    let low_d = select(b.d, a.d, swapped);
    let low_e = select(b.e, a.e, swapped);
    // Two impossible ones stay so by their exponent; their d is not looked at.
    return Scaled(high_d + power_of_two(low_e - high_e) * (1.0 + low_d), high_e);
}

fn product_of(a: Scaled, b: Scaled) -> Scaled {
    return Scaled(a.d + (b.d + a.d * b.d), a.e + b.e);
}

// 1 / x.
fn inverse_of(x: Scaled) -> Scaled {
    return Scaled(-x.d / (1.0 + x.d), -x.e);
}

// The same number with 1 + d in [sqrt(1/2), sqrt 2): the rounded sum only chooses the power of two,
// as in logarithm_one_plus.
fn normalised(x: Scaled) -> Scaled {
    let shifted = bitcast<i32>(1.0 + x.d) - BITS_OF_SQRT_HALF;
    let exponent_bits = bitcast<i32>(bitcast<u32>(shifted) & 0xff800000u);
    let reciprocal_power = bitcast<f32>(max(BITS_OF_ONE - exponent_bits, 0));
    let offset = select(reciprocal_power - 1.0, 0.0, exponent_bits == 0);
    let d = x.d * reciprocal_power + offset;
    let e = x.e + f32(shifted >> 23u);
    if (e <= IMPOSSIBLE) {
        return impossible();
    }
    // The bits of NaN are no power of two; its exponent must not grow from step to step.
    return Scaled(select(d, not_a_number(), is_nan(x.d)), select(e, x.e, is_nan(x.d)));
}

// e^x: exact in e, and d keeps its digits around x = 0.
fn scaled_exponential(x: f32) -> Scaled {
    let bits = bitcast<u32>(x);
    if (bits == 0xff800000u) {
        return impossible();
    }
    if (!is_finite(x)) {
        return Scaled(not_a_number(), 0.0);
    }
    let e = round(x * LOG2_OF_E);
    if (abs(x) > 2000000.0) {
        // Neighbours of x are far more than a factor of 2 apart.
        return normalised(Scaled(0.0, clamp(e, IMPOSSIBLE, -IMPOSSIBLE)));
    }
    // The max never acts; it keeps compilers from merging the products, as in reduced_exponent.
    let r = max(x - e * LN_2_HIGH, -2000.0) - e * LN_2_LOW;
    return Scaled(r + r * r * exponential_core(r), e);
}

// log x.
fn logarithm_of(x: Scaled) -> f32 {
    if (is_impossible(x)) {
        return -infinity();
    }
    return logarithm_core(x.d, x.e);
}
