// The remainder of a quotient of f32, for custom losses.

// The digits of a positive number, in units of its exponent: denormal ones have no hidden bit.
fn digits_of(bits: u32) -> u32 {
    return select((bits & 0x007fffffu) | 0x00800000u, bits, bits < 0x00800000u);
}

// x - y trunc(x / y), exact and with the sign of x: a long division of whole numbers, eight digits at a time, as
// the quotient may have far more than 24.
fn float_remainder(x: f32, y: f32) -> f32 {
    let a = bitcast<u32>(x) & 0x7fffffffu;
    let b = bitcast<u32>(y) & 0x7fffffffu;
    let exponent = max(b >> 23u, 1u);
    let divisor = max(digits_of(b), 1u);
    var rest = digits_of(a) % divisor;
    var left = max(a >> 23u, exponent) - exponent;
    while (left > 0u) {
        let step = min(left, 8u);
        rest = (rest << step) % divisor;
        left -= step;
    }
    // In two steps, of which the first does not vanish.
    let place = max(exponent, 64u);
    let start = f32(rest) * bitcast<f32>((place - 23u) << 23u);
    let size = start * bitcast<f32>((127u + exponent - place) << 23u);
    let signed_size = bitcast<f32>(bitcast<u32>(size) | (bitcast<u32>(x) & 0x80000000u));
    let undefined = (b == 0u) | (a >= 0x7f800000u) | (b > 0x7f800000u);
    return select(select(signed_size, x, a < b), not_a_number(), undefined);
}
