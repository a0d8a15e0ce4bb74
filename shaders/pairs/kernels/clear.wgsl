// Gradients that tiles in any order add to, or that nothing adds to, begin with 0.

struct Window {
    elements: u32,
    width: u32,
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    store_gradient((group.x + group.y * window.width) * 64u + lane, vec4<f32>());
}
