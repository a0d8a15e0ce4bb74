//! Control flow, with lanes that go different ways.

use super::{assert_close, assert_lanes, count, evaluate, evaluate_narrow, program};

#[track_caller]
fn assert_counted(text: &str, expected: impl Fn(u32) -> f64) {
    let found = &evaluate(text, &[&count()])[0];
    for (lane, &found) in found.iter().enumerate() {
        assert_close(text, lane, found, expected(u32::try_from(lane).expect("64 lanes")));
    }
    let words = std::array::from_fn(|lane| (lane as f32).to_bits());
    let found = evaluate_narrow(text, &[words])[0];
    for (lane, &found) in found.iter().enumerate() {
        let expected = expected(u32::try_from(lane).expect("64 lanes"));
        assert_eq!(f64::from(f32::from_bits(found)), expected, "{text}: lane {lane}");
    }
}

#[test]
fn if_and_else_keep_their_lanes_apart() {
    assert_lanes(
        "fn value(p: f32, t: f32) -> f32 {
            var a = 5.0;
            var b = 0.0;
            if p > t { a = p; if p > 1.0 { b = 2.0; } } else if p < t { a = t; b += 1.0; }
            return a + b;
        }",
        |p, t| {
            let (mut a, mut b) = (5.0, 0.0);
            if p > t {
                a = p;
                if p > 1.0 {
                    b = 2.0;
                }
            } else if p < t {
                a = t;
                b += 1.0;
            }
            a + b
        },
    );
}

#[test]
fn early_returns_end_a_lane() {
    assert_lanes(
        "fn value(p: f32, t: f32) -> f32 {
            if p < 0.0 { return 10.0; }
            var x = p;
            for (var i = 0; i < 5; i++) {
                if x > 2.0 { return x - f32(i); }
                x += 1.0;
            }
            return -1.0;
        }",
        |p, _| {
            if p < 0.0 {
                return 10.0;
            }
            let mut x = p;
            for i in 0..5 {
                if x > 2.0 {
                    return x - f64::from(i);
                }
                x += 1.0;
            }
            -1.0
        },
    );
}

#[test]
fn loops_break_and_continue_by_lane() {
    assert_counted(
        "fn value(p: f32) -> f32 {
            let n = i32(p);
            var sum = 0.0;
            for (var i = 0; i < n; i++) {
                if i == 7 { continue; }
                if i > 40 { break; }
                for (var j = 0; j < i; j++) {
                    if (j * i) % 3 == 0 { continue; }
                    if j > 11 { break; }
                    sum += f32(j);
                }
                sum += 1.0;
            }
            return sum;
        }",
        |n| {
            let mut sum = 0.0;
            for i in 0..n {
                if i == 7 {
                    continue;
                }
                if i > 40 {
                    break;
                }
                for j in 0..i {
                    if (j * i) % 3 == 0 {
                        continue;
                    }
                    if j > 11 {
                        break;
                    }
                    sum += f64::from(j);
                }
                sum += 1.0;
            }
            sum
        },
    );
}

#[test]
fn continuing_and_break_if_follow_continue() {
    assert_counted(
        "fn value(p: f32) -> f32 {
            var i = 0.0;
            var odd = 0.0;
            loop {
                if i32(i) % 2 == 0 { continue; }
                if i == 31.0 { break; }
                odd += i;
                continuing { i += 1.0; break if i >= p; }
            }
            return odd * 100.0 + i;
        }",
        |p| {
            let (mut i, mut odd) = (0, 0);
            loop {
                if i % 2 == 1 {
                    if i == 31 {
                        break;
                    }
                    odd += i;
                }
                i += 1;
                if i >= p {
                    break;
                }
            }
            f64::from(odd * 100 + i)
        },
    );
}

#[test]
fn returned_lanes_do_not_come_back_through_break_if() {
    assert_counted(
        "fn value(p: f32) -> f32 {
            var n = 0.0;
            loop {
                n += 1.0;
                if p == 3.0 && n == 2.0 { return 5.0; }
                continuing { break if n >= min(p, 2.0); }
            }
            return n;
        }",
        |p| if p == 3 { 5.0 } else { f64::from(p.clamp(1, 2)) },
    );
}

#[test]
fn while_and_switch_with_break_continue_and_several_selectors() {
    assert_counted(
        "fn value(p: f32) -> f32 {
            var n = u32(p);
            var sum = 0.0;
            while n > 0u {
                n -= 1u;
                switch n % 6u {
                    case 0u, 3u: { sum += 1.0; }
                    case 1u: { if n > 20u { break; } sum += 10.0; }
                    case 4u: { continue; }
                    default: { sum += 1000.0; }
                }
                sum += 0.5;
            }
            return sum;
        }",
        |p| {
            (0..p)
                .rev()
                .map(|n| match n % 6 {
                    0 | 3 => 1.5,
                    1 if n > 20 => 0.5,
                    1 => 10.5,
                    4 => 0.0,
                    _ => 1000.5,
                })
                .sum()
        },
    );
}

#[test]
fn a_default_in_the_middle_takes_what_no_case_names() {
    assert_counted(
        "fn value(p: f32) -> f32 {
            switch i32(p) - 3 {
                case -1: { return 1.0; }
                case 2, default: { return 2.0; }
                case 5: { return 3.0; }
            }
        }",
        |p| match p {
            2 => 1.0,
            8 => 3.0,
            _ => 2.0,
        },
    );
}

#[test]
fn functions_return_to_the_lanes_that_called_them() {
    assert_lanes(
        "fn twice(x: f32) -> f32 { if x < 0.0 { return 0.0; } return 2.0 * x; }
        fn both(x: f32, y: f32) -> vec2<f32> { return vec2(twice(x), twice(y)); }
        fn value(p: f32, t: f32) -> f32 {
            var sum = 1.0;
            if p > t { sum += twice(p); } else { sum -= twice(t); }
            let pair = both(p, sum);
            return pair.x - twice(pair.y);
        }",
        |p, t| {
            let twice = |x: f64| if x < 0.0 { 0.0 } else { 2.0 * x };
            let sum = if p > t { 1.0 + twice(p) } else { 1.0 - twice(t) };
            twice(p) - twice(twice(sum))
        },
    );
}

#[test]
fn short_circuits_do_not_run_their_right_side() {
    assert_lanes(
        "var<private> calls = 0.0;
        fn counted(x: bool) -> bool { calls += 1.0; return x; }
        fn value(p: f32, t: f32) -> f32 {
            let both = p > 0.0 && counted(t > 0.0);
            let either = p > 1.0 || counted(t > 1.0);
            return calls + 10.0 * f32(both) + 100.0 * f32(either);
        }",
        |p, t| {
            let calls = f64::from(u8::from(p > 0.0))
                + f64::from(u8::from(p.partial_cmp(&1.0) != Some(std::cmp::Ordering::Greater)));
            let truth = |x: bool| f64::from(u8::from(x));
            calls + 10.0 * truth(p > 0.0 && t > 0.0) + 100.0 * truth(p > 1.0 || t > 1.0)
        },
    );
}

#[test]
fn variables_begin_anew_in_each_round_and_call() {
    let text = "var<private> rounds: i32 = 3;
        var<private> sum: f32;
        fn add(x: f32) { var once: f32; once += x; sum += once; }
        fn value(p: f32) -> f32 {
            for (; rounds > 0; rounds--) { var fresh = 0.0; fresh += p; var zero: f32; zero += 1.0; add(fresh + zero); }
            return sum;
        }";
    let program = program(text, &["add", "value"]).expect("supported");
    let mut machine = program.machine(&[]);
    for _ in 0..2 {
        let found = machine.call(1, &[&count()])[0];
        assert_eq!(found[5], 18.0);
        assert_eq!(found[0], 3.0);
    }
    assert_eq!(program.columns(0), (1, 0));
    assert!(machine.call(0, &[&count()]).is_empty());
}
