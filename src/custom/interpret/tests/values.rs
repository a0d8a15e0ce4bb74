//! Vectors, arrays, structs, conversions, and what is exact.

use super::{LANES, assert_close, assert_expression, assert_lanes, assert_wide, evaluate, numbers};

#[test]
fn numbers_are_not_rounded() {
    assert_wide("fn value(p: f32, t: f32) -> f32 { return (p + 1e9) - 1e9 + t * 0.5; }", |p, t| {
        (p + 1e9) - 1e9 + t * 0.5
    });
    assert_expression("p * p / 3.0", |p, _| p * p / 3.0);
    // Its literal is the f32 nearest to 0.1, as on a GPU.
    assert_expression("p * 0.1", |p, _| p * f64::from(0.1f32));
}

#[test]
fn float_operators() {
    assert_expression("p + t", |p, t| p + t);
    assert_expression("p - t", |p, t| p - t);
    assert_expression("p * t", |p, t| p * t);
    assert_expression("p / t", |p, t| p / t);
    assert_expression("p % t", |p, t| p % t);
    assert_expression("-7.5 % (p * 0.0 + 2.0)", |p, _| p * 0.0 - 1.5);
    assert_expression("-p", |p, _| -p);
}

#[test]
fn comparisons_with_nan_are_false_except_unequal() {
    let truth = |x: bool| f64::from(u8::from(x));
    assert_expression("f32(p == t)", |p, t| truth(p == t));
    assert_expression("f32(p != t)", |p, t| truth(p != t));
    assert_expression("f32(p < t)", |p, t| truth(p < t));
    assert_expression("f32(p <= t)", |p, t| truth(p <= t));
    assert_expression("f32(p > t)", |p, t| truth(p > t));
    assert_expression("f32(p >= t)", |p, t| truth(p >= t));
    assert_expression("f32(!(p < t))", |p, t| 1.0 - truth(p < t));
    assert_expression("f32((p < t) & (t > 1.0))", |p, t| truth(p < t && t > 1.0));
    assert_expression("f32((p < t) | (t > 1.0))", |p, t| truth(p < t || t > 1.0));
    assert_expression("f32((p < t) != (t > 1.0))", |p, t| truth((p < t) != (t > 1.0)));
}

#[test]
fn select_takes_lanes() {
    assert_expression("select(p, t, p < 1.0)", |p, t| if p < 1.0 { t } else { p });
    assert_expression(
        "dot(select(vec2(p), vec2(t), vec2(p < 1.0, (p > 1.0))), vec2(1.0, 2.0))",
        |p, t| (if p < 1.0 { t } else { p }) + 2.0 * if p > 1.0 { t } else { p },
    );
    assert_expression(
        "f32(any(vec2(p, t) < vec2(1.0))) + 2.0 * f32(all(vec2(p, t) < vec2(1.0)))",
        |p, t| f64::from(u8::from(p < 1.0 || t < 1.0) + 2 * u8::from(p < 1.0 && t < 1.0)),
    );
}

#[test]
fn vectors_are_taken_apart_and_put_together() {
    assert_lanes(
        "const OFFSET = vec3(1.0, 2.0, 3.0);
        fn value(p: f32, t: f32) -> f32 {
            var v = vec4(vec2(p, t), 2.0, p);
            v.y += 1.0;
            v[2] *= t;
            let w = (v.zyx + OFFSET) * 2.0;
            let u = 3.0 - w.yx;
            return v.x + 10.0 * w.x + 100.0 * w[1] + 1000.0 * u.y + vec3(p).z;
        }",
        |p, t| {
            let v = [p, t + 1.0, 2.0 * t, p];
            let w = [(v[2] + 1.0) * 2.0, (v[1] + 2.0) * 2.0];
            v[0] + 10.0 * w[0] + 100.0 * w[1] + 1000.0 * (3.0 - w[0]) + p
        },
    );
}

#[test]
fn arrays_are_indexed_by_lane_and_never_outside() {
    assert_lanes(
        "struct Pair { a: f32, b: vec2<f32>, }
        var<private> table: array<f32, 3> = array(4.0, 5.0, 6.0);
        fn value(p: f32, t: f32) -> f32 {
            var pairs: array<Pair, 4>;
            for (var i = 0; i < 4; i++) { pairs[i].b[i % 2] = f32(i) + p; pairs[i].a = t; }
            let fixed = array(10.0, 20.0, 30.0);
            let copy = pairs[i32(t)];
            let place = u32(abs(t));
            table[place] += 1.0;
            if p > 1.0 { pairs[place].b.y = 7.0; }
            let v = vec2(p, t);
            return fixed[i32(p)] + copy.b.x + pairs[i32(p)].b[1] + 3.0 * table[2] + v[place] + table[0];
        }",
        |p, t| {
            let place = |x: f64, count: usize| super::super::operations::place(x.trunc()).min(count - 1);
            let b = |i: usize| {
                let x = [0.0, 1.0, 2.0, 3.0][i] + p;
                if i.is_multiple_of(2) { [x, 0.0] } else { [0.0, x] }
            };
            let mut second = [b(0)[1], b(1)[1], b(2)[1], b(3)[1]];
            if p > 1.0 {
                second[place(t.abs(), 4)] = 7.0;
            }
            let mut table = [4.0, 5.0, 6.0];
            table[place(t.abs(), 3)] += 1.0;
            [10.0, 20.0, 30.0][place(p, 3)] + b(place(t, 4))[0] + second[place(p, 4)]
                + 3.0 * table[2] + [p, t][place(t.abs(), 2)] + table[0]
        },
    );
}

#[test]
fn structs_are_columns_in_order() {
    let [p, t] = numbers();
    let text = "struct Inner { a: f32, b: vec2<f32>, }
        struct Parameters { delta: f32, count: i32, inner: Inner, flags: array<u32, 2>, }
        struct Both { value: f32, rest: Inner, }
        fn value(p: f32, t: f32, c: Parameters) -> Both {
            var changed = c.inner;
            changed.b = changed.b.yx;
            return Both(p * c.delta + f32(c.count), Inner(f32(c.flags[1]), changed.b));
        }";
    let of = |x: f64| [x; LANES];
    let fields = [of(0.3), of(-2.0), of(1.0), of(2.0), of(3.0), of(4.0), of(5.0)];
    let arguments: Vec<_> = [&p, &t].into_iter().chain(&fields).collect();
    let found = evaluate(text, &arguments);
    for lane in 0..LANES {
        assert_close("value", lane, found[0][lane], p[lane] * 0.3 - 2.0);
    }
    assert_eq!(found[1..], [of(5.0), of(3.0), of(2.0)]);
}

#[test]
fn floats_become_integers_towards_zero() {
    assert_expression("f32(i32(p))", |p, _| {
        if p.is_nan() { 0.0 } else { p.trunc().clamp(f64::from(i32::MIN), 2_147_483_520.0) }
    });
    assert_expression("f32(u32(p))", |p, _| {
        if p.is_nan() { 0.0 } else { p.trunc().clamp(0.0, 4_294_967_040.0) }
    });
    assert_expression("f32(bool(p))", |p, _| f64::from(u8::from(p != 0.0)));
    assert_expression("dot(vec2<f32>(vec2<i32>(vec2(p, t))), vec2(1.0))", |p, t| {
        [p, t]
            .map(|x| if x.is_nan() { 0.0 } else { x.trunc().clamp(-2147483648.0, 2147483520.0) })
            .iter()
            .sum()
    });
}

#[test]
fn bits_are_those_of_an_f32() {
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is meant")]
    let bits = |p: f64| (p as f32).to_bits();
    let finite = |p: f64| if p.is_nan() { 0 } else { bits(p) };
    assert_expression("f32(select(bitcast<u32>(p), 0u, is_nan(p)))", |p, _| f64::from(finite(p)));
    assert_expression("f32(select(bitcast<i32>(p), 0, is_nan(p)))", |p, _| {
        f64::from(finite(p).cast_signed())
    });
    assert_expression("bitcast<f32>(bitcast<u32>(p) ^ 0x80000000u)", |p, _| {
        f64::from(-f32::from_bits(bits(p)))
    });
    assert_expression("bitcast<f32>(bitcast<i32>(p))", |p, _| f64::from(f32::from_bits(bits(p))));
    assert_expression("f32(bitcast<i32>(bitcast<u32>(i32(p))))", |p, _| {
        if p.is_nan() { 0.0 } else { p.trunc().clamp(-2147483648.0, 2147483520.0) }
    });
}
