//! Built-in functions of whole vectors, each beside the same in Rust.

use super::case::check_bodies;

const FOUR: &[(f64, f64)] = &[(0.5, 3.0), (-2.0, 2.0), (-1.0, 1.0), (0.25, 2.0)];

#[test]
fn geometry() {
    check_bodies(&[
        ("dot", "return dot(vec4(p, t, q, r), vec4(t, p * q, 2.0, p));", FOUR, |x| {
            let [p, t, q, r] = [x[0], x[1], x[2], x[3]];
            p * t + t * p * q + 2.0 * q + r * p
        }),
        (
            "cross",
            "return dot(cross(vec3(p, t, q), vec3(q, r, t * p)), vec3(1.0, -2.0, 0.5));",
            FOUR,
            |x| {
                let [p, t, q, r] = [x[0], x[1], x[2], x[3]];
                (t * t * p - q * r) - 2.0 * (q * q - p * t * p) + 0.5 * (p * r - t * q)
            },
        ),
        (
            "length",
            "return length(vec2(p, t)) + length(vec3(t, q, r)) + length(vec4(p, t, q, r));",
            FOUR,
            |x| {
                x[0].hypot(x[1])
                    + x[1].hypot(x[2]).hypot(x[3])
                    + x[0].hypot(x[1]).hypot(x[2]).hypot(x[3])
            },
        ),
        ("length of a number", "return length(t) * p;", FOUR, |x| x[1].abs() * x[0]),
        (
            "distance",
            "return distance(vec2(p, t), vec2(q * q, 4.0)) + distance(p, r + 5.0);",
            FOUR,
            |x| (x[0] - x[2] * x[2]).hypot(x[1] - 4.0) + (x[0] - x[3] - 5.0).abs(),
        ),
        ("normalize", "return dot(normalize(vec3(p, t, q)), vec3(r, 1.0, t));", FOUR, |x| {
            let length = x[0].hypot(x[1]).hypot(x[2]);
            (x[0] * x[3] + x[1] + x[2] * x[1]) / length
        }),
        ("reflect", "return dot(reflect(vec2(p, t), vec2(q, r)), vec2(1.0, -2.0));", FOUR, |x| {
            let [p, t, q, r] = [x[0], x[1], x[2], x[3]];
            let twice = 2.0 * (p * q + t * r);
            (p - twice * q) - 2.0 * (t - twice * r)
        }),
        (
            "faceForward",
            "return dot(faceForward(vec2(p, t), vec2(q, r), vec2(t, p)), vec2(1.0, -2.0));",
            FOUR,
            |x| {
                let [p, t, q, r] = [x[0], x[1], x[2], x[3]];
                let sign = if q * t + r * p < 0.0 { 1.0 } else { -1.0 };
                sign * (p - 2.0 * t)
            },
        ),
        (
            "ldexp",
            "return ldexp(p * t, 3) + dot(ldexp(vec2(p, t), vec2(-1, 2)), vec2(1.0, 0.5));",
            FOUR,
            |x| 8.0 * x[0] * x[1] + 0.5 * x[0] + 2.0 * x[1],
        ),
        (
            "mix by a number",
            "return dot(mix(vec2(p, t), vec2(q, p * t), r), vec2(1.0, -2.0));",
            FOUR,
            |x| {
                let [p, t, q, r] = [x[0], x[1], x[2], x[3]];
                (p + (q - p) * r) - 2.0 * (t + (p * t - t) * r)
            },
        ),
    ]);
}
