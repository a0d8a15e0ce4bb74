//! Integers wrap, division by zero has a result, and shifts count modulo 32.

use super::{LANES, evaluate, evaluate_narrow};

const SOME: [i32; 12] = [0, 1, -1, 2, -2, 7, -13, 31, 1000, 0x1234_5678, i32::MAX, i32::MIN];

/// Compares `expression` of i32s `a` and `b` and u32s `x` and `y` of the same bits.
#[track_caller]
fn assert_integers<T: Into<f64>>(expression: &str, expected: impl Fn(i32, i32, u32, u32) -> T) {
    let text =
        format!("fn value(a: i32, b: i32, x: u32, y: u32) -> f32 {{ return f32({expression}); }}");
    for second in 0..SOME.len() {
        let a: [i32; LANES] = std::array::from_fn(|lane| SOME[lane % SOME.len()]);
        let b: [i32; LANES] = std::array::from_fn(|lane| SOME[(lane + second) % SOME.len()]);
        let [x, y] = [a, b].map(|column| column.map(i32::cast_unsigned));
        let columns = [a.map(f64::from), b.map(f64::from), x.map(f64::from), y.map(f64::from)];
        let found = &evaluate(&text, &columns.each_ref())[0];
        for lane in 0..LANES {
            let expected: f64 = expected(a[lane], b[lane], x[lane], y[lane]).into();
            assert_eq!(found[lane], expected, "{expression} of {} and {}", a[lane], b[lane]);
        }
        let words = [a.map(i32::cast_unsigned), b.map(i32::cast_unsigned), x, y];
        let found = evaluate_narrow(&text, &words)[0];
        for lane in 0..LANES {
            let expected: f64 = expected(a[lane], b[lane], x[lane], y[lane]).into();
            let found = f32::from_bits(found[lane]);
            assert_eq!(found, expected as f32, "{expression} of {} and {}", a[lane], b[lane]);
        }
    }
}

#[test]
fn arithmetic_wraps() {
    assert_integers("a + b", |a, b, _, _| a.wrapping_add(b));
    assert_integers("a - b", |a, b, _, _| a.wrapping_sub(b));
    assert_integers("a * b", |a, b, _, _| a.wrapping_mul(b));
    assert_integers("-a", |a, _, _, _| a.wrapping_neg());
    assert_integers("x + y", |_, _, x, y| x.wrapping_add(y));
    assert_integers("x - y", |_, _, x, y| x.wrapping_sub(y));
    assert_integers("x * y", |_, _, x, y| x.wrapping_mul(y));
}

#[test]
fn division_by_zero_gives_the_dividend_and_no_remainder() {
    assert_integers("a / b", |a, b, _, _| if b == 0 { a } else { a.wrapping_div(b) });
    assert_integers("a % b", |a, b, _, _| if b == 0 { 0 } else { a.wrapping_rem(b) });
    assert_integers("x / y", |_, _, x, y| x.checked_div(y).unwrap_or(x));
    assert_integers("x % y", |_, _, x, y| x.checked_rem(y).unwrap_or(0));
}

#[test]
fn bits_and_shifts() {
    assert_integers("a & b", |a, b, _, _| a & b);
    assert_integers("a | b", |a, b, _, _| a | b);
    assert_integers("a ^ b", |a, b, _, _| a ^ b);
    assert_integers("~a", |a, _, _, _| !a);
    assert_integers("~x", |_, _, x, _| !x);
    assert_integers("x & y", |_, _, x, y| x & y);
    assert_integers("x | y", |_, _, x, y| x | y);
    assert_integers("x ^ y", |_, _, x, y| x ^ y);
    assert_integers("a << y", |a, _, _, y| a.wrapping_shl(y));
    assert_integers("a >> y", |a, _, _, y| a.wrapping_shr(y));
    assert_integers("x << y", |_, _, x, y| x.wrapping_shl(y));
    assert_integers("x >> y", |_, _, x, y| x.wrapping_shr(y));
}

#[test]
fn conversions_keep_the_bits() {
    assert_integers("u32(a)", |_, _, x, _| x);
    assert_integers("i32(x)", |a, _, _, _| a);
    assert_integers("bitcast<u32>(a)", |_, _, x, _| x);
    assert_integers("u32(a < b)", |a, b, _, _| u32::from(a < b));
    assert_integers("i32(x < y)", |_, _, x, y| i32::from(x < y));
    assert_integers("bool(a)", |a, _, _, _| u8::from(a != 0));
}

#[test]
fn functions_of_integers() {
    assert_integers("abs(a)", |a, _, _, _| a.wrapping_abs());
    assert_integers("abs(x)", |_, _, x, _| x);
    assert_integers("sign(a)", |a, _, _, _| a.signum());
    assert_integers("min(a, b)", |a, b, _, _| a.min(b));
    assert_integers("max(x, y)", |_, _, x, y| x.max(y));
    assert_integers("clamp(a, -5, 9)", |a, _, _, _| a.clamp(-5, 9));
    assert_integers("dot(vec2(a, b), vec2(b, 3))", |a, b, _, _| {
        a.wrapping_mul(b).wrapping_add(b.wrapping_mul(3))
    });
    assert_integers("countOneBits(a)", |a, _, _, _| a.count_ones());
    assert_integers("countLeadingZeros(x)", |_, _, x, _| x.leading_zeros());
    assert_integers("countTrailingZeros(a)", |a, _, _, _| a.trailing_zeros());
    assert_integers("reverseBits(a)", |a, _, _, _| a.reverse_bits());
    assert_integers("reverseBits(x)", |_, _, x, _| x.reverse_bits());
}

#[test]
fn first_bits() {
    let trailing = |x: u32| if x == 0 { u32::MAX } else { x.trailing_zeros() };
    let leading = |x: u32| if x == 0 { u32::MAX } else { 31 - x.leading_zeros() };
    assert_integers("firstTrailingBit(x)", |_, _, x, _| trailing(x));
    assert_integers("firstTrailingBit(a)", |_, _, x, _| trailing(x).cast_signed());
    assert_integers("firstLeadingBit(x)", |_, _, x, _| leading(x));
    assert_integers("firstLeadingBit(a)", |a, _, x, _| {
        leading(if a < 0 { !x } else { x }).cast_signed()
    });
}

#[test]
fn fields_of_bits() {
    for (offset, count) in
        [(0u32, 0u32), (0, 32), (4, 7), (28, 9), (32, 1), (40, 3), (0, 1), (31, 1)]
    {
        let start = offset.min(32);
        let size = count.min(32 - start);
        let mask = u32::try_from((1u64 << size) - 1).expect("32 bits");
        let taken = |x: u32| x.checked_shr(start).unwrap_or(0) & mask;
        assert_integers(&format!("extractBits(x, {offset}u, {count}u)"), |_, _, x, _| taken(x));
        assert_integers(&format!("extractBits(a, {offset}u, {count}u)"), |_, _, x, _| {
            let negative = size > 0 && taken(x) >> (size - 1) == 1;
            (if negative { taken(x) | !mask } else { taken(x) }).cast_signed()
        });
        let put = |x: u32, y: u32| {
            let there = mask.checked_shl(start).unwrap_or(0);
            x & !there | y.checked_shl(start).unwrap_or(0) & there
        };
        assert_integers(&format!("insertBits(x, y, {offset}u, {count}u)"), |_, _, x, y| put(x, y));
        assert_integers(&format!("insertBits(a, b, {offset}u, {count}u)"), |_, _, x, y| {
            put(x, y).cast_signed()
        });
    }
}
