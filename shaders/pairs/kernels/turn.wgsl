// The gradients of vectors from those of their directions v, 64 lanes to one: what of v is along the vector changes
// nothing, and the rest counts by the inverse length. A vector of zeros has no direction, and gradient 0.

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
    let inverse = scratch[window.lengths + window.first_item + own];
    var along = 0.0;
    for (var d = lane; d < window.features; d += 64u) {
        along += vectors_at(start + d) * inverse * sum_at(start + d);
    }
    lanes[lane] = along;
    workgroupBarrier(); // all lanes have written before all read
    along = 0.0;
    for (var i = 0u; i < 64u; i++) {
        along += lanes[i];
    }
    let given = is_given(own);
    for (var d = lane; d < window.features; d += 64u) {
        let direction = vectors_at(start + d) * inverse;
        let slope = inverse * (sum_at(start + d) - direction * along);
        store_gradient(start + d, select(0.0, slope, given));
    }
}
