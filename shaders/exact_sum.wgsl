// Block sums, added up without rounding: as an integer in units of the smallest float32, so that
// neither their order nor their grouping matters, and rounded once at the end. It is kept in digits of
// 16 bits with a sign each, so that lanes can add to them at once and none overflows before it is
// carried; three more words count NaNs, infinities and negative infinities.

const DIGITS: u32 = 21u;
const WORDS: u32 = 24u;
// The numbers that a workgroup adds up: no digit gets more than 2^17 of each.
const GROUP: u32 = 256u;
// The parts between two carries: each has digits below 2^16.
const PARTS_AT_ONCE: u32 = 16384u;

struct Window {
    count: u32,        // of the numbers, or of the parts into which they have been added up
    numbers: u32,      // where they are
    neighbours: u32,   // how many sums of neighbours they are made of
    parts: u32,        // where the parts are
    rest: u32,         // the place of a number that is added at the end, from 1 on; 0 where there is none
    destination: u32,
    width: u32,
    divisor: f32,
    weight: f32,       // of the value
}

var<workgroup> digits: array<atomic<i32>, WORDS>;

// What a lane has not added to the digits yet: most sums of a batch have the same ones.
var<private> own_first: u32;
var<private> own: vec3<i32>;

fn add_own() {
    if (own.x != 0) {
        atomicAdd(&digits[own_first], own.x);
    }
    if (own.y != 0) {
        atomicAdd(&digits[own_first + 1u], own.y);
    }
    if (own.z != 0) {
        atomicAdd(&digits[own_first + 2u], own.z);
    }
    own = vec3<i32>();
}

fn add_number(x: f32) {
    let bits = bitcast<u32>(x);
    let exponent = (bits >> 23u) & 0xffu;
    let fraction = bits & 0x7fffffu;
    let negative = (bits >> 31u) == 1u;
    if (exponent == 0xffu) {
        let infinite = DIGITS + select(1u, 2u, negative);
        atomicAdd(&digits[select(infinite, DIGITS, fraction != 0u)], 1);
        return;
    }
    // Numbers below the smallest normal one have no hidden bit, and its exponent.
    let mantissa = fraction | select(0x800000u, 0u, exponent == 0u);
    let shift = max(exponent, 1u) - 1u;
    let first = shift / 16u;
    if (first != own_first) {
        add_own();
        own_first = first;
    }
    let low = (mantissa & 0xffffu) << (shift % 16u);
    let high = (mantissa >> 16u) << (shift % 16u);
    let own_digits = vec3(low & 0xffffu, (low >> 16u) + (high & 0xffffu), high >> 16u);
    own += select(1, -1, negative) * vec3<i32>(own_digits);
}

// Leaves each digit but the last, which has the sign, with 16 bits, and each count with one.
fn carry() {
    var over = 0;
    for (var i = 0u; i < DIGITS - 1u; i++) {
        let digit = atomicLoad(&digits[i]) + over;
        atomicStore(&digits[i], digit & 0xffff);
        over = digit >> 16u;
    }
    atomicAdd(&digits[DIGITS - 1u], over);
    for (var i = DIGITS; i < WORDS; i++) {
        atomicMin(&digits[i], 1);
    }
}

fn digit(i: u32) -> u32 {
    return u32(atomicLoad(&digits[i]));
}

// The nearest float32, and of two equally near ones that which is even.
fn rounded_sum() -> f32 {
    let counts = vec3(digit(DIGITS), digit(DIGITS + 1u), digit(DIGITS + 2u));
    if (counts.x > 0u || (counts.y > 0u && counts.z > 0u)) {
        return not_a_number();
    }
    if (counts.y > 0u || counts.z > 0u) {
        return select(-infinity(), infinity(), counts.y > 0u);
    }
    let negative = atomicLoad(&digits[DIGITS - 1u]) < 0;
    if (negative) {
        for (var i = 0u; i < DIGITS; i++) {
            atomicStore(&digits[i], -atomicLoad(&digits[i]));
        }
        carry();
    }
    var top = DIGITS - 1u;
    while (top > 0u && digit(top) == 0u) {
        top--;
    }
    let length = 16u * top + 32u - countLeadingZeros(digit(top));
    var bits = digit(0u) | (digit(1u) << 16u);
    if (length > 24u) {
        let dropped = length - 24u;
        let first = dropped / 16u;
        let by = dropped % 16u;
        var mantissa = (digit(first) | (digit(first + 1u) << 16u)) >> by;
        if (by > 8u) {
            mantissa |= digit(first + 2u) << (32u - by);
        }
        let half = (dropped - 1u) / 16u;
        let half_bit = 1u << ((dropped - 1u) % 16u);
        var below = digit(half) & (half_bit - 1u);
        for (var i = 0u; i < half; i++) {
            below |= digit(i);
        }
        let up = (digit(half) & half_bit) != 0u && (below != 0u || (mantissa & 1u) == 1u);
        // A mantissa that is rounded up to a power of two carries into the exponent.
        bits = ((dropped + 1u) << 23u) + (mantissa & 0x7fffffu) + select(0u, 1u, up);
        bits = min(bits, 0x7f800000u);
    }
    return bitcast<f32>(bits | select(0u, 0x80000000u, negative));
}

fn add_numbers(lane: u32, block: u32) {
    own_first = 0u;
    own = vec3<i32>();
    let start = block * GROUP;
    let end = min(start + GROUP, window.count);
    for (var i = start + lane; i < end; i += LANES) {
        add_number(number(i));
    }
    add_own();
}

fn add_parts(lane: u32) {
    for (var start = 0u; start < window.count; start += PARTS_AT_ONCE) {
        let end = min(start + PARTS_AT_ONCE, window.count);
        for (var i = start * WORDS + lane; i < end * WORDS; i += LANES) {
            atomicAdd(&digits[i % WORDS], bitcast<i32>(scratch[window.parts + i]));
        }
        workgroupBarrier(); // all parts are there before they are carried
        if (lane == 0u) {
            carry();
        }
        workgroupBarrier(); // and carried before the next are added
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * window.width;
    if (lane < WORDS) {
        atomicStore(&digits[lane], 0);
    }
    workgroupBarrier(); // all digits are 0 before lanes add to them
    if (PARTS) {
        add_parts(lane);
    } else {
        add_numbers(lane, block);
        workgroupBarrier(); // all numbers are there before they are carried
        if (lane == 0u) {
            carry();
        }
        workgroupBarrier(); // before the digits are read
    }
    if (lane < WORDS) {
        store_digit(block, lane, atomicLoad(&digits[lane]));
    }
    if (TOTAL) {
        workgroupBarrier(); // the digits have been read before the rest is added
        if (lane == 0u) {
            if (window.rest > 0u) {
                add_number(number(window.rest - 1u));
                add_own();
                carry();
            }
            store_total(0u, rounded_sum());
        }
    }
}
