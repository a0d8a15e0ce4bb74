// Merges a tile of logits into the statistics of its rows: 64 lanes to a row, first for the maximum,
// then for the sums relative to it.

var<workgroup> lane_peaks: array<f32, 64>;
var<workgroup> lane_sums: array<vec4<f32>, 64>;
var<workgroup> group_sums: array<vec4<f32>, 8>;

fn workgroup_maximum(lane: u32, mine: f32) -> f32 {
    lane_peaks[lane] = mine;
    workgroupBarrier(); // all lanes have written before all read
    var best = LOWEST;
    for (var i = 0u; i < 64u; i++) {
        best = max(best, lane_peaks[i]);
    }
    return best;
}

fn workgroup_sums(lane: u32, mine: vec4<f32>) -> vec4<f32> {
    lane_sums[lane] = mine;
    workgroupBarrier(); // all lanes have written before eight of them read
    if (lane < 8u) {
        var sum = vec4<f32>();
        for (var i = 0u; i < 8u; i++) {
            sum += lane_sums[8u * lane + i];
        }
        group_sums[lane] = sum;
    }
    workgroupBarrier(); // the eight have written before all read
    var sum = vec4<f32>();
    for (var i = 0u; i < 8u; i++) {
        sum += group_sums[i];
    }
    return sum;
}

fn statistics_before(place: u32) -> Statistics {
    if (window.adds == 0u) {
        return Statistics(LOWEST, 0.0, 0.0, 0.0, 0.0, 0.0);
    }
    return Statistics(scratch[place], scratch[place + 1u], scratch[place + 2u],
        scratch[place + 3u], scratch[place + 4u], scratch[place + 5u]);
}

// Others, peaks, shares and below of one class.
fn terms(item: u32, class_: u32, x: f32, peak: f32) -> vec4<f32> {
    let below = peak - x;
    let at_peak = select(0.0, 1.0, x == peak);
    let others = exponential(-below) - at_peak;
    if (INDEX && options().label_smoothing == 0.0) {
        return vec4(others, at_peak, 0.0, 0.0);
    }
    // The share of a class index itself is added at the end.
    let q = select(probability(item, class_), 0.0, INDEX);
    let s = share(q, class_weight(window.first_class + class_));
    return vec4(others, at_peak, s, silenced(s, below));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let own = group.x + group.y * window.width;
    // A workgroup without a row repeats the last one, so that all reach the barriers.
    let item = min(own, window.items - 1u);
    let start = window.tile + item * window.stride;
    let place = window.statistics + 8u * item;
    let old = statistics_before(place);
    var peak = old.peak;
    for (var c = lane; c < window.classes; c += 64u) {
        peak = max(peak, bounded(scratch[start + c]));
    }
    peak = workgroup_maximum(lane, peak);
    var sums = vec4<f32>();
    for (var c = lane; c < window.classes; c += 64u) {
        sums += terms(item, c, bounded(scratch[start + c]), peak);
    }
    sums = workgroup_sums(lane, sums);
    if (lane == 0u && own < window.items) {
        // A class before or after this tile, and an index outside the range, wrap to a large number.
        let class_ = u32(class_index(item)) - window.first_class;
        var picked = old.picked;
        if (class_ < window.classes) {
            picked = bounded(scratch[start + class_]);
        }
        let tile = Statistics(peak, sums.x, sums.y, sums.z, sums.w, picked);
        let now = merged(old, tile);
        scratch[place] = now.peak;
        scratch[place + 1u] = now.others;
        scratch[place + 2u] = now.peaks;
        scratch[place + 3u] = now.shares;
        scratch[place + 4u] = now.below;
        scratch[place + 5u] = now.picked;
    }
}
