// sin, cos, tan and their inverses on f32, for custom losses. As in numeric.wgsl: own polynomials, NaN
// carried, special values told apart by bits.

// What is left of an angle, at most pi / 4, in two parts of which the first one has 12 bits, and how many
// quarter turns went, modulo 4.
struct ReducedAngle {
    high: f32,
    low: f32,
    quarter: u32,
}

// The upper 32 bits of the product of a number of 24 bits with one of 32.
fn upper_product(a: u32, b: u32) -> u32 {
    let low = vec2(a & 0xffffu, b & 0xffffu);
    let high = vec2(a >> 16u, b >> 16u);
    let first = high.x * low.y + ((low.x * low.y) >> 16u);
    let second = low.x * high.y + (first & 0xffffu);
    return high.x * high.y + (first >> 16u) + (second >> 16u);
}

// x 2 / pi modulo 4 in integers, for any x (Payne and Hanek): of 2 / pi, 96 bits from where they begin
// to matter, times the 24 bits of x. 62 bits lie behind the point, and the float nearest to a multiple
// of pi / 2 is 2^-31 away. The fraction is multiplied by pi / 2 in two parts of which the larger one
// is exact. Below pi / 4 the rest is x itself, which is not split where its second part might be
// denormal.
fn reduced_angle(x: f32) -> ReducedAngle {
    let bits = bitcast<u32>(x) & 0x7fffffffu;
    let place = max(bits >> 23u, 120u) - 120u;
    let far = place >= 128u;
    let near_words = vec4(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u);
    let far_words = vec4(0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
    let by_4 = select(near_words, far_words, far);
    let by_2 = (place & 64u) != 0u;
    let pairs = select(by_4, vec4(by_4.zw, far_words.xy), by_2);
    let next = select(far_words.x, far_words.z, by_2);
    let words = select(pairs, vec4(pairs.yzw, next), (place & 32u) != 0u);
    let shift = place & 31u;
    let window = (words.xyz << vec3(shift)) | ((words.yzw >> vec3(1u)) >> vec3(31u - shift));
    let mantissa = (bits & 0x007fffffu) | 0x00800000u;
    let middle = mantissa * window.y;
    let lower = middle + upper_product(mantissa, window.z);
    let carry = select(0u, 1u, lower < middle);
    let upper = mantissa * window.x + upper_product(mantissa, window.y) + carry;
    // The fraction with its sign, from -1/2 to 1/2 of a quarter.
    let fraction = (upper << 2u) | (lower >> 30u);
    let sign_mask = 0u - (fraction >> 31u);
    let high = fraction ^ sign_mask;
    let low = (lower << 2u) ^ sign_mask;
    let zeros = min(countLeadingZeros(high), 31u);
    let digits = (high << zeros) | ((low >> 1u) >> (31u - zeros));
    let first = f32(digits >> 20u);
    let second = f32(digits & 0x000fffffu);
    // pi / 2 = 1.5703125 + 0.00048382679, times 2^20 where it meets the first digits. The max never
    // acts: it keeps compilers from merging the products of `first`.
    let small = max(first * 507.32916 + second * 1.5707964, 0.0);
    let large = first * 1646592.0;
    let start = bitcast<f32>(bitcast<u32>(large + small) & 0xfffff000u);
    let sizes = vec2(start, (large - start) + small) * bitcast<f32>((95u - zeros) << 23u);
    let negative = (sign_mask ^ (0u - (bitcast<u32>(x) >> 31u))) != 0u;
    let reduced = select(sizes, -sizes, negative);
    let turns = (upper + 0x20000000u) >> 30u;
    let kept = select(0xfffff000u, 0xffffffffu, bits < 0x20000000u);
    let x_start = bitcast<f32>(bitcast<u32>(x) & kept);
    let is_reduced = bits < 0x3f490fdbu;
    let parts = select(reduced, vec2(x_start, x - x_start), is_reduced);
    let quarter = select(select(turns, 0u - turns, bitcast<i32>(x) < 0), 0u, is_reduced);
    return ReducedAngle(select(parts.x, not_a_number(), bits >= 0x7f800000u), parts.y, quarter);
}

// The sine of the rest less its high part, minimax.
fn sine_after_high(angle: ReducedAngle) -> f32 {
    let r = angle.high + angle.low;
    let s = r * r;
    let p = ((2.8373697e-6 * s - 0.00019853504) * s + 0.00833338) * s - 0.16666667;
    return angle.low + r * s * p;
}

// The sine after some more quarter turns, minimax.
fn turned_sine(angle: ReducedAngle, turns: u32) -> f32 {
    let quarter = angle.quarter + turns;
    let r = angle.high + angle.low;
    let s = r * r;
    let p = (2.4431818e-5 * s - 0.0013887307) * s + 0.041666646;
    let cosine_of_rest = 1.0 - (0.5 * s - s * s * p);
    let sine_of_rest = angle.high + sine_after_high(angle);
    let size = select(sine_of_rest, cosine_of_rest, (quarter & 1u) == 1u);
    return bitcast<f32>(bitcast<u32>(size) ^ ((quarter & 2u) << 30u));
}

// sin x.
fn sine(x: f32) -> f32 {
    return turned_sine(reduced_angle(x), 0u);
}

// cos x.
fn cosine(x: f32) -> f32 {
    return turned_sine(reduced_angle(x), 1u);
}

// tan x.
fn tangent(x: f32) -> f32 {
    let angle = reduced_angle(x);
    return turned_sine(angle, 0u) / turned_sine(angle, 1u);
}

// 1 / cos^2 x, the slope of tan, from the square of the rest's sine before that is rounded.
fn tangent_slope(x: f32) -> f32 {
    let angle = reduced_angle(x);
    let after = sine_after_high(angle);
    let square = angle.high * angle.high + after * (2.0 * angle.high + after);
    return 1.0 / select(1.0 - square, square, (angle.quarter & 1u) == 1u);
}

// asin r for |r| <= 1/2, minimax; z is r^2.
fn arcsine_core(r: f32, z: f32) -> f32 {
    let p = (((0.042210422 * z + 0.024152853) * z + 0.045475908) * z + 0.07495253) * z + 0.16666754;
    return r + r * z * p;
}

// asin x: past 1/2 pi / 2 - 2 asin sqrt((1 - x) / 2), in which 1 - x is exact. HALF_PI is 4.4e-8 too much.
fn arcsine(x: f32) -> f32 {
    let a = abs(x);
    let far = a > 0.5;
    let z = select(a * a, max(0.5 - 0.5 * a, 0.0), far);
    let core = arcsine_core(select(a, sqrt(z), far), z);
    let angle = select(core, HALF_PI - (2.0 * core + 4.371139e-8), far);
    let sign_bit = bitcast<u32>(x) & 0x80000000u;
    let signed_angle = bitcast<f32>(bitcast<u32>(angle) | sign_bit);
    return select(signed_angle, not_a_number(), (bitcast<u32>(x) & 0x7fffffffu) > 0x3f800000u);
}

// acos x: 2 asin sqrt((1 - x) / 2) past 1/2, which keeps its accuracy near 1; below 1/2 nothing cancels.
fn arccosine(x: f32) -> f32 {
    let a = abs(x);
    let far = a > 0.5;
    let z = select(a * a, max(0.5 - 0.5 * a, 0.0), far);
    let core = arcsine_core(select(x, sqrt(z), far), z);
    let twice = 2.0 * core;
    let outer = select(twice, (HALF_PI - twice) + HALF_PI, x < 0.0);
    let angle = select(HALF_PI - (core + 4.371139e-8), outer, far);
    return select(angle, not_a_number(), (bitcast<u32>(x) & 0x7fffffffu) > 0x3f800000u);
}

// The angle of the point (x, y): atan2 of y and x, and 0 at the origin. The smaller of both over the
// larger one has its angle taken from a multiple of pi / 2.
fn polar_angle(y: f32, x: f32) -> f32 {
    let sides = abs(vec2(x, y));
    let steep = sides.y > sides.x;
    let small = min(sides.x, sides.y);
    let large = max(sides.x, sides.y);
    // Both below 2^126, past which division may fail.
    let scale = select(1.0, 0.25, large > 1e37);
    let equal = select(small / large, 0.0, large == 0.0);
    let quotient = select((small * scale) / (large * scale), equal, scale == 1.0);
    let both = is_nan(x) | is_nan(y);
    let ratio = select(quotient, 1.0, !is_finite(small) & !both);
    let near = arctangent(ratio);
    let upright = select(near, HALF_PI - near, steep);
    // Of x = -0, too, as in C.
    let angle = select(upright, (HALF_PI - upright) + HALF_PI, bitcast<i32>(x) < 0);
    let sign_bit = bitcast<u32>(y) & 0x80000000u;
    let signed_angle = bitcast<f32>(bitcast<u32>(angle) | sign_bit);
    return select(signed_angle, not_a_number(), both);
}

// a / (a^2 + b^2), 0 at the origin: both are brought near 1, so that no square overflows or vanishes.
// Multiplied before it is divided, as the quotient alone might be denormal.
fn polar_angle_slope(a: f32, b: f32) -> f32 {
    let larger = max(bitcast<u32>(a) & 0x7f800000u, bitcast<u32>(b) & 0x7f800000u);
    let power = bitcast<f32>(0x7f000000u - clamp(larger, 0x00800000u, 0x7e800000u));
    let u = a * power;
    let v = b * power;
    let is_origin = (u == 0.0) & (v == 0.0) & !is_nan(a) & !is_nan(b);
    return select(u * power / (u * u + v * v), 0.0, is_origin);
}
