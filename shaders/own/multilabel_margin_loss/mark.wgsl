// How often each class of a row is a target, and how the row's list goes on after this part of it.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = global_id(group, lane);
    if (row >= window.rows) {
        return;
    }
    let start = row * window.classes;
    var list = scratch[window.lists + row];
    for (var j = window.first; j < window.last; j++) {
        let y = target_index(start + j);
        if (y < -1 || y >= i32(window.classes)) {
            atomicAdd(&status[0], 1u);
            atomicMax(&status[1], ~(start + j));
            list = not_a_number();
        } else if (y == -1) {
            list = select(ENDED, list, is_nan(list));
        } else if (list == RUNS) {
            scratch[window.marks + start + u32(y)] += 1.0;
        }
    }
    scratch[window.lists + window.rows + row] = list;
}
