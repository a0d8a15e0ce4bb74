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
    let r = window.first_item + item;
    let place = row_place(item);
    report(row, r);
    let replaced = select(not_a_number(), 0.0, row.state == IGNORED);
    if (VALUES) {
        var loss = loss_of(row, peaks_at(place), sums_at(place));
        if (SYMMETRIC) {
            let other = column_place(item);
            loss = 0.5 * (loss + loss_of(column_at(item), peaks_at(other), sums_at(other)));
        }
        store_loss(r, select(replaced, loss, row.state == KEPT));
    }
    if (GRADIENTS) {
        let scale = select(1.0, 0.5, SYMMETRIC) * row_scale(r);
        scratch[place] = f32(row.state);
        scratch[place + 1u] = select(replaced, scale, row.state == KEPT);
    }
}
