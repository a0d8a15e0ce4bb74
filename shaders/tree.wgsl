// The tree over the terms of a block: a workgroup adds 1024 neighbours in pairs, a missing one counting
// as 0.

struct Window {
    count: u32,
    source: u32,
    destination: u32,
    width: u32,
    divisor: f32,
    weight: f32,       // of the value
}

fn partial(i: u32) -> f32 {
    return select(0.0, scratch[window.source + min(i, window.count - 1u)], i < window.count);
}

fn quad_sum(i: u32) -> f32 {
    return sum_of_quad(vec4(partial(i), partial(i + 1u), partial(i + 2u), partial(i + 3u)));
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * window.width;
    let i = 16u * (block * LANES + lane);
    let mine = sum_of_quad(vec4(
        quad_sum(i), quad_sum(i + 4u), quad_sum(i + 8u), quad_sum(i + 12u)));
    let total = workgroup_sum(lane, mine);
    if (lane == 0u && block * 1024u < max(window.count, 1u)) {
        store_total(block, total);
    }
}
