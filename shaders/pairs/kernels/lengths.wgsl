// The inverse lengths of vectors, 64 lanes to one; 0 for a vector of zeros, which has no direction. The largest
// component is taken out before the squares are added up.

var<workgroup> lanes: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let own = group.x + group.y * window.width;
    if (own >= window.items) {
        return;
    }
    let start = own * window.features;
    var largest = 0.0;
    for (var d = lane; d < window.features; d += 64u) {
        largest = max(largest, abs(vectors_at(start + d)));
    }
    lanes[lane] = largest;
    workgroupBarrier(); // all lanes have written before all read
    for (var i = 0u; i < 64u; i++) {
        largest = max(largest, lanes[i]);
    }
    workgroupBarrier(); // all have read before the sums are written
    let inverse = 1.0 / largest;
    var sum = 0.0;
    for (var d = lane; d < window.features; d += 64u) {
        let part = vectors_at(start + d) * inverse;
        sum += part * part;
    }
    lanes[lane] = sum;
    workgroupBarrier(); // all lanes have written before the first reads
    if (lane == 0u) {
        sum = 0.0;
        for (var i = 0u; i < 64u; i++) {
            sum += lanes[i];
        }
        let place = window.lengths + window.first_item + own;
        scratch[place] = select(inverse / sqrt(sum), 0.0, largest == 0.0);
    }
}
