// The remainder of a quotient of f32, for custom losses.

// The digits of a positive number, in units of its exponent: denormal ones have no hidden bit.
fn digits_of_float(bits: u32) -> u32 {
    return select((bits & 0x007fffffu) | 0x00800000u, bits, bits < 0x00800000u);
}

// Eight more binary digits of a long division, as far as there are any: what is left of it, and how many digits are.
fn division_step(rest: vec2<u32>, divisor: u32) -> vec2<u32> {
    let step = min(rest.y, 8u);
    return vec2((rest.x << step) % divisor, rest.y - step);
}

// Four of these.
fn division_steps(rest: vec2<u32>, divisor: u32) -> vec2<u32> {
    let half = division_step(division_step(rest, divisor), divisor);
    return division_step(division_step(half, divisor), divisor);
}

// x - y trunc(x / y), exact and with the sign of x: a long division of whole numbers. Quotients may have 277 digits;
// without a loop, since drivers count the rounds of all loops that a lane takes, and end them silently.
fn float_remainder(x: f32, y: f32) -> f32 {
    let a = bitcast<u32>(x) & 0x7fffffffu;
    let b = bitcast<u32>(y) & 0x7fffffffu;
    let exponent = max(b >> 23u, 1u);
    let divisor = max(digits_of_float(b), 1u);
    let left = max(a >> 23u, exponent) - exponent;
    var rest = division_steps(vec2(digits_of_float(a) % divisor, left), divisor);
    if (rest.y > 0u) {
        rest = division_steps(division_steps(rest, divisor), divisor);
        rest = division_steps(division_steps(rest, divisor), divisor);
        rest = division_steps(division_steps(rest, divisor), divisor);
        rest = division_steps(rest, divisor);
    }
    // In two steps, of which the first does not vanish.
    let place = max(exponent, 64u);
    let start = f32(rest.x) * bitcast<f32>((place - 23u) << 23u);
    let size = start * bitcast<f32>((127u + exponent - place) << 23u);
    let signed_size = bitcast<f32>(bitcast<u32>(size) | (bitcast<u32>(x) & 0x80000000u));
    let undefined = (b == 0u) | (a >= 0x7f800000u) | (b > 0x7f800000u);
    return select(select(signed_size, x, a < b), not_a_number(), undefined);
}
