// Negative log likelihood of a Laplace distribution: log(2 scale) + |p - t| / scale, an absolute
// error whose size is learnt too.
//
// p, t: any numbers. scale > 0: an input, for each element its own.
//
// Kendall, Gal: What uncertainties do we need in Bayesian deep learning for computer vision?,
// NeurIPS 2017.
//
// Plot: scale=1

fn value(p: f32, t: f32, scale: f32) -> f32 {
    return log(2.0 * scale) + abs(p - t) / scale;
}
