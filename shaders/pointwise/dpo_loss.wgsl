// Direct preference optimisation of the log-ratios c = policy - reference of the chosen answer and r of the
// rejected one, with z = beta (c - r). Each type takes a form in which nothing overflows or is rounded to 1:
// softplus and sigmoid of numbers of both signs, and u exp(-z) as exp(-z - softplus(-z / tau)), where the
// factors would be 0 and infinite.

struct Parameters {
    loss_type: u32,
    beta: f32,
    yes: f32,     // the weights of both sides of sigmoid and robust
    no: f32,
    log_yes: f32, // the logarithms of the probabilities that exo_pair compares with
    log_no: f32,
    middle: f32,  // 1 / (2 beta)
    discopop_tau: f32,
}

const HINGE: u32 = 1u;
const IPO: u32 = 2u;
const EXO_PAIR: u32 = 4u;
const NCA_PAIR: u32 = 5u;
const BCO_PAIR: u32 = 6u;
const SPPO_HARD: u32 = 7u;
const APO_ZERO: u32 = 8u;
const APO_DOWN: u32 = 9u;
const DISCOPOP: u32 = 10u;

fn bell(x: f32) -> f32 {
    return sigmoid(x) * sigmoid(-x);
}

fn value_of_ratios(c: f32, r: f32, o: Parameters) -> f32 {
    let z = o.beta * (c - r);
    let of_c = o.beta * c;
    let of_r = o.beta * r;
    switch o.loss_type {
        case HINGE: {
            return maximum(1.0 - z, 0.0);
        }
        case IPO: {
            let d = (c - r) - o.middle;
            return d * d;
        }
        case EXO_PAIR: {
            return silenced(sigmoid(z), -softplus(-z) - o.log_yes)
                + silenced(sigmoid(-z), -softplus(z) - o.log_no);
        }
        case NCA_PAIR: {
            return softplus_sum(of_c, 1.0, 0.5) + 0.5 * softplus(of_r);
        }
        case BCO_PAIR: {
            return softplus(-of_c) + softplus(of_r);
        }
        case SPPO_HARD: {
            let d = vec2(c - o.middle, r + o.middle);
            return dot(d, d);
        }
        case APO_ZERO: {
            return sigmoid(-of_c) + sigmoid(of_r);
        }
        case APO_DOWN: {
            return sigmoid(of_c) + sigmoid(-z);
        }
        case DISCOPOP: {
            let s = z / o.discopop_tau;
            return silenced(sigmoid(-s), softplus(-z)) + exponential(-z - softplus(-s));
        }
        default: {
            return softplus_sum(z, o.yes, o.no);
        }
    }
}

fn slopes_of_ratios(c: f32, r: f32, o: Parameters) -> vec2<f32> {
    let z = o.beta * (c - r);
    let of_c = o.beta * c;
    let of_r = o.beta * r;
    let of_z = vec2(o.beta, -o.beta);
    switch o.loss_type {
        case HINGE: {
            return of_z * select(0.0, -1.0, z < 1.0);
        }
        case IPO: {
            return vec2(2.0, -2.0) * ((c - r) - o.middle);
        }
        case EXO_PAIR: {
            return of_z * silenced(bell(z), z - (o.log_yes - o.log_no));
        }
        case NCA_PAIR: {
            return o.beta * vec2(softplus_sum_slope(of_c, 1.0, 0.5), 0.5 * sigmoid(of_r));
        }
        case BCO_PAIR: {
            return o.beta * vec2(-sigmoid(-of_c), sigmoid(of_r));
        }
        case SPPO_HARD: {
            return 2.0 * vec2(c - o.middle, r + o.middle);
        }
        case APO_ZERO: {
            return o.beta * vec2(-bell(of_c), bell(of_r));
        }
        case APO_DOWN: {
            return o.beta * vec2(bell(of_c) - bell(z), bell(z));
        }
        case DISCOPOP: {
            let s = z / o.discopop_tau;
            let v = sigmoid(-s);
            let power = exponential(-z - softplus(-s));
            let mixed = v / o.discopop_tau * (power - silenced(sigmoid(s), softplus(-z)));
            return of_z * (mixed - v * sigmoid(-z) - power);
        }
        default: {
            return of_z * softplus_sum_slope(z, o.yes, o.no);
        }
    }
}

fn value(policy_c: f32, policy_r: f32, reference_c: f32, reference_r: f32, o: Parameters) -> f32 {
    return value_of_ratios(policy_c - reference_c, policy_r - reference_r, o);
}

fn gradient(
    policy_c: f32,
    policy_r: f32,
    reference_c: f32,
    reference_r: f32,
    o: Parameters,
) -> vec4<f32> {
    let slopes = slopes_of_ratios(policy_c - reference_c, policy_r - reference_r, o);
    return vec4(slopes, -slopes);
}
