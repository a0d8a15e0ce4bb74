// How often each class of a row is a target; NaN where the row lists what is no class.

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
    for (var i = 0u; i < window.classes; i++) {
        scratch[window.marks + start + i] = 0.0;
    }
    var listed = true;
    var bad = false;
    for (var j = 0u; j < window.classes; j++) {
        let y = target_index(start + j);
        if (y < -1 || y >= i32(window.classes)) {
            atomicAdd(&status[0], 1u);
            atomicMax(&status[1], ~(start + j));
            bad = true;
        } else if (y == -1) {
            listed = false;
        } else if (listed) {
            scratch[window.marks + start + u32(y)] += 1.0;
        }
    }
    for (var i = 0u; bad && i < window.classes; i++) {
        scratch[window.marks + start + i] = not_a_number();
    }
}
