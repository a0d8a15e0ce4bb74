// Preference without a reference, of d = c - r and z = beta d: (1 - e) softplus(-z) + e softplus(z),
// max(0, 1 - z) with derivative 0 at the kink, or (d - 1 / (2 beta))^2.

struct Parameters {
    loss_type: u32,
    beta: f32,
    label_smoothing: f32,
    middle: f32, // 1 / (2 beta)
}

const HINGE: u32 = 1u;
const IPO: u32 = 2u;

fn value(c: f32, r: f32, o: Parameters) -> f32 {
    let z = o.beta * (c - r);
    switch o.loss_type {
        case HINGE: {
            return maximum(1.0 - z, 0.0);
        }
        case IPO: {
            let d = (c - r) - o.middle;
            return d * d;
        }
        default: {
            return softplus_sum(z, 1.0 - o.label_smoothing, o.label_smoothing);
        }
    }
}

fn slope(d: f32, o: Parameters) -> f32 {
    let z = o.beta * d;
    switch o.loss_type {
        case HINGE: {
            return select(0.0, -o.beta, z < 1.0);
        }
        case IPO: {
            return 2.0 * (d - o.middle);
        }
        default: {
            return o.beta * softplus_sum_slope(z, 1.0 - o.label_smoothing, o.label_smoothing);
        }
    }
}

fn gradient(c: f32, r: f32, o: Parameters) -> vec2<f32> {
    let by_difference = slope(c - r, o);
    return vec2(by_difference, -by_difference);
}
