// Adds a tile's part in the second sums of its lines, which need the first ones of all tiles: 64 lanes to a line.

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
    let peak = peaks_at(place);
    let total = sums_at(place);
    var sums = Sums();
    for (var c = lane; c < numbers(); c += 64u) {
        let item = number_at(line, c, scratch[place_of(line, c)]);
        sums += second_sums_of(item, row, peak, total);
    }
    sums = workgroup_sums(lane, sums);
    if ((lane == 0u) & (own < lines())) {
        keep_sums(place, total + sums);
    }
}
