// A loss of pairs of sequences, whose rows have been finished: adds up what the rows of each are worth, and turns what
// each row's slopes are multiplied by into what they have in the loss of the pair. 64 lanes to a pair; the sequences
// that were chosen stand before all that were rejected.

struct Window {
    pairs: u32,
    tokens: u32,     // of each sequence
    statistics: u32, // where in the scratch what is known of each row starts
    rows: u32,       // where what each row is worth starts
    losses: u32,     // where the losses go if they are reduced
    width: u32,      // workgroups in a row of the dispatch
    divisor: f32,
    scale: f32,      // of the gradients
    weight: f32,     // of the losses that are not reduced
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

// What the lanes join: what the rows of both sequences are worth and how many count, side by side. No maxima.
alias Peaks = f32;
alias Sums = vec4<f32>;

fn statistics_place(row: u32) -> u32 {
    return window.statistics + STATISTICS * row;
}

fn is_ignored(row: u32) -> bool {
    return scratch[statistics_place(row)] == f32(IGNORED);
}

// What a row is worth, which is 0 where it is ignored, and whether it counts.
fn worth(row: u32) -> vec2<f32> {
    return vec2(scratch[window.rows + row], select(1.0, 0.0, is_ignored(row)));
}

fn scale_row(row: u32, slope: f32) {
    let place = statistics_place(row) + 1u;
    scratch[place] = select(scratch[place] * slope, 0.0, is_ignored(row));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let own = group.x + group.y * window.width;
    // A workgroup without a pair repeats the last one, so that all reach the barriers.
    let pair = min(own, window.pairs - 1u);
    let chosen = pair * window.tokens;
    let rejected = (window.pairs + pair) * window.tokens;
    var mine = vec4<f32>();
    for (var t = lane; t < window.tokens; t += 64u) {
        mine += vec4(worth(chosen + t), worth(rejected + t));
    }
    let sums = workgroup_sums(lane, mine);
    let counts = select(vec2(1.0), sums.yw, MEAN);
    let scores = sums.xz / counts;
    if (own >= window.pairs) {
        return;
    }
    if (VALUES & (lane == 0u)) {
        store_loss(pair, loss_of(pair, scores.x, scores.y));
    }
    if (GRADIENTS) {
        let slopes = row_scale(pair) * slopes_of(pair, scores.x, scores.y) / counts;
        for (var t = lane; t < window.tokens; t += 64u) {
            scale_row(chosen + t, slopes.x);
            scale_row(rejected + t, slopes.y);
        }
    }
}
