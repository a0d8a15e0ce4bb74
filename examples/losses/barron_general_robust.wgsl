// Barron's general and adaptive robust loss: with z = (p - t) / scale and b = |alpha - 2|,
// b / alpha ((z^2 / b + 1)^(alpha / 2) - 1). Its limits are z^2 / 2 at alpha = 2, log(z^2 / 2 + 1)
// at 0 (Cauchy) and 1 - exp(-z^2 / 2) at -infinity (Welsch); 1 is Charbonnier, -2 Geman and
// McClure.
//
// p, t: any numbers. alpha: the shape, where -1e9 and less stand for -infinity. scale > 0: the
// residual at which the quadratic bowl ends.
// The power less 1 is e^y - 1 of a logarithm, which keeps its digits near z = 0 and alpha = 0.
//
// Barron: A general and adaptive robust loss function, CVPR 2019.

const MINUS_INFINITY: f32 = -1e9;

struct Parameters {
    alpha: f32,
    scale: f32,
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    let z = (p - t) / c.scale;
    let half_square = 0.5 * z * z;
    if (c.alpha == 2.0) {
        return half_square;
    } else if (c.alpha == 0.0) {
        return logarithm_one_plus(half_square);
    } else if (c.alpha <= MINUS_INFINITY) {
        return -exponential_minus_one(-half_square);
    }
    let b = abs(c.alpha - 2.0);
    let y = 0.5 * c.alpha * logarithm_one_plus(2.0 * half_square / b);
    return b / c.alpha * exponential_minus_one(y);
}
