// RNN transducer: -log of the sum, over all paths through the lattice of time steps and labels, of the
// product of their arcs' probabilities. From node (t, u), at step t with u labels emitted, an arc with
// the blank leads to (t + 1, u) and one with label u to (t, u + 1); the path ends with the blank of
// the last node. With l = log_softmax(logits) at a node, and alpha and beta the probabilities of coming
// to a node and of going on to the end from there:
//
//     alpha(t, u) = alpha(t - 1, u) l(t - 1, u, blank) + alpha(t, u - 1) l(t, u - 1, label)
//     beta(t, u)  = beta(t + 1, u) l(t, u, blank) + beta(t, u + 1) l(t, u, label)
//
// (products of their exponentials). The gradient of class k at a node that paths pass with the
// probability n = alpha beta / likelihood is n softmax(k), less the probabilities of the arcs of k.
//
// Stable: alpha and beta are numbers with an exponent of their own (scaled.wgsl). The log-softmax is
// over the sum without its largest term, so that a probability near 1 keeps its distance from 1, and
// with q = l(blank) beta(t + 1, u) / beta(t, u), the share of the paths that go on with the blank, the
// gradient of the blank is n (softmax(blank) - q): both may be near 1.

struct Parameters {
    blank: i32, // below 0, counted from the end
    clamp: f32,
}

struct Window {
    batch: u32,
    steps: u32,    // time steps in all
    columns: u32,  // one more than the labels of a target at most
    classes: u32,
    first: u32,    // the window's first node, or its first diagonal of nodes
    last: u32,     // one past its last
    diagonals: u32,
    width: u32,    // workgroups in a row of the dispatch
    // Places in the scratch:
    nodes: u32,    // of each node, what its log-softmax says
    alphas: u32,
    betas: u32,
    carried: u32,  // a diagonal between windows
    records: u32,  // what is known of each sequence
    losses: u32,
    divisor: f32,
    scale: f32,    // of the gradient
    weight: f32,   // of the losses that are not reduced
    // The window's first elements within what is bound, which starts at an aligned byte.
    shift: u32,
    gradient_shift: u32,
}

// A node's largest logit, the logarithm of the sum of exponentials less that, and the log-probabilities
// of the blank and of the next label.
const NODE_WORDS: u32 = 4u;
// A sequence's steps, labels, and the probability of its target.
const RECORD_WORDS: u32 = 4u;
const PAIR_WORDS: u32 = 4u;

fn blank_class() -> u32 {
    let blank = options().blank;
    return u32(select(blank, blank + i32(window.classes), blank < 0));
}

// A sequence as it lies in the inputs; `valid` is whether its lengths fit.
struct Sequence {
    steps: u32,
    labels: u32,
    valid: bool,
}

fn sequence_of(n: u32) -> Sequence {
    let steps = logit_lengths_index(n);
    let labels = target_lengths_index(n);
    let valid = steps > 0 && u32(steps) <= window.steps
        && labels >= 0 && u32(labels) < window.columns;
    return Sequence(select(0u, u32(steps), valid), select(0u, u32(labels), valid), valid);
}

// A node by its place among all: its sequence, step and column.
fn place_of(node: u32) -> vec3<u32> {
    let row = node / window.columns;
    return vec3(row / window.steps, row % window.steps, node % window.columns);
}

fn load(word: u32) -> Scaled {
    return Scaled(scratch[word], scratch[word + 1u]);
}

fn store(word: u32, x: Scaled) {
    scratch[word] = x.d;
    scratch[word + 1u] = x.e;
}
