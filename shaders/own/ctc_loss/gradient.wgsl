// The gradient, a row for each sequence at each step: THREADS lanes share a row, ROWS rows a
// workgroup. Every class first gets exp(log_prob), then the classes of the target get exp(log_prob)
// - posterior. The posterior of a label is summed over its occurrences in order by one lane, that
// of the blank by the row's lanes and then in their order.

var<workgroup> blank_sums: array<Scaled, THREADS * ROWS>;

fn load(word: u32) -> Scaled {
    return Scaled(scratch[word], scratch[word + 1u]);
}

// exp(log_prob) - posterior: where both are near 1, over their distances from 1.
fn difference(log_prob: f32, posterior: Scaled) -> f32 {
    let p = exponential(log_prob);
    let sum = normalised(posterior);
    let q = power_of_two(clamp(sum.e, -127.0, 127.0)) * (1.0 + sum.d);
    if (sum.e == 0.0 && p > 0.5) {
        return exponential_minus_one(log_prob) - sum.d;
    }
    return p - q;
}

@compute @workgroup_size(THREADS * ROWS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let lane = index % THREADS;
    let own = (group.x + group.y * window.width) * ROWS + index / THREADS;
    let rows = (window.last - window.first) * window.batch;
    // Lanes without a row look at the last one, and write nothing.
    let row = min(own, rows - 1u);
    let n = row % window.batch;
    let step = row / window.batch;
    let record = window.records + n * RECORD_WORDS;
    let inside = window.first + step < u32(scratch[record]);
    let labels = u32(scratch[record + 1u]);
    let place = select(u32(scratch[record + 2u]), n * window.longest, PADDED);
    let likelihood = load(record + 3u);
    let broken = is_nan(likelihood.d);
    let hopeless = !broken && is_impossible(likelihood);
    let real = own < rows && inside && !broken && !hopeless;
    // What stands where there is nothing to compute.
    let silent = !inside || (hopeless && options().zero_infinity != 0u);
    let filler = select(not_a_number(), 0.0, silent);

    let scale = row_scale(n) / length_divisor(labels);
    let start = row * window.classes;
    let shift = window.gradient_shift;
    let classes = select(0u, window.classes, own < rows);
    for (var c = lane; c < classes; c += THREADS) {
        let slope = scale * exponential(log_prob_at(start + c));
        store_gradient(shift + start + c, select(filler, slope, real));
    }
    let pairs = PAIR_WORDS * (step * pairs_in_step() + pairs_before(n, place));
    let alphas = window.alphas + pairs;
    let betas = window.betas + pairs;
    let inverse = inverse_of(likelihood);
    var blanks = impossible();
    if (real) {
        for (var j = lane; j <= labels; j += THREADS) {
            let alpha = load(alphas + PAIR_WORDS * j);
            let beta = load(betas + PAIR_WORDS * (labels - j));
            blanks = sum_of(blanks, posterior_of(alpha, beta, inverse));
        }
    }
    blank_sums[index] = blanks;
    workgroupBarrier(); // all lanes' blanks have been summed before the first lane adds them up
    storageBarrier(); // all classes have been written before those of the target are written anew
    if (!real) {
        return;
    }
    for (var j = lane; j < labels; j += THREADS) {
        var link = scratch[window.links + place + j];
        if (link < 0.0) {
            continue; // the lane of its first occurrence sums it
        }
        var sum = impossible();
        var i = j;
        loop {
            let alpha = load(alphas + PAIR_WORDS * i + 2u);
            let beta = load(betas + PAIR_WORDS * (labels - 1u - i) + 2u);
            sum = sum_of(sum, posterior_of(alpha, beta, inverse));
            if (link == 0.0) {
                break;
            }
            i = u32(link);
            link = -1.0 - scratch[window.links + place + i];
        }
        let at = start + u32(targets_index(place + j));
        store_gradient(shift + at, scale * difference(log_prob_at(at), sum));
    }
    if (lane == 0u) {
        var sum = impossible();
        for (var i = 0u; i < THREADS; i++) {
            sum = sum_of(sum, blank_sums[index + i]);
        }
        let at = start + options().blank;
        store_gradient(shift + at, scale * difference(log_prob_at(at), sum));
    }
}

// alpha beta / likelihood.
fn posterior_of(alpha: Scaled, beta: Scaled, inverse: Scaled) -> Scaled {
    let both = product_of(product_of(alpha, beta), inverse);
    if (is_impossible(alpha) || is_impossible(beta)) {
        return impossible();
    }
    return Scaled(both.d, max(both.e, IMPOSSIBLE));
}
