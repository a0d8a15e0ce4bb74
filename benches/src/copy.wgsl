// Copies numbers: what memory moves at most. Neighbouring threads copy neighbours, so that a
// workgroup reads and writes without gaps, EACH times.

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> destination: array<vec4<f32>>;

override WORKGROUP: u32;
override EACH: u32;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = group.x * WORKGROUP * EACH + local;
    for (var i = 0u; i < EACH; i++) {
        destination[first + i * WORKGROUP] = source[first + i * WORKGROUP];
    }
}
