// Merges a tile of logits into the statistics of its rows: 64 lanes to a row, first for the maxima,
// then for the sums relative to them.

var<workgroup> lane_peaks: array<Peaks, 64>;
var<workgroup> lane_sums: array<Sums, 64>;
var<workgroup> group_sums: array<Sums, 8>;

fn workgroup_maxima(lane: u32, mine: Peaks) -> Peaks {
    lane_peaks[lane] = mine;
    workgroupBarrier(); // all lanes have written before all read
    var best = Peaks(LOWEST);
    for (var i = 0u; i < 64u; i++) {
        best = max(best, lane_peaks[i]);
    }
    return best;
}

fn workgroup_sums(lane: u32, mine: Sums) -> Sums {
    lane_sums[lane] = mine;
    workgroupBarrier(); // all lanes have written before eight of them read
    if (lane < 8u) {
        var sum = Sums();
        for (var i = 0u; i < 8u; i++) {
            sum += lane_sums[8u * lane + i];
        }
        group_sums[lane] = sum;
    }
    workgroupBarrier(); // the eight have written before all read
    var sum = Sums();
    for (var i = 0u; i < 8u; i++) {
        sum += group_sums[i];
    }
    return sum;
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
    let place = statistics_place(item);
    let row = row_at(item);
    var lower = Peaks(LOWEST);
    var before = Sums();
    if (window.adds == 1u) {
        lower = peaks_at(place);
        before = sums_at(place);
    }
    var peak = lower;
    for (var c = lane; c < window.classes; c += 64u) {
        peak = max(peak, peaks_of(item_at(item, c, scratch[start + c])));
    }
    peak = workgroup_maxima(lane, peak);
    var sums = Sums();
    for (var c = lane; c < window.classes; c += 64u) {
        sums += sums_of(item_at(item, c, scratch[start + c]), row, peak);
    }
    sums = workgroup_sums(lane, sums);
    if ((lane == 0u) & (own < window.items)) {
        // A class before or after this tile, and an index outside the range, wrap to a large number.
        let class_ = u32(row.index) - window.first_class;
        if (class_ < window.classes) {
            scratch[place + 2u] = scratch[start + class_];
        }
        keep_peaks(place, peak);
        keep_sums(place, moved(before, lower, peak) + sums);
    }
}
