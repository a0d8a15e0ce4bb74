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
// Stable: probabilities are numbers with an exponent of their own (scaled.wgsl), so that the inner
// loop has no logarithm, and a confident sequence has a tiny loss and gradient with all their digits.

struct Parameters {
    blank: u32,
    zero_infinity: u32,
}

fn blank_class() -> u32 {
    return options().blank;
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
