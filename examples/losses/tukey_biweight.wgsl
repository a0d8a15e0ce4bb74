// Tukey's biweight: c^2 / 6 (1 - (1 - (d / c)^2)^3) where d = |p - t| <= c, else c^2 / 6.
//
// p, t: any numbers. c is `cut` > 0: where outliers begin, 4.685 for 95 % efficiency on normal
// data.
// Multiplied out: the difference from 1 would cancel for small residuals.
//
// Beaton, Tukey: The fitting of power series, meaning polynomials, illustrated on
// band-spectroscopic data, 1974.

struct Parameters {
    cut: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let z = (p - t) / c.cut;
    let square = z * z;
    let inside = square * (3.0 + square * (square - 3.0));
    return c.cut * c.cut / 6.0 * select(1.0, inside, abs(z) <= 1.0);
}
