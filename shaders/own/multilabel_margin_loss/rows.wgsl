// The loss of each row: the sum of its classes' parts. The sum of all but the last part of a row is
// left in place of the part's last number, which the next part begins with.

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
    for (var i = window.first + lane; i < window.last; i += LANES) {
        sum += scratch[start + i];
    }
    let total = workgroup_sum(lane, sum); // all have read before one writes
    if (lane == 0u) {
        if (window.last < window.classes) {
            scratch[start + window.last - 1u] = total;
        } else {
            store_loss(row, total);
        }
    }
}
