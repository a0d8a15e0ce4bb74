// What each row weighs in the mean, by how many others have its label: 64 lanes to a row.

var<workgroup> counts: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let own = group.x + group.y * window.width;
    if (own >= window.items) {
        return;
    }
    var count = 0u;
    for (var other = lane; other < window.items; other += 64u) {
        count += select(0u, 1u, are_alike(own, other) & (own != other));
    }
    counts[lane] = count;
    workgroupBarrier(); // all lanes have written before the first reads
    if (lane == 0u) {
        count = 0u;
        for (var i = 0u; i < 64u; i++) {
            count += counts[i];
        }
        scratch[window.weights + own] = weight_of(count);
    }
}
