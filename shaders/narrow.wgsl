// float32 to the 16 bits of float16 or bfloat16: to the nearest number, ties to even, past the
// largest one to infinity; NaN stays NaN. Stable: a carry out of the mantissa raises the exponent, up to
// infinity's. pack2x16float does not say how it rounds, and may give anything for what is too large.

const LARGEST_MAGNITUDE: u32 = 0x7fffffffu;
const MAGNITUDE_OF_INFINITY: u32 = 0x7f800000u;

// The bits but for the sign.
fn float16_magnitude(magnitude: u32) -> u32 {
    // From 2^-14 on, the exponents differ by 112; 2^16 has the one of infinity. What is less than 0x38000000
    // is a half of the last place that stays less the tie's.
    let odd = extractBits(magnitude, 13u, 1u);
    let normal = (min(magnitude, 0x47800000u) - 0x37fff001u + odd) >> 13u;
    // Below, multiples of 2^-24, which is the last place of numbers from 1/2 on.
    let small = bitcast<u32>(bitcast<f32>(magnitude) + 0.5) - 0x3f000000u;
    let number = select(normal, small, magnitude < 0x38800000u);
    return select(number, 0x7e00u, magnitude > MAGNITUDE_OF_INFINITY);
}

fn float16_bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    return ((bits >> 16u) & 0x8000u) | float16_magnitude(bits & LARGEST_MAGNITUDE);
}

// In the upper half of a word, above bits that do not count.
fn upper_bfloat16(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let rounded = bits + 0x7fffu + extractBits(bits, 16u, 1u);
    return select(rounded, 0x7fc00000u, (bits & LARGEST_MAGNITUDE) > MAGNITUDE_OF_INFINITY);
}

fn bfloat16_bits(x: f32) -> u32 {
    return upper_bfloat16(x) >> 16u;
}

fn float16_numbers(word: u32) -> vec2<f32> {
    return unpack2x16float(word);
}

fn bfloat16_numbers(word: u32) -> vec2<f32> {
    return bitcast<vec2<f32>>(vec2(word << 16u, word & 0xffff0000u));
}

// Two neighbours as the word that holds them.
fn float16_pair(x: vec2<f32>) -> u32 {
    let bits = bitcast<vec2<u32>>(x);
    let low = float16_magnitude(bits.x & LARGEST_MAGNITUDE);
    let high = float16_magnitude(bits.y & LARGEST_MAGNITUDE);
    return (low | (high << 16u)) | (((bits.x >> 16u) & 0x8000u) | (bits.y & 0x80000000u));
}

fn bfloat16_pair(x: vec2<f32>) -> u32 {
    return (upper_bfloat16(x.x) >> 16u) | (upper_bfloat16(x.y) & 0xffff0000u);
}
