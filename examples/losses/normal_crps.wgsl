// Continuous ranked probability score of a normal distribution: with z = (t - p) / scale,
// scale (z erf(z / sqrt(2)) + 2 density(z) - 1 / sqrt(pi)).
//
// p, t: any numbers. scale > 0: an input, for each element its own.
//
// Gneiting, Raftery, Westveld, Goldman: Calibrated probabilistic forecasting using ensemble model output
// statistics and minimum CRPS estimation, 2005.
//
// Plot: scale=1

const ROOT_HALF: f32 = 0.70710678;
const INVERSE_ROOT_PI: f32 = 0.56418958;

fn value(p: f32, scale: f32, t: f32) -> f32 {
    let z = (t - p) / scale;
    return scale * (z * error_function(ROOT_HALF * z) + 2.0 * normal_density(z) - INVERSE_ROOT_PI);
}
