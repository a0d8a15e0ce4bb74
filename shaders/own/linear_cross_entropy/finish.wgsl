// Once all tiles are merged: the loss of each row, and what its gradients are multiplied by. In the
// statistics, the sum of all shares takes the place of the smoothing's, and the slope of the z term
// by lse, the row's state and its scale follow.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = (group.x + group.y * window.width) * 64u + lane;
    if (item >= window.items) {
        return;
    }
    let r = row_place(item);
    let index = class_index(item);
    let state = row_state(index, r);
    let place = window.statistics + 8u * item;
    let s = Statistics(scratch[place], scratch[place + 1u], scratch[place + 2u],
        scratch[place + 3u], scratch[place + 4u], scratch[place + 5u]);
    let class_ = select(0u, u32(index), INDEX && state == KEPT);
    let of_index = select(0.0, (1.0 - options().label_smoothing) * class_weight(class_), INDEX);
    let rest = log_sum(s);
    let lse = offset() + (s.peak + rest);
    if (VALUES) {
        var loss = s.below + silenced(s.shares, rest)
            + silenced(of_index, (s.peak - s.picked) + rest);
        if (options().z_loss > 0.0) {
            loss += options().z_loss * z_factor() * lse * lse;
        }
        if (state != KEPT) {
            loss = select(not_a_number(), 0.0, state == IGNORED);
        }
        store_loss(r, loss);
    }
    if (GRADIENTS) {
        var scale = row_scale(r);
        var pull = 0.0;
        if (options().z_loss > 0.0) {
            pull = scale * z_factor() * (2.0 * options().z_loss * lse);
        }
        if (state != KEPT) {
            scale = select(not_a_number(), 0.0, state == IGNORED);
        }
        scratch[place + 3u] = s.shares + of_index;
        scratch[place + 5u] = pull;
        scratch[place + 6u] = f32(state);
        scratch[place + 7u] = scale;
    }
}
