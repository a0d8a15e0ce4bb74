// Once all tiles are merged: the loss of each row, its state, and what its gradients are multiplied by.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = (group.x + group.y * window.width) * 64u + lane;
    if (item >= window.items) {
        return;
    }
    let row = row_at(item);
    let r = row_place(item);
    let place = statistics_place(item);
    report(row, r);
    let replaced = select(not_a_number(), 0.0, row.state == IGNORED);
    if (VALUES) {
        let loss = loss_of(row, peaks_at(place), finished_of(sums_at(place)));
        store_loss(r, select(replaced, loss, row.state == KEPT));
    }
    if (GRADIENTS) {
        scratch[place] = f32(row.state);
        scratch[place + 1u] = select(replaced, row_scale(r), row.state == KEPT);
    }
}
