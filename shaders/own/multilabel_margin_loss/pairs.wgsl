// Each class of each row with what it is paired with in this part of the row: a target with every
// other class, and another class with every target, which carries the loss of the pairs.

// So many numbers are added up one after the other, and then their sums. A power of 2.
const CHUNK: u32 = 256u;

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
    let list = scratch[window.lists + row];
    var sum = 0.0;
    var slope = 0.0;
    if (times > 0.0) {
        for (var i = start + window.first; i < start + window.last; i++) {
            let paired = scratch[window.marks + i] == 0.0 && 1.0 + (input_at(i) - x) > 0.0;
            slope -= select(0.0, times, paired);
        }
    } else if (list == RUNS) {
        var part = 0.0;
        for (var j = window.first; j < window.last; j++) {
            let y = target_index(start + j);
            if (y < 0) {
                break;
            }
            let z = maximum(1.0 + (x - input_at(start + u32(y))), 0.0);
            part += z;
            slope += select(0.0, 1.0, z > 0.0);
            if ((j & (CHUNK - 1u)) == 0u) {
                sum += part;
                part = 0.0;
            }
        }
        sum += part;
    }
    if (window.first > 0u) {
        sum += scratch[window.terms + id];
        slope += scratch[window.slopes + id];
    }
    if (window.last < window.classes) {
        scratch[window.terms + id] = sum;
        scratch[window.slopes + id] = slope;
        return;
    }
    let end = scratch[window.ends + row];
    let bad = is_nan(end);
    let classes = f32(window.classes);
    store(id, row, select(sum / classes, end, bad), select(slope / classes, end, bad));
}
