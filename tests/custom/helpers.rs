//! Helper functions and names, each beside the same in Rust.

use super::case::{FOUR, POSITIVE, TWO, check_sources};

#[test]
fn helpers() {
    check_sources(&[
        ("all kinds of arguments", HELPERS, FOUR, |x| {
            let blend = |a: f64, b: f64, c: f64| a * b + c * a * a;
            blend(x[0], 2.0, 3.0) + blend(1.0, x[1], x[0]) + blend(2.0, 1.5, 0.5) * x[3]
                - blend(x[1], x[1], x[2])
                + 3.0 * blend(x[0] * x[1], x[0], 1.0)
        }),
        (
            "of each other",
            "fn twice(x: f32) -> f32 { return 2.0 * once(x) + x; } fn once(x: f32) -> f32 { if (x > 0.0) { return x * x; } return -x; } fn value(p: f32, t: f32) -> f32 { return twice(p) * once(twice(t)); }",
            TWO,
            |x| {
                let once = |x: f64| if x > 0.0 { x * x } else { -x };
                let twice = |x: f64| 2.0 * once(x) + x;
                twice(x[0]) * once(twice(x[1]))
            },
        ),
        ("with vectors and structs", STRUCTS, TWO, |x| {
            let [p, t] = [x[0], x[1]];
            let pair = |a: f64, b: f64| (a * b, [a + b, a - 2.0 * b, a]);
            let (product, around) = pair(p, t);
            let other = pair(2.0, t);
            product * around[0] + around[1] * around[2] + other.0 * other.1[1] + p * p
        }),
        (
            "of arrays that the library has",
            "fn value(p: f32, t: f32) -> f32 { return log_sum_exp_of_3(array(p, 2.0 * t, p * t)) + log_sum_exp_of_2(array(1.0, t)); }",
            TWO,
            |x| {
                let sum = |x: &[f64]| x.iter().map(|x| x.exp()).sum::<f64>().ln();
                sum(&[x[0], 2.0 * x[1], x[0] * x[1]]) + sum(&[1.0, x[1]])
            },
        ),
        (
            "with a loop",
            "fn raised(x: f32, n: i32) -> f32 { var y = 1.0; for (var i = 0; i < n; i++) { y *= x; } return y; } fn value(p: f32, t: f32) -> f32 { return raised(p, 3) - raised(t, 2) * raised(p, 0); }",
            TWO,
            |x| x[0].powi(3) - x[1].powi(2),
        ),
        (
            "that change their arguments' copies",
            "fn f(x: f32) -> f32 { var x_p = x; x_p *= x_p; return x_p + x; } fn value(p: f32, t: f32) -> f32 { let a = f(p); let b = f(t); return a * b; }",
            TWO,
            |x| (x[0] * x[0] + x[0]) * (x[1] * x[1] + x[1]),
        ),
        (
            "whose result is constant",
            "fn two(x: f32) -> f32 { var y = x; y = 2.0; return y; } fn value(p: f32, t: f32) -> f32 { return two(p) * p + two(t) * floor(t + 0.5) * 0.0; }",
            TWO,
            |x| 2.0 * x[0],
        ),
        (
            "that give a condition",
            "fn beyond(a: f32, b: f32) -> bool { return a * b > 1.0; } fn value(p: f32, t: f32) -> f32 { if (beyond(p, t) && !beyond(t, 0.5)) { return p * t; } return t; }",
            TWO,
            |x| {
                if x[0] * x[1] > 1.0 && x[1] * 0.5 <= 1.0 { x[0] * x[1] } else { x[1] }
            },
        ),
    ]);
}

const HELPERS: &str = "fn blend(a: f32, b: f32, c: f32) -> f32 { return a * b + c * a * a; }
fn value(p: f32, t: f32, q: f32, r: f32) -> f32 {
    let mixed = blend(p, 2.0, 3.0) + blend(1.0, t, p);
    return mixed + blend(2.0, 1.5, 0.5) * r - blend(t, t, q) + 3.0 * blend(p * t, p, 1.0);
}";
const STRUCTS: &str = "struct Pair { product: f32, around: vec3<f32>, count: i32 }
fn pair(a: f32, b: f32) -> Pair { return Pair(a * b, vec3(a + b, a - 2.0 * b, a), 3); }
fn first(pair: Pair) -> f32 { return pair.product; }
fn shifted(x: vec2<f32>, by: f32) -> vec2<f32> { return x.yx * by; }
fn value(p: f32, t: f32) -> f32 {
    var own = pair(p, t);
    let other = pair(2.0, t);
    own.count += 1;
    let square = dot(shifted(vec2(p, 0.5), p), vec2(0.0, 1.0));
    return first(own) * own.around.x + own.around.y * own.around.z
        + first(other) * other.around[1] + select(0.0, square, own.count == 4);
}";

#[test]
fn names() {
    check_sources(&[
        (
            "shadowed",
            "fn value(p: f32, t: f32) -> f32 { let a = p * t; var y = a; { let a = p + t; y += a * a; { var y = t; y *= a; } } if (p > 0.0) { let a = 2.0 * a; y += a; } for (var a = 0; a < 2; a++) { y += f32(a) * p; } return y + a; }",
            TWO,
            |x| {
                let a = x[0] * x[1];
                2.0 * a + (x[0] + x[1]).powi(2) + if x[0] > 0.0 { 2.0 * a } else { 0.0 } + x[0]
            },
        ),
        (
            "like derived ones",
            "fn f_derived(x: f32) -> f32 { return f(x) * x; } fn f(x: f32) -> f32 { return x * x; } struct f_dual { by_p: f32, value: f32 } fn value(p: f32, t: f32) -> f32 { let p_p = p * 2.0; let part = p_p * t; let part_1 = part * part; var rounds_left = part_1; for (var i = 0; i < 2; i++) { rounds_left += f(p); } let gradient = f_dual(f_derived(t), p_p); let result = gradient.by_p; return rounds_left + result * gradient.value; }",
            TWO,
            |x| {
                let [p, t] = [x[0], x[1]];
                4.0 * p * p * t * t + 2.0 * p * p + t * t * t * 2.0 * p
            },
        ),
        (
            "of the kernels' locals",
            "fn value(p: f32, t: f32) -> f32 { let index = p * t; var sum = index; let local = 2.0 * sum; let block = local * local; let n = 3; let scale = f32(n) * t; let x = scale; let value = x * p; let loss = value; return block + loss + sum; }",
            TWO,
            |x| {
                let [p, t] = [x[0], x[1]];
                4.0 * p * p * t * t + 3.0 * t * p + p * t
            },
        ),
        (
            "of module constants",
            "const HALF = 0.5; const PAIR = vec2<f32>(HALF, 2.0); const COUNT: i32 = 3; const LIST = array<f32, 2>(1.5, 0.25); alias Number = f32; fn value(p: Number, t: Number) -> Number { const SQUARE = HALF * HALF; return HALF * p + dot(PAIR, vec2(p * t, t)) + f32(COUNT) * SQUARE * p + LIST[1] * t; }",
            TWO,
            |x| {
                let [p, t] = [x[0], x[1]];
                0.5 * p + 0.5 * p * t + 2.0 * t + 0.75 * p + 0.25 * t
            },
        ),
        (
            "of vectors of zeros",
            "const ZEROS = vec2<f32>(); const LAST = vec3(ZEROS, 2.0); fn value(p: f32, t: f32) -> f32 { let a = vec3(vec2<i32>(), 1); let b = vec4(vec2<f32>(), ZEROS) + vec4(LAST, 1.0); return dot(vec3(p, t, p * t), vec3<f32>(a)) + dot(b, vec4(p, t, p, p)) * f32(vec2<u32>().x + 1u); }",
            TWO,
            |x| x[0] * x[1] + 3.0 * x[0],
        ),
        (
            "of other alphabets",
            "fn größe(é: f32) -> f32 { return é * é; } // ∂\nfn value(p: f32, t: f32) -> f32 { let δ = größe(p) * t; return δ * δ; }",
            POSITIVE,
            |x| (x[0] * x[0] * x[1]).powi(2),
        ),
    ]);
}
