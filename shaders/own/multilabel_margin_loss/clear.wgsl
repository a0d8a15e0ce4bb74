// Before anything is counted: no class is a target, and all lists run.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = global_id(group, lane);
    if (id >= window.rows * window.classes) {
        return;
    }
    scratch[window.marks + id] = 0.0;
    if (id < window.rows) {
        scratch[window.lists + id] = RUNS;
    }
}
