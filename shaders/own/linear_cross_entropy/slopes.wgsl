// Turns a tile of logits into the loss's slopes by them, and writes the gradient of probabilities.
// S p - s with S the sum of shares; where p is above 1/2, which only a peak can be, that would
// cancel: there it is (S - s) - S (1 - p). Places past the last class become 0, up to a whole quad,
// as the products read whole quads.

// A probability below 2^-100 is nothing beside that of the peak, but its products with small numbers
// would be denormal, on which processors multiply up to a hundred times slower.
const NEGLIGIBLE: f32 = 7.888609e-31;

fn slope(item: u32, class_: u32, place: u32) -> f32 {
    if (class_ >= window.classes) {
        return 0.0;
    }
    let logit = scratch[window.tile + item * window.stride + class_];
    let x = bounded(logit);
    let peak = scratch[place];
    let others = scratch[place + 1u];
    let peaks = scratch[place + 2u];
    let shares = scratch[place + 3u];
    let state = u32(scratch[place + 6u]);
    let scale = scratch[place + 7u];

    let below = peak - x;
    let rest = others + (peaks - 1.0);
    let sum = others + peaks;
    let weight = class_weight(window.first_class + class_);
    let s = share(probability(item, class_), weight);
    let exact = exponential(-below) / sum;
    let p = select(exact, 0.0, exact < NEGLIGIBLE);
    let at_peak = (shares - s) - shares * (rest / sum);
    var result = scale * select(shares * p - s, at_peak, x == peak && sum < 2.0);
    if (options().z_loss > 0.0) {
        result += scratch[place + 5u] * p;
    }
    let factor = (1.0 - options().label_smoothing) * weight;
    store_target(item, class_, scale * silenced(factor, below + logarithm_one_plus(rest)));
    return select(result * bound_slope(logit), scale, state != KEPT);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (group.x + group.y * window.width) * 64u + lane;
    let quads = (window.classes + 3u) / 4u;
    let item = id / quads;
    if (item >= window.items) {
        return;
    }
    let class_ = 4u * (id % quads);
    let place = window.statistics + 8u * item;
    let start = window.tile + item * window.stride + class_;
    for (var i = 0u; i < 4u; i++) {
        scratch[start + i] = slope(item, class_ + i, place);
    }
}
