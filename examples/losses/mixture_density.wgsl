// Negative log likelihood of a mixture of three normal distributions: -log of the sum over k of
// softmax(x)_k density((t - mean_k) / scale_k) / scale_k, with scale_k = exp(log_scale_k).
//
// x: the logits of the mixture. mean, log_scale: any numbers. Each of the three is a vector, along a last
// dimension of 3. t: any number.
//
// Bishop: Mixture density networks, 1994.
//
// Plot: x=0,0,0 mean=-1,0,1 log_scale=0,0,0

const HALF_LOG_TWO_PI: f32 = 0.9189385;

fn value(x: vec3<f32>, mean: vec3<f32>, log_scale: vec3<f32>, t: f32) -> f32 {
    let z = (t - mean) * exp(-log_scale);
    let terms = x - log_scale - 0.5 * z * z;
    let joint = log_sum_exp(log_sum_exp(terms.x, terms.y), terms.z);
    return log_sum_exp(log_sum_exp(x.x, x.y), x.z) - joint + HALF_LOG_TWO_PI;
}
