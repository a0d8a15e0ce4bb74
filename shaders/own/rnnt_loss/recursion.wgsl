// The recursion over a window of diagonals of nodes, on each of which t + u is the same: one workgroup
// for the alpha of a sequence, one for its beta, which runs from the last node on. A lane keeps
// neighbouring columns in registers; only what its last one sends on goes to its right neighbour, so
// that a diagonal costs one barrier.

// What goes on to the next step, and to the next column.
struct Pair {
    stay: Scaled,
    go: Scaled,
}

// What each lane's last column sends on, alternately in two halves: a diagonal reads what the one
// before wrote.
var<workgroup> edges: array<Scaled, 2 * THREADS>;

// What is known of the sequence at the end: its record and its loss.
fn finish(n: u32, sequence: Sequence, ended: Scaled, bad: bool) {
    var likelihood = normalised(ended);
    if (bad) {
        likelihood = Scaled(not_a_number(), 0.0);
    }
    let record = window.records + n * RECORD_WORDS;
    // A bad sequence's gradient is NaN at every node.
    scratch[record] = f32(select(sequence.steps, window.steps, bad));
    scratch[record + 1u] = f32(select(sequence.labels, window.columns - 1u, bad));
    store(record + 2u, likelihood);
    var loss = -logarithm_of(likelihood);
    if (is_nan(likelihood.d)) {
        loss = likelihood.d;
    }
    store_loss(n, loss);
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
    let sequence = sequence_of(n);
    let steps = sequence.steps;
    let labels = sequence.labels;
    let own = labels / THREADS + 1u;
    let first_column = lane * own;

    var pairs: array<Pair, COLUMNS>;
    var bad_labels = 0u;
    for (var i = 0u; i < own; i++) {
        let column = first_column + i;
        pairs[i] = Pair(impossible(), impossible());
        if (column < labels) {
            let place = n * (window.columns - 1u) + column;
            bad_labels += select(1u, 0u, is_label(targets_index(place)));
            if (!reversed) {
                note_label(place);
            }
        }
        if (window.first == 0u && column == 0u) {
            // As if the first node, or the end behind the last one, had been reached for certain.
            pairs[i].stay = Scaled(0.0, 0.0);
        } else if (window.first > 0u && column <= labels) {
            let word = window.carried + PAIR_WORDS * (number * window.columns + column);
            pairs[i] = Pair(load(word), load(word + 2u));
        }
    }
    let bad = total_count(lane, bad_labels) > 0u || !sequence.valid;
    edges[lane] = pairs[own - 1u].go;
    workgroupBarrier(); // the edges have been written before the first diagonal reads them

    let count = window.last - window.first;
    for (var i = 0u; i < count; i++) {
        let diagonal = window.first + i;
        let from_half = (i & 1u) * THREADS;
        for (var k = own; k > 0u; k--) {
            let at = k - 1u;
            let column = first_column + at;
            // Before the diagonal gets there, the difference wraps to a large number.
            let step = diagonal - column;
            if (column <= labels && step < steps) {
                let t = select(step, steps - 1u - step, reversed);
                let u = select(column, labels - column, reversed);
                let node = (n * window.steps + t) * window.columns + u;
                let word = window.nodes + NODE_WORDS * node;
                let by_blank = scaled_exponential(scratch[word + 2u]);
                let by_label = scaled_exponential(scratch[word + 3u]);
                var stay = pairs[at].stay;
                var go = impossible();
                if (at > 0u) {
                    go = pairs[at - 1u].go;
                } else if (lane > 0u) {
                    go = edges[from_half + lane - 1u];
                }
                if (reversed) {
                    stay = product_of(stay, by_blank);
                    go = product_of(go, by_label);
                }
                var sum = normalised(sum_of(stay, go));
                if (is_nan(by_blank.d)) {
                    // No path through it is needed for that.
                    sum = by_blank;
                }
                if (KEEPS) {
                    store(select(window.alphas, window.betas, reversed) + 2u * node, sum);
                }
                if (reversed) {
                    pairs[at] = Pair(sum, sum);
                } else {
                    pairs[at] = Pair(product_of(sum, by_blank), product_of(sum, by_label));
                }
            }
        }
        edges[THREADS - from_half + lane] = pairs[own - 1u].go;
        workgroupBarrier(); // a diagonal's edges have been written before the next one reads them
    }

    let done = window.last == window.diagonals;
    for (var i = 0u; i < own; i++) {
        let column = first_column + i;
        if (!done && column <= labels) {
            let word = window.carried + PAIR_WORDS * (number * window.columns + column);
            store(word, pairs[i].stay);
            store(word + 2u, pairs[i].go);
        } else if (column == labels && !reversed) {
            finish(n, sequence, pairs[i].stay, bad);
        }
    }
}
