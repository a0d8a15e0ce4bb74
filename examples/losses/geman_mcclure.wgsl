// Geman and McClure: z^2 / (1 + z^2) with z = (p - t) / scale: outliers cost at most 1.
//
// p, t: any numbers. scale > 0: the residual that costs 1/2.
// Past z = 1 the same as 1 - 1 / (1 + z^2): the derivative of the quotient would cancel there.
//
// Geman, McClure: Bayesian image analysis: an application to single photon emission tomography,
// 1985.

struct Parameters {
    scale: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let z = (p - t) / c.scale;
    let square = z * z;
    if (square < 1.0) {
        return square / (1.0 + square);
    } else {
        return 1.0 - 1.0 / (1.0 + square);
    }
}
