// Cross entropy of the logits x_c = bounded(sum over d of input_d W_cd + b_c): sum of s_c (lse - x_c)
// + z lse^2, lse = log sum exp x, with shares s_c = w_c ((1 - smoothing) q_c + smoothing / V).
//
// A tile of logits is in the scratch at a time. Everything is taken relative to the largest logit m
// of the tiles so far, as in cross_entropy.wgsl: no exponential overflows, and log1p keeps the loss
// of a confident row. Where a later tile has a larger one, the sums move to it: the exponentials
// times e^(m - m'), the peaks among the others, and sum of s_c (m - x_c) by (sum of s_c)(m' - m).

struct Parameters {
    label_smoothing: f32,
    z_loss: f32,
    softcap: f32,
}

struct Window {
    items: u32,        // batch items in this chunk: the tile's rows
    first_item: u32,
    classes: u32,      // in this tile
    first_class: u32,
    all_classes: u32,
    features: u32,
    positions: u32,    // of each item; the tile has one of them
    position: u32,
    statistics: u32,   // where in the scratch what is known of each item starts: 8 words
    tile: u32,         // where the logits start
    stride: u32,       // from a row of the tile to the next, a multiple of 4
    losses: u32,       // where the losses of all rows go if they are reduced
    adds: u32,         // 1 if statistics or gradients are there to be added to
    width: u32,        // workgroups in a row of the dispatch
    ignored: i32,
    divisor: f32,
    scale: f32,        // of the gradients
    offsets: u32,      // where what the biases of each position have in common starts
    weight: f32,       // of the losses that are not reduced
    padding_0: u32,
}

const LOWEST: f32 = -0x1.fffffep+127f;
const KEPT: u32 = 0u;
const IGNORED: u32 = 1u;
const BAD: u32 = 2u;

struct Statistics {
    peak: f32,       // the largest logit, m
    others: f32,     // sum of exp(x_c - m) without the peaks themselves
    peaks: f32,      // how many classes are at the peak
    shares: f32,     // sum of s_c; of a class index the smoothing only
    below: f32,      // sum of s_c (m - x_c)
    picked: f32,     // the logit of the target class
}

// A factor of 0 stays 0 even where the distance to a first peak is infinite.
fn merged(old: Statistics, tile: Statistics) -> Statistics {
    let shrunk = exponential(old.peak - tile.peak);
    let moved = tile.peak > old.peak;
    let others = select(old.others, (old.others + old.peaks) * shrunk, moved);
    let below = old.below + silenced(old.shares, select(0.0, tile.peak - old.peak, moved));
    return Statistics(
        tile.peak,
        others + tile.others,
        select(old.peaks, 0.0, moved) + tile.peaks,
        old.shares + tile.shares,
        below + tile.below,
        tile.picked,
    );
}

fn bounded(x: f32) -> f32 {
    if (options().softcap > 0.0) {
        return options().softcap * hyperbolic_tangent(x / options().softcap);
    }
    return x;
}

// The derivative of the bound: 1 - tanh^2, by the exponential, which does not cancel.
fn bound_slope(x: f32) -> f32 {
    if (options().softcap > 0.0) {
        let e = exponential(-2.0 * abs(x / options().softcap));
        return 4.0 * e / ((1.0 + e) * (1.0 + e));
    }
    return 1.0;
}

fn share(q: f32, weight: f32) -> f32 {
    let even = options().label_smoothing / f32(window.all_classes);
    return weight * ((1.0 - options().label_smoothing) * q) + weight * even;
}

fn log_sum(s: Statistics) -> f32 {
    return logarithm_one_plus(s.others + (s.peaks - 1.0));
}

fn state_of(index: i32) -> u32 {
    if (index == window.ignored) {
        return IGNORED;
    }
    return select(KEPT, BAD, index < 0 || u32(index) >= window.all_classes);
}

// The place of one class of an item in the target's probabilities.
fn target_place(item: u32, class_: u32) -> u32 {
    return (item * window.all_classes + window.first_class + class_) * window.positions
        + window.position;
}

// The place of an item's row in what has one number for each row.
fn row_place(item: u32) -> u32 {
    return item * window.positions + window.position;
}
