// CTC: -log of the sum, over all alignments of the target with the time steps, of the product of
// the steps' probabilities. Over pairs of a blank and the label after it, with alpha the
// probability of having come to a state by step t, the emission of t included:
//
//     blank'_j = p_t(blank)  (blank_j + label_{j-1})
//     label'_j = p_t(label_j) (label_j + blank_j + [label_j differs from label_{j-1}] label_{j-1})
//
// beta, the probability of the rest after step t, is the same recursion over the reversed target
// and time, taken before the emission. The gradient is exp(log_prob) - posterior.
//
// Stable: probabilities are not logarithms but numbers 2^e (1 + d) with an exponent of their own
// and |d| small, so that nothing underflows, each step costs a relative rounding however small the
// probability has become (a logarithm of -10000 has an absolute one of 1e-3), the inner loop has no
// logarithm, and a probability near 1 keeps the digits of its distance from 1: a confident sequence
// has a tiny loss and gradient with all their digits. An impossible state is the exponent
// IMPOSSIBLE, which no sum of finite log-probabilities above -6.9e37 reaches.

struct Parameters {
    blank: u32,
    zero_infinity: u32,
}

struct Window {
    steps: u32,         // time steps in all
    first: u32,         // the window's first step
    last: u32,          // one past its last
    batch: u32,
    classes: u32,
    places: u32,        // elements of targets
    longest: u32,       // the longest target that the shapes allow
    width: u32,         // workgroups in a row of the dispatch
    // Places in the scratch:
    source: u32,        // alpha before the window's first step
    destination: u32,   // where alpha after its last step goes
    rest: u32,          // beta between windows
    alphas: u32,        // alpha of each step of the window
    betas: u32,         // beta of each step of the window
    records: u32,       // what is known of each sequence
    links: u32,         // for each label, its next occurrence
    losses: u32,
    divisor: f32,
    scale: f32,         // of the gradient
    weight: f32,        // of the losses that are not reduced
    // The window's first elements within what is bound, which starts at an aligned byte.
    shift: u32,
    gradient_shift: u32,
}

// The exponent of an impossible state.
const IMPOSSIBLE: f32 = -1.0e38;

// 2^e (1 + d), e whole.
struct Scaled {
    d: f32,
    e: f32,
}

fn impossible() -> Scaled {
    return Scaled(0.0, IMPOSSIBLE);
}

fn is_impossible(x: Scaled) -> bool {
    return x.e <= IMPOSSIBLE;
}

// 2^e for e <= 127, 0 below -126.
fn power_of_two(e: f32) -> f32 {
    return bitcast<f32>((i32(max(e, -127.0)) + 127) << 23u);
}

// The larger one's d stays a small number, to which the smaller one is added.
fn sum_of(a: Scaled, b: Scaled) -> Scaled {
    let swapped = b.e > a.e;
    let high_d = select(a.d, b.d, swapped);
    let high_e = select(a.e, b.e, swapped);
    let low_d = select(b.d, a.d, swapped);
    let low_e = select(b.e, a.e, swapped);
    // Two impossible ones stay so by their exponent; their d is not looked at.
    return Scaled(high_d + power_of_two(low_e - high_e) * (1.0 + low_d), high_e);
}

fn product_of(a: Scaled, b: Scaled) -> Scaled {
    return Scaled(a.d + (b.d + a.d * b.d), a.e + b.e);
}

// 1 / x.
fn inverse_of(x: Scaled) -> Scaled {
    return Scaled(-x.d / (1.0 + x.d), -x.e);
}

// The same number with 1 + d in [sqrt(1/2), sqrt 2): the rounded sum only chooses the power of two,
// as in logarithm_one_plus.
fn normalised(x: Scaled) -> Scaled {
    let shifted = bitcast<i32>(1.0 + x.d) - BITS_OF_SQRT_HALF;
    let exponent_bits = bitcast<i32>(bitcast<u32>(shifted) & 0xff800000u);
    let reciprocal_power = bitcast<f32>(max(BITS_OF_ONE - exponent_bits, 0));
    let offset = select(reciprocal_power - 1.0, 0.0, exponent_bits == 0);
    let d = x.d * reciprocal_power + offset;
    let e = x.e + f32(shifted >> 23u);
    if (e <= IMPOSSIBLE) {
        return impossible();
    }
    // The bits of NaN are no power of two; its exponent must not grow from step to step.
    return Scaled(select(d, not_a_number(), is_nan(x.d)), select(e, x.e, is_nan(x.d)));
}

// e^x: exact in e, and d keeps its digits around x = 0.
fn scaled_exponential(x: f32) -> Scaled {
    let bits = bitcast<u32>(x);
    if (bits == 0xff800000u) {
        return impossible();
    }
    if (!is_finite(x)) {
        return Scaled(not_a_number(), 0.0);
    }
    let e = round(x * LOG2_OF_E);
    if (abs(x) > 2000000.0) {
        // Neighbours of x are far more than a factor of 2 apart.
        return normalised(Scaled(0.0, clamp(e, IMPOSSIBLE, -IMPOSSIBLE)));
    }
    // The max never acts; it keeps compilers from merging the products, as in reduced_exponent.
    let r = max(x - e * LN_2_HIGH, -2000.0) - e * LN_2_LOW;
    return Scaled(r + r * r * exponential_core(r), e);
}

// log x.
fn logarithm_of(x: Scaled) -> f32 {
    if (is_impossible(x)) {
        return -infinity();
    }
    return logarithm_core(x.d, x.e);
}

// A sequence as it lies in the inputs; `valid` is whether its lengths fit.
struct Sequence {
    steps: u32,
    labels: u32,
    place: u32,    // of its first label in targets
    valid: bool,
}

fn sequence_of(n: u32, place: u32) -> Sequence {
    let steps = input_lengths_index(n * INPUT_LENGTHS_STRIDE);
    let labels = target_lengths_index(n * TARGET_LENGTHS_STRIDE);
    let valid = steps >= 0 && u32(steps) <= window.steps
        && labels >= 0 && u32(labels) <= window.longest
        && place <= window.places && u32(labels) <= window.places - place;
    return Sequence(select(0u, u32(steps), valid), select(0u, u32(labels), valid), place, valid);
}

// The length of a target in the concatenation; a bad one puts all behind it past the end.
fn target_length(n: u32) -> u32 {
    let labels = target_lengths_index(n * TARGET_LENGTHS_STRIDE);
    let good = labels >= 0 && u32(labels) <= window.places;
    return select(window.places + 1u, u32(labels), good);
}

// Where a pair of states lies in one step: targets of n sequences have a pair for each label and
// one more for each sequence.
fn pairs_before(n: u32, place: u32) -> u32 {
    return place + n;
}

const PAIR_WORDS: u32 = 4u;
// A sequence's steps, labels, place, and the probability of its target.
const RECORD_WORDS: u32 = 5u;

fn pairs_in_step() -> u32 {
    return window.places + window.batch;
}
