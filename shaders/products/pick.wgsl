// The logit of each row's target class, where a formula's sums need it before all classes are seen: 64 lanes to a row.
// Of a class that is in another tile, that one's dispatch tells.

var<workgroup> lane_sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = group.x + group.y * window.width;
    if (item >= window.items) {
        return;
    }
    // An index outside the range wraps to a large number, or is in no tile.
    let own = u32(class_index(item)) - window.first_class;
    let class_ = min(own, window.classes - 1u);
    let place = class_ * window.positions + window.position;
    var sum = 0.0;
    for (var d = lane; d < window.features; d += 64u) {
        sum += input_at(item * window.features + d) * linear_weight_at(place * window.features + d);
    }
    lane_sums[lane] = sum;
    workgroupBarrier(); // all lanes have written before the first reads
    if ((lane == 0u) & (own < window.classes)) {
        sum = 0.0;
        for (var i = 0u; i < 64u; i++) {
            sum += lane_sums[i];
        }
        scratch[statistics_place(item) + 2u] = sum + (bias_at(place) - offset());
    }
}
