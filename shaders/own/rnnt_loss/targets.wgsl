// One invocation for each element of targets: finds those within a target that are no label.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = (group.x + group.y * window.width) * 64u + lane;
    let longest = window.columns - 1u;
    if (place >= window.batch * longest) {
        return;
    }
    if (place % longest < sequence_of(place / longest).labels) {
        _ = check_label(place, targets_index(place));
    }
}
