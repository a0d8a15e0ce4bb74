// Rounds sums in float32 to the gradient's 16 bits, four in an invocation.

struct Window {
    elements: u32,
    width: u32,  // workgroups in a row of the dispatch
}

fn sum_at(i: u32) -> f32 {
    return sums[min(i, window.elements - 1u)];
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let quad = (group.x + group.y * window.width) * 64u + lane;
    let i = 4u * quad;
    store_gradient(quad, vec4(sum_at(i), sum_at(i + 1u), sum_at(i + 2u), sum_at(i + 3u)));
}
