// Merges a tile into the statistics of its lines, each of which is a row of a formula: 64 lanes to a line, first for
// the maxima, then for the sums relative to them.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let own = group.x + group.y * window.width;
    // A workgroup without a line repeats the last one, so that all reach the barriers.
    let line = min(own, lines() - 1u);
    let place = line_place(line);
    let row = line_at(line);
    var lower = Peaks(LOWEST);
    var before = Sums();
    if (window.adds == 1u) {
        lower = peaks_at(place);
        before = sums_at(place);
    }
    var peak = lower;
    for (var c = lane; c < numbers(); c += 64u) {
        peak = max(peak, peaks_of(number_at(line, c, scratch[place_of(line, c)])));
    }
    peak = workgroup_maxima(lane, peak);
    var sums = Sums();
    for (var c = lane; c < numbers(); c += 64u) {
        sums += sums_of(number_at(line, c, scratch[place_of(line, c)]), row, peak);
    }
    sums = workgroup_sums(lane, sums);
    if ((lane == 0u) & (own < lines())) {
        // A class before or after this tile, and an index outside the range, wrap to a large number.
        let class_ = u32(row.index) - first_number();
        if (!PICKED & (class_ < numbers())) {
            scratch[place + 2u] = number_at(line, class_, scratch[place_of(line, class_)]).first;
        }
        keep_peaks(place, peak);
        keep_sums(place, moved(before, lower, peak) + sums);
    }
}
