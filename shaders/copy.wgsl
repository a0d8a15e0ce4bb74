// Copies terms of a block that the batch cuts from the scratch into the totals.

struct Window {
    count: u32,
    source: u32,
    width: u32,
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * window.width) * 64u + lane;
    if (i < window.count) {
        totals[i] = scratch[window.source + i];
    }
}
