//! Arrays, vectors and structs in local variables, each beside the same in Rust.

use super::case::{FOUR, TWO, check_bodies};

#[test]
fn compounds() {
    check_bodies(&[
        (
            "an array",
            "var a = array<f32, 3>(p, 2.0, t); a[1] += p * t; a[0] *= a[2]; return a[0] + a[1] * a[2];",
            TWO,
            |x| x[0] * x[1] + (2.0 + x[0] * x[1]) * x[1],
        ),
        (
            "a dynamic index",
            "var a: array<f32, 5>; for (var i = 0; i < 5; i++) { a[i] = p + f32(i) * t; } var y = 0.0; for (var i = 1; i < 5; i++) { a[i] += a[i - 1] * 0.5; y += a[i] * a[4 - i]; } return y;",
            TWO,
            |x| {
                let mut a = [0.0; 5];
                (0..5).for_each(|i| a[i] = x[0] + i as f64 * x[1]);
                let mut y = 0.0;
                for i in 1..5 {
                    a[i] += a[i - 1] * 0.5;
                    y += a[i] * a[4 - i];
                }
                y
            },
        ),
        (
            "an index by an argument",
            "let a = array<f32, 3>(p, t, p * t); let v = vec3(t, p * p, 1.0); let i = u32(q); return a[i + 1u] + v[i] * a[0];",
            FOUR,
            |x| {
                let i = x[2] as usize;
                [x[0], x[1], x[0] * x[1]][i + 1] + [x[1], x[0] * x[0], 1.0][i] * x[0]
            },
        ),
        (
            "components",
            "var v = vec3(p, t, 1.0); v.x = v.y * v.z; v.z += p; v[1] -= t * t; let w = v.zyx; return w.x * w.y + v.x;",
            TWO,
            |x| (1.0 + x[0]) * (x[1] - x[1] * x[1]) + x[1],
        ),
        (
            "constructors and swizzles",
            "let v = vec4(vec2(p, t), 2.0, q); let w = vec2<f32>(v.wx); let all = vec3(p); return dot(v.rgba, v.abgr) + w.x * w.g - dot(all, v.xyw) + v.zzz.y;",
            FOUR,
            |x| {
                let [p, t, q] = [x[0], x[1], x[2]];
                2.0 * (p * q + 2.0 * t) + q * p - p * (p + t + q) + 2.0
            },
        ),
        (
            "vectors and numbers",
            "let v = vec2(p, t); let w = 2.0 * v / (t * t + 1.0) - v * p + 1.0 / (v * v + 1.0); return w.x * w.y;",
            TWO,
            |x| {
                let of = |v: f64| 2.0 * v / (x[1] * x[1] + 1.0) - v * x[0] + 1.0 / (v * v + 1.0);
                of(x[0]) * of(x[1])
            },
        ),
        (
            "vectors by vectors",
            "let v = vec2(p, t) / vec2(t * t + 1.0, 2.0); let w = vec2(7.0, p) % vec2(2.5, 10.0); return dot(v * vec2(t, p), -v) + w.x * w.y;",
            TWO,
            |x| {
                let [p, t] = [x[0], x[1]];
                let v = [p / (t * t + 1.0), t / 2.0];
                2.0 * p - v[0] * v[0] * t - v[1] * v[1] * p
            },
        ),
        (
            "a choice by components",
            "let v = select(vec2(p, t), vec2(t * t, 2.0), vec2(p > t, p > 0.0)); return v.x * v.y;",
            TWO,
            |x| {
                let [p, t] = [x[0], x[1]];
                (if p > t { t * t } else { p }) * if p > 0.0 { 2.0 } else { t }
            },
        ),
        (
            "tests of vectors",
            "if (all(vec2(p, t) > vec2(0.0))) { return p * t; } if (any(vec2(p, t) < vec2(-1.0))) { return p; } return t * t;",
            TWO,
            |x| {
                let [p, t] = [x[0], x[1]];
                if p > 0.0 && t > 0.0 {
                    p * t
                } else if p < -1.0 || t < -1.0 {
                    p
                } else {
                    t * t
                }
            },
        ),
        (
            "an array of vectors",
            "var a = array<vec2<f32>, 2>(vec2(p, 1.0), vec2(t, p)); a[1].x *= p; a[0] = a[1] + a[0]; let i = i32(q); return a[i].y * a[1 - i].x;",
            FOUR,
            |x| {
                let [p, t] = [x[0], x[1]];
                let a = [[p * t + p, p + 1.0], [p * t, p]];
                let i = x[2] as usize;
                a[i][1] * a[1 - i][0]
            },
        ),
        (
            "a copy of a whole",
            "var a = array<f32, 2>(p, t); var b = a; a[0] = 0.0; b[1] = b[0] * 2.0; a = b; return a[0] * a[1] + b[1];",
            TWO,
            |x| 2.0 * x[0] * x[0] + 2.0 * x[0],
        ),
    ]);
}
