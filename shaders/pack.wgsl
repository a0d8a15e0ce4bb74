// Copies words of a tensor into the scratch, where a kernel reads them that has no binding for the tensor.

struct Window {
    count: u32,
    destination: u32,
    width: u32,
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (group.x + group.y * window.width) * 64u + lane;
    if (i < window.count) {
        scratch[window.destination + i] = words[i];
    }
}
