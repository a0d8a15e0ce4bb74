// Whole powers on f32, for custom losses.

// A number of 36 bits: high, of 12 bits, and low times 2^exponent, where high + low is near 1.
struct LongNumber {
    high: f32,
    low: f32,
    exponent: i32,
}

// The product. That of the high parts is exact.
fn long_product(a: LongNumber, b: LongNumber) -> LongNumber {
    let exact = a.high * b.high;
    let rest = a.high * b.low + (a.low * b.high + a.low * b.low);
    let high = bitcast<f32>(bitcast<u32>(exact + rest) & 0xfffff000u);
    let low = (exact - high) + rest;
    let exponent_bits = (bitcast<i32>(high) - BITS_OF_SQRT_HALF) & EXPONENT_FIELD;
    let power = bitcast<f32>(BITS_OF_ONE - exponent_bits);
    // Where it stays, the result has long been 0 or infinite.
    let exponent = clamp(a.exponent + b.exponent + (exponent_bits >> 23u), -100000, 100000);
    return LongNumber(high * power, low * power, exponent);
}

// x^n by squaring. What is squared has 12 bits more than x, and loses them where n is in the thousands.
fn integer_power(x: f32, n: i32) -> f32 {
    let bits = bitcast<i32>(x) & 0x7fffffff;
    let shifted = bits_of_any_exponent(bits) - BITS_OF_SQRT_HALF;
    let mantissa = bitcast<f32>((shifted & 0x007fffff) + BITS_OF_SQRT_HALF);
    let start = bitcast<f32>(bitcast<u32>(mantissa) & 0xfffff000u);
    var base = LongNumber(start, mantissa - start, shifted >> 23u);
    var result = LongNumber(1.0, 0.0, 0);
    for (var left = bitcast<u32>(abs(n)); left != 0u; left >>= 1u) {
        if (left & 1u) != 0u {
            result = long_product(result, base);
        }
        base = long_product(base, base);
    }
    let up = result.high + result.low;
    let inverse = n < 0;
    let exponent = select(result.exponent, -result.exponent, inverse);
    let size = scaled(select(up, 1.0 / up, inverse), clamp(exponent, -130, 128) << 23u);
    let finite = select(size, infinity(), exponent > 128);
    let is_zero = bits == 0;
    let ends = select(0.0, infinity(), inverse == is_zero);
    let value = select(finite, ends, is_zero | (bits == BITS_OF_INFINITY));
    let sign_bit = select(0u, bitcast<u32>(x) & 0x80000000u, (n & 1) != 0);
    let signed_value = bitcast<f32>(bitcast<u32>(value) | sign_bit);
    return select(select(signed_value, x, is_nan(x)), 1.0, n == 0);
}
