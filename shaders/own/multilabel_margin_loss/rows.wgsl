// The loss of each row: the sum of its classes' parts.

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = group.x + group.y * window.width;
    if (row >= window.rows) {
        return;
    }
    let start = window.terms + row * window.classes;
    var sum = 0.0;
    for (var i = lane; i < window.classes; i += LANES) {
        sum += scratch[start + i];
    }
    let total = workgroup_sum(lane, sum);
    if (lane == 0u) {
        store_loss(row, total);
    }
}
