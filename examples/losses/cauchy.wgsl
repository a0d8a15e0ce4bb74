// Cauchy (Lorentzian): scale^2 / 2 log(1 + (d / scale)^2) with d = p - t.
//
// p, t: any numbers. scale > 0: the residual from which the influence falls, 2.3849 for 95 %
// efficiency on normal data.
//
// Black, Anandan: The robust estimation of multiple motions, 1996; SciPy's least_squares has it
// too.

struct Parameters {
    scale: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let z = (p - t) / c.scale;
    return 0.5 * c.scale * c.scale * logarithm_one_plus(z * z);
}
