//! Operators and branches, each beside the same in Rust.

use super::case::{FOUR, POSITIVE, TWO, check_bodies};

#[test]
fn operators() {
    check_bodies(&[
        ("sum", "return p + t;", TWO, |x| x[0] + x[1]),
        ("difference", "return 1.5 - p - (t - p * 2.0);", TWO, |x| 1.5 + x[0] - x[1]),
        ("product", "return p * t * p;", TWO, |x| x[0] * x[0] * x[1]),
        ("quotient", "return p / (t * t + 1.0) / 2.0;", TWO, |x| x[0] / (x[1] * x[1] + 1.0) / 2.0),
        ("quotient of one", "return 1.0 / p - 3.0 / (p / t);", POSITIVE, |x| {
            1.0 / x[0] - 3.0 * x[1] / x[0]
        }),
        ("remainder", "return p % t;", POSITIVE, |x| x[0] % x[1]),
        ("remainder of a number", "return 7.5 % p - p % -0.75;", POSITIVE, |x| {
            7.5 % x[0] - x[0] % 0.75
        }),
        ("minus", "return -p * -(-t) - -p;", TWO, |x| -x[0] * x[1] + x[0]),
        ("minus of a sum", "return 2.0 - (p - (t - -(p * t)));", TWO, |x| {
            2.0 - x[0] + x[1] + x[0] * x[1]
        }),
        ("parentheses", "return (p - t) * (p + t) / (2.0 + (p - t) * (p - t));", TWO, |x| {
            (x[0] - x[1]) * (x[0] + x[1]) / (2.0 + (x[0] - x[1]).powi(2))
        }),
        ("comparisons", COMPARISONS, TWO, |x| {
            let [p, t] = [x[0], x[1]];
            let mut y = 0.0;
            for (holds, term) in
                [(p < t, p), (p <= 0.5, 2.0 * t), (p > 1.0, p * t), (p >= t, -t), (p != t, p * p)]
            {
                y += if holds { term } else { 0.0 };
            }
            y
        }),
        ("and, or, not", CONDITIONS, TWO, |x| {
            let [p, t] = [x[0], x[1]];
            let first = if p > 0.0 && t > 0.0 || p <= -1.0 { p * t } else { t };
            let second = if (p > t || p < -2.0) && !(t > 1.0 && p > 1.0) { p * p } else { 3.0 * p };
            first + second
        }),
        ("short circuit", SHORT_CIRCUIT, TWO, |x| {
            let [p, t] = [x[0], x[1]];
            let all = p > -1.0 && (t < 3.0 || p > 1.0 && (t > 3.5 || p > 2.0));
            if all { p * t } else { p - 2.0 * t }
        }),
        (
            "bitwise conditions",
            "return select(p, t * t, (p > t) & (t > 0.0) | (p < -1.0));",
            TWO,
            |x| {
                if x[0] > x[1] && x[1] > 0.0 || x[0] < -1.0 { x[1] * x[1] } else { x[0] }
            },
        ),
        ("unequal conditions", "return select(p, t * t, (p > 0.0) != (t > 0.0));", TWO, |x| {
            if (x[0] > 0.0) != (x[1] > 0.0) { x[1] * x[1] } else { x[0] }
        }),
        (
            "compound assignment",
            "var y = p; y += t; y *= p; y -= 2.0 * t; y /= t * t + 1.0; y %= 100.0; return y;",
            TWO,
            |x| ((x[0] + x[1]) * x[0] - 2.0 * x[1]) / (x[1] * x[1] + 1.0),
        ),
        ("four arguments", "return p * t * q * r + p * r - q;", FOUR, |x| {
            x[0] * x[1] * x[2] * x[3] + x[0] * x[3] - x[2]
        }),
        ("an argument that is not used", "return t * t;", TWO, |x| x[1] * x[1]),
        ("no argument that is used", "return 2.5;", TWO, |_| 2.5),
        (
            "a conversion",
            "return f32(p) * f32(i32(3)) + f32(2u) * t + f32(p > 0.0) * p;",
            TWO,
            |x| 3.0 * x[0] + 2.0 * x[1] + x[0].max(0.0),
        ),
        ("a truncation", "return p * f32(i32(p)) + f32(u32(q)) * t;", FOUR, |x| {
            x[0] * x[0].trunc() + x[1] * x[2].trunc()
        }),
    ]);
}

const COMPARISONS: &str = "var y = 0.0;
    if (p < t) { y += p; }
    if (p <= 0.5) { y += 2.0 * t; }
    if (p > 1.0) { y += p * t; }
    if (p >= t) { y -= t; }
    if (p != t) { y += p * p; }
    if (p == t) { y += 100.0; }
    return y;";
const CONDITIONS: &str = "var y = t;
    if (p > 0.0 && t > 0.0 || !(p > -1.0)) { y = p * t; }
    let other = (p > t || p < -2.0) && !(t > 1.0 && p > 1.0);
    return y + select(3.0 * p, p * p, other);";
const SHORT_CIRCUIT: &str = "let all = p > -1.0 && (t < 3.0 || p > 1.0 && (t > 3.5 || p > 2.0));
    if (all) { return p * t; }
    return p - 2.0 * t;";

#[test]
fn branches() {
    check_bodies(&[
        ("select", "return select(p * t, t * t, p > t);", TWO, |x| {
            if x[0] > x[1] { x[1] * x[1] } else { x[0] * x[1] }
        }),
        ("early returns", EARLY_RETURNS, TWO, |x| match x[0] {
            p if p < -1.0 => p * x[1],
            p if p < 0.0 && x[1] > 0.0 => x[1] * x[1],
            p if p < 1.0 => 3.0 * p - 1.0,
            p => p * p + x[1],
        }),
        ("nested ifs", NESTED_IFS, TWO, |x| {
            let [p, t] = [x[0], x[1]];
            let y = match (p > 0.0, t > 0.0) {
                (true, true) => p * t,
                (true, false) => 0.5 * p,
                (false, _) => 0.5 * p - t * p,
            };
            y + p
        }),
        ("only else", "var y = p; if (p > 0.0) { } else { y = t * p; } return y;", TWO, |x| {
            if x[0] > 0.0 { x[0] } else { x[1] * x[0] }
        }),
        (
            "a constant overwrites a slope",
            "var y = p * p; if (t > 1.0) { y = 3.0; } return y * t;",
            TWO,
            |x| x[1] * if x[1] > 1.0 { 3.0 } else { x[0] * x[0] },
        ),
        (
            "a slope loses a direction",
            "var y = p * t; y = t * t; let z = y; y = 1.0; return z * p + y;",
            TWO,
            |x| x[1] * x[1] * x[0] + 1.0,
        ),
        (
            "a swap",
            "var a = p; var b = t * t; let c = a; a = b; b = c; a = a * b; b = a - b; return a + 3.0 * b;",
            TWO,
            |x| {
                let a = x[1] * x[1] * x[0];
                a + 3.0 * (a - x[0])
            },
        ),
        ("itself on the right", "var y = p; y = y * y + y; y = y * y; return y + t;", TWO, |x| {
            (x[0] * x[0] + x[0]).powi(2) + x[1]
        }),
        (
            "a value kept over a store",
            "var y = p * p; let before = y; y = t; let after = y; return before * after;",
            TWO,
            |x| x[0] * x[0] * x[1],
        ),
        (
            "a name for a variable",
            "var y = p; let z = &y; *z *= t; y += 1.0; return *z;",
            TWO,
            |x| x[0] * x[1] + 1.0,
        ),
        ("a switch", SWITCH, FOUR, |x| match x[0].trunc() {
            -2.0 | 1.0 => x[0] * x[1],
            0.0 => -x[1] * x[2],
            2.0 => x[0] * x[0],
            _ => x[3] * x[0],
        }),
        ("a switch that returns", SWITCH_RETURNS, FOUR, |x| match x[2].trunc() {
            0.0 => x[0],
            1.0 if x[1] > 0.0 => x[1] * x[1],
            _ => x[0] * x[3],
        }),
    ]);
}

const EARLY_RETURNS: &str = "if (p < -1.0) { return p * t; }
    else if (p < 0.0 && t > 0.0) { return t * t; }
    else if (p < 1.0) { return 3.0 * p - 1.0; }
    return p * p + t;";
const NESTED_IFS: &str = "var y = 0.5 * p;
    if (p > 0.0) { if (t > 0.0) { y = p * t; } } else { y -= t * p; }
    return y + p;";
const SWITCH: &str = "var y = 0.0;
    switch i32(p) {
        case -2, 1: { y = p * t; }
        default: { y = r * p; }
        case 0: { y = t * q; y = -y; if (q > -9.0) { break; } y = 100.0; }
        case 2: { y = p * p; }
    }
    return y;";
const SWITCH_RETURNS: &str = "switch u32(q) {
        case 0u: { return p; }
        case 1u: { if (t > 0.0) { return t * t; } }
        default: { }
    }
    return p * r;";
