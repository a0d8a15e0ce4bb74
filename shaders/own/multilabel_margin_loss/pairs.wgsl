// Each class of each row with all that it is paired with: a target with every other class, and
// another class with every target, which carries the loss of the pairs.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = global_id(group, lane);
    if (id >= window.rows * window.classes) {
        return;
    }
    if (id == ~status[1]) {
        let words = target_words(id);
        status[2] = words.x;
        status[3] = words.y;
    }
    let row = id / window.classes;
    let start = row * window.classes;
    let x = input_at(id);
    let times = scratch[window.marks + id];
    var sum = 0.0;
    var slope = 0.0;
    if (is_nan(times)) {
        sum = times;
        slope = times;
    } else if (times > 0.0) {
        for (var i = start; i < start + window.classes; i++) {
            let paired = scratch[window.marks + i] == 0.0 && 1.0 - x + input_at(i) > 0.0;
            slope -= select(0.0, times, paired);
        }
    } else {
        for (var j = start; j < start + window.classes; j++) {
            let y = target_index(j);
            if (y < 0) {
                break;
            }
            let z = maximum(1.0 - input_at(start + u32(y)) + x, 0.0);
            sum += z;
            slope += select(0.0, 1.0, z > 0.0);
        }
    }
    store(id, row, sum / f32(window.classes), slope / f32(window.classes));
}
