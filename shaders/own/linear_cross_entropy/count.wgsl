// 1 for each kept row where its loss will go, to be counted before.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = (group.x + group.y * window.width) * 64u + lane;
    if (item >= window.items) {
        return;
    }
    let kept = state_of(class_index(item)) == KEPT;
    let place = window.losses + window.first_item * window.positions + row_place(item);
    scratch[place] = select(0.0, 1.0, kept);
}
