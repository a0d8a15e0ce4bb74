//! Loops, each beside the same in Rust.

use super::case::{FOUR, TWO, check_bodies};

#[test]
fn loops() {
    check_bodies(&[
        (
            "for",
            "var y = 1.0; for (var i = 0; i < 4; i++) { y = y * p + t; } return y;",
            TWO,
            |x| (0..4).fold(1.0, |y, _| y * x[0] + x[1]),
        ),
        (
            "for by an argument",
            "var y = p; for (var i = 0.0; i < t; i += 1.0) { y = y * 0.5 + i * t; } return y;",
            TWO,
            |x| {
                let (mut y, mut i) = (x[0], 0.0);
                while i < x[1] {
                    y = y * 0.5 + i * x[1];
                    i += 1.0;
                }
                y
            },
        ),
        ("while", "var y = q; while (y < 10.0) { y = y * 1.5 + q; } return y * p;", FOUR, |x| {
            let mut y = x[2];
            while y < 10.0 {
                y = y * 1.5 + x[2];
            }
            y * x[0]
        }),
        (
            "slopes that come late",
            "var a = 1.0; var b = 2.0; var c = t; for (var i = 0; i < 3; i++) { a = b; b = c; c = p * c; } return a + b * c;",
            TWO,
            |x| {
                let [mut a, mut b, mut c] = [1.0, 2.0, x[1]];
                for _ in 0..3 {
                    (a, b, c) = (b, c, x[0] * c);
                }
                a + b * c
            },
        ),
        ("continuing and break if", CONTINUING, FOUR, |x| {
            let (mut y, mut i) = (x[0], 0);
            loop {
                if i != 2 {
                    y = y * x[1] + 1.0;
                }
                i += 1;
                y += 0.25 * x[2];
                if i >= 4 || y > 20.0 {
                    return y;
                }
            }
        }),
        ("break and continue", NESTED, FOUR, |x| {
            let mut y = x[0];
            'outer: for i in 0..4 {
                if i == 1 {
                    continue;
                }
                for j in 0..5 {
                    if j == 3 {
                        break;
                    }
                    if j == 1 {
                        continue;
                    }
                    y = 0.5 * y + f64::from(j) * x[1] * x[0];
                }
                if y > 4.0 * x[2] {
                    break 'outer;
                }
                y -= x[1];
            }
            y
        }),
        (
            "a return within",
            "for (var i = 1.0; i < 5.0; i += 1.0) { if (i * q > 3.0) { return i * p * q; } } return q;",
            FOUR,
            |x| (1..5).map(f64::from).find(|i| i * x[2] > 3.0).map_or(x[2], |i| i * x[0] * x[2]),
        ),
        (
            "a switch within",
            "var y = p; for (var i = 0; i < 5; i++) { switch i { case 1, 3: { continue; } case 2: { y *= t; break; } default: { y += t; } } y = y + 1.0; } return y;",
            TWO,
            |x| {
                let y = (x[0] + x[1] + 1.0) * x[1] + 1.0;
                y + x[1] + 1.0
            },
        ),
        ("integers carried along", INTEGERS, FOUR, |x| {
            let (mut y, mut bits) = (0.0, 0xb5u32);
            while bits != 0 {
                if bits & 1 == 1 {
                    y += f64::from(bits >> 2) * 0.125 * x[0];
                }
                bits >>= 1;
            }
            y * x[1]
        }),
        (
            "a declaration within",
            "var y = 0.0; for (var i = 0; i < 3; i++) { var own: f32; own += p; y += own * t; } return y;",
            TWO,
            |x| 3.0 * x[0] * x[1],
        ),
    ]);
}

const CONTINUING: &str = "var y = p; var i = 0;
    loop {
        if (i == 2) { continue; }
        y = y * t + 1.0;
        continuing { i += 1; y += 0.25 * q; break if i >= 4 || y > 20.0; }
    }
    return y;";
const NESTED: &str = "var y = p;
    for (var i = 0; i < 4; i++) {
        if (i == 1) { continue; }
        for (var j = 0; j < 5; j++) {
            if (j == 3) { break; }
            if (j == 1) { continue; }
            y = 0.5 * y + f32(j) * t * p;
        }
        if (y > 4.0 * q) { break; }
        y -= t;
    }
    return y;";
const INTEGERS: &str = "var bits = (0xb5u | 0x10u) & ~0u; bits ^= 0u; var y = 0.0;
    while (bits != 0u) {
        if ((bits & 1u) == 1u) { y += f32(bits >> 2u) * 0.125 * p; }
        bits >>= 1u;
    }
    let signed = -7 / 2 + -7 % 4 + (3 << 2u);
    return select(-1.0, y, signed == 6 && countOneBits(5u) == 2u && abs(-3) == 3) * t;";
