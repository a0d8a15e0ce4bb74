//! Loops that lanes do not leave.

use super::{LANES, assert_close, count, evaluate, evaluate_narrow, numbers, program};

#[test]
fn endless_loops_end_with_nan_in_their_lanes_alone() {
    let found = evaluate(
        "fn turn(p: f32) -> f32 {
            var x = p;
            while x != 7.0 { x = x * 1.0; if p > 9.0 { break; } }
            return x;
        }
        fn value(p: f32) -> vec2<f32> {
            var y = 0.0;
            loop { y = turn(p); if p > 5.0 { break; } }
            for (var i = 0; i < 100; i++) { y += 1.0; }
            return vec2(y, 1.0);
        }",
        &[&count()],
    );
    for (lane, p) in count().into_iter().enumerate() {
        let ends = p == 7.0 || p > 9.0;
        assert_close("y", lane, found[0][lane], if ends { p + 100.0 } else { f64::NAN });
        assert_close("1", lane, found[1][lane], if ends { 1.0 } else { f64::NAN });
    }
}

#[test]
fn several_loops_without_end_stop_one_after_the_other() {
    let found = &evaluate(
        "fn value(p: f32) -> f32 {
            var i = 0;
            if p < 8.0 { loop { i += 1; if i < 0 && p > 99.0 { break; } } }
            else if p < 16.0 { while p > 0.0 { i += 1; } }
            for (var j = 0; j < 290000; j++) { i += 1; }
            return f32(i);
        }",
        &[&count()],
    )[0];
    for (lane, &found) in found.iter().enumerate() {
        assert_close("i", lane, found, if lane < 16 { f64::NAN } else { 290_000.0 });
    }
}

#[test]
fn a_machine_forgets_stopped_lanes() {
    let text = "fn value(p: f32) -> f32 { var x = p; while x < 1.0 { x *= p; } return x; }";
    let program = program(text, &["value"]).expect("supported");
    let mut machine = program.machine(&[]);
    let [p, _] = numbers();
    assert!(machine.call(0, &[&p])[0].iter().any(|x| x.is_nan()));
    assert_eq!(machine.call(0, &[&[2.0; LANES]])[0], [2.0; LANES]);
}

#[test]
fn the_narrow_machine_gives_up_what_does_not_end() {
    let text = "fn value(p: f32) -> f32 { var x = p; while x != 7.0 { x *= 2.0; } return x; }";
    let words = std::array::from_fn(|lane| if lane == 7 { 7.0f32 } else { 1.0 }.to_bits());
    assert!(evaluate_narrow(text, &[words])[0].iter().all(|&x| f32::from_bits(x).is_nan()));
}
