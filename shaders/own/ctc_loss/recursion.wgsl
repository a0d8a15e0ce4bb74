// The recursion over a window of time steps: one workgroup for the alpha of a sequence, one for its
// beta. A lane keeps neighbouring pairs of states in registers; only its last label's state goes to
// its right neighbour, so that a step costs one barrier.

struct Pair {
    blank: Scaled,
    label: Scaled,
}

// The last state of each lane, alternately in two halves: a step reads what the one before wrote.
var<workgroup> edges: array<Scaled, 2 * THREADS>;
var<workgroup> ends: array<Scaled, 2>;

fn place_of(n: u32, lane: u32) -> u32 {
    if (PADDED) {
        return n * window.longest;
    }
    var mine = 0u;
    for (var i = lane; i < n; i += THREADS) {
        mine += target_length(i);
    }
    return total_count(lane, mine);
}

fn load_pair(word: u32) -> Pair {
    return Pair(
        Scaled(scratch[word], scratch[word + 1u]),
        Scaled(scratch[word + 2u], scratch[word + 3u]));
}

fn store_pair(word: u32, pair: Pair) {
    scratch[word] = pair.blank.d;
    scratch[word + 1u] = pair.blank.e;
    scratch[word + 2u] = pair.label.d;
    scratch[word + 3u] = pair.label.e;
}

// What is known of the sequence at the end: its record and its loss.
fn finish(n: u32, sequence: Sequence, bad: bool) {
    var likelihood = ends[0];
    if (sequence.labels > 0u) {
        likelihood = normalised(sum_of(ends[0], ends[1]));
    }
    if (bad) {
        likelihood = Scaled(not_a_number(), 0.0);
    }
    let record = window.records + n * RECORD_WORDS;
    // A bad sequence's gradient is NaN at every step.
    scratch[record] = f32(select(sequence.steps, window.steps, bad));
    scratch[record + 1u] = f32(sequence.labels);
    scratch[record + 2u] = f32(sequence.place);
    scratch[record + 3u] = likelihood.d;
    scratch[record + 4u] = likelihood.e;
    var loss = -logarithm_of(likelihood);
    if (is_nan(likelihood.d)) {
        loss = likelihood.d;
    } else if (options().zero_infinity != 0u && is_impossible(likelihood)) {
        loss = 0.0;
    }
    store_loss(n, loss / length_divisor(sequence.labels));
}

// The time of a step.
fn step_at(step: u32, reversed: bool) -> u32 {
    return select(window.first + step, window.last - 1u - step, reversed);
}

// Where a sequence's emissions of a time are.
fn emissions_start(t: u32, n: u32) -> u32 {
    return ((t - window.first) * window.batch + n) * window.classes;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = group.x + group.y * window.width;
    if (number >= window.batch * DIRECTIONS) {
        return;
    }
    let n = number % window.batch;
    let reversed = number >= window.batch;
    let sequence = sequence_of(n, place_of(n, lane));
    let labels = sequence.labels;
    // Pairs 0 to labels, of which the last has only its blank.
    let own = min(labels / THREADS, PAIRS - 1u) + 1u;
    let first_pair = lane * own;

    var pairs: array<Pair, PAIRS>;
    var classes: array<u32, PAIRS>;
    var skips: array<bool, PAIRS>;
    var bad_labels = 0u;
    for (var i = 0u; i < own; i++) {
        let j = first_pair + i;
        pairs[i] = Pair(impossible(), impossible());
        classes[i] = options().blank;
        skips[i] = false;
        if (j < labels) {
            let place = sequence.place + select(j, labels - 1u - j, reversed);
            let label = targets_index(place);
            bad_labels += select(1u, 0u, is_label(label));
            if (!reversed) {
                note_label(place);
            }
            classes[i] = select(options().blank, u32(label), is_label(label));
            if (j > 0u) {
                skips[i] = targets_index(select(place - 1u, place + 1u, reversed)) != label;
            }
        }
        let carried = select(window.source, window.rest, reversed);
        let begins = select(window.first == 0u, window.last == window.steps, reversed);
        if (begins && j == 0u) {
            // Before the first step, as if the first blank had been reached for certain.
            pairs[i].blank = Scaled(0.0, 0.0);
        } else if (!begins && j <= labels) {
            pairs[i] = load_pair(carried + PAIR_WORDS * (pairs_before(n, sequence.place) + j));
        }
    }
    let bad = total_count(lane, bad_labels) > 0u || !sequence.valid;
    edges[lane] = pairs[own - 1u].label;
    workgroupBarrier(); // the edges have been written before the first step reads them

    let count = window.last - window.first;
    // The next step's emissions are asked for before a step is computed, which would wait for them else.
    var emissions: array<f32, PAIRS>;
    let start = emissions_start(step_at(0u, reversed), n);
    var blank_ahead = log_prob_at(start + options().blank);
    for (var i = 0u; i < own; i++) {
        emissions[i] = log_prob_at(start + classes[i]);
    }
    for (var step = 0u; step < count; step++) {
        let t = step_at(step, reversed);
        let from_half = (step & 1u) * THREADS;
        let ahead = emissions_start(step_at(min(step + 1u, count - 1u), reversed), n);
        let blank_now = blank_ahead;
        blank_ahead = log_prob_at(ahead + options().blank);
        var now = emissions;
        for (var i = 0u; i < own; i++) {
            emissions[i] = log_prob_at(ahead + classes[i]);
        }
        if (t < sequence.steps && first_pair <= labels) {
            let blank_emission = scaled_exponential(blank_now);
            let row = select(window.alphas, window.betas, reversed) + PAIR_WORDS
                * ((t - window.first) * pairs_in_step() + pairs_before(n, sequence.place));
            for (var i = own; i > 0u; i--) {
                let at = i - 1u;
                var before = impossible();
                if (at > 0u) {
                    before = pairs[at - 1u].label;
                } else if (lane > 0u) {
                    before = edges[from_half + lane - 1u];
                }
                let pair = pairs[at];
                let blank = sum_of(pair.blank, before);
                var label = sum_of(pair.label, pair.blank);
                if (skips[at]) {
                    label = sum_of(label, before);
                }
                let emission = scaled_exponential(now[at]);
                let emitted = Pair(
                    normalised(product_of(blank, blank_emission)),
                    normalised(product_of(label, emission)));
                let j = first_pair + at;
                if (ROWS && j <= labels) {
                    let word = row + PAIR_WORDS * j;
                    if (reversed) {
                        store_pair(word, Pair(blank, label));
                    } else {
                        store_pair(word, emitted);
                    }
                }
                pairs[at] = emitted;
            }
        }
        edges[THREADS - from_half + lane] = pairs[own - 1u].label;
        workgroupBarrier(); // a step's edges have been written before the next step reads them
    }

    for (var i = 0u; i < own; i++) {
        let j = first_pair + i;
        if (j <= labels) {
            let carry = select(window.destination, window.rest, reversed);
            let done = select(window.last == window.steps, window.first == 0u, reversed);
            if (!done) {
                store_pair(carry + PAIR_WORDS * (pairs_before(n, sequence.place) + j), pairs[i]);
            }
            if (j == labels) {
                ends[0] = pairs[i].blank;
            }
            if (j + 1u == labels) {
                ends[1] = pairs[i].label;
            }
        }
    }
    workgroupBarrier(); // the ends have been written before the first lane reads them
    if (lane == 0u && !reversed && window.last == window.steps) {
        finish(n, sequence, bad);
    }
}
