// float32 to the 16 bits of float16 or bfloat16: to the nearest number, ties to even, past the
// largest one to infinity; NaN stays NaN. Stable: integers only, where a carry out of the mantissa
// raises the exponent, up to infinity's. pack2x16float does not say how it rounds, and may give
// anything for what is too large.

const LARGEST_MAGNITUDE: u32 = 0x7fffffffu;
const MAGNITUDE_OF_INFINITY: u32 = 0x7f800000u;

// `bits` without its lowest `shift` ones, from 1 to 25, rounded.
fn shifted_to_even(bits: u32, shift: u32) -> u32 {
    let odd = (bits >> shift) & 1u;
    return (bits + ((1u << (shift - 1u)) - 1u) + odd) >> shift;
}

fn float16_bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let magnitude = bits & LARGEST_MAGNITUDE;
    // From 2^-14 on, the exponents differ by 112; 2^16 has the one of infinity.
    let normal = shifted_to_even(min(magnitude, 0x47800000u) - min(magnitude, 0x38000000u), 13u);
    // Below, multiples of 2^-24; what is below 2^-25 is shifted out, denormals included.
    let exponent = magnitude >> 23u;
    let shift = min(126u - min(exponent, 112u), 25u);
    let small = shifted_to_even((magnitude & 0x007fffffu) | 0x00800000u, shift);
    let number = select(normal, small, exponent < 113u);
    return ((bits >> 16u) & 0x8000u) | select(number, 0x7e00u, magnitude > MAGNITUDE_OF_INFINITY);
}

fn bfloat16_bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let magnitude = bits & LARGEST_MAGNITUDE;
    let number = shifted_to_even(magnitude, 16u);
    return ((bits >> 16u) & 0x8000u) | select(number, 0x7fc0u, magnitude > MAGNITUDE_OF_INFINITY);
}

fn float16_numbers(word: u32) -> vec2<f32> {
    return unpack2x16float(word);
}

fn bfloat16_numbers(word: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2(word << 16u, word & 0xffff0000u));
}

// Two neighbours as the word that holds them.
fn float16_pair(x: vec2<f32>) -> u32 {
    return float16_bits(x.x) | (float16_bits(x.y) << 16u);
}

fn bfloat16_pair(x: vec2<f32>) -> u32 {
    return bfloat16_bits(x.x) | (bfloat16_bits(x.y) << 16u);
}
