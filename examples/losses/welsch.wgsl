// Welsch (Leclerc, correntropy): scale^2 / 2 (1 - exp(-(d / scale)^2)) with d = p - t.
//
// p, t: any numbers. scale > 0: 2.9846 for 95 % efficiency on normal data.
// e^y - 1 in one step keeps the digits of small residuals.
//
// Dennis, Welsch: Techniques for nonlinear least squares and robust regression, 1978.

struct Parameters {
    scale: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let z = (p - t) / c.scale;
    return -0.5 * c.scale * c.scale * exponential_minus_one(-z * z);
}
