// What the tokens of a sequence have in common: the number of those that count, the mean of their log-ratios, and the
// sum of their upstream gradients. A workgroup adds up a sequence.

struct Window {
    sequences: u32,
    tokens: u32,  // of each
    width: u32,   // workgroups in a row of the dispatch
    counts: u32,  // where in the scratch the numbers go
    ratios: u32,
    factors: u32,
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sequence = group.x + group.y * window.width;
    if (sequence >= window.sequences) {
        return;
    }
    let start = sequence * window.tokens;
    var count = 0u;
    var sums = vec2<f32>();
    for (var i = lane; i < window.tokens; i += LANES) {
        let kept = mask_of(start + i) != 0.0;
        count += select(0u, 1u, kept);
        sums += select(vec2<f32>(), vec2(ratio_of(start + i), factor_of(start + i)), kept);
    }
    // Whole numbers up to 2^24, as each lane and sum has.
    let low = workgroup_sum(lane, f32(count & 0xffffu));
    workgroupBarrier(); // the sum has been read before its memory is used again
    let high = workgroup_sum(lane, f32(count >> 16u));
    workgroupBarrier();
    let ratios = workgroup_sum(lane, sums.x);
    workgroupBarrier();
    let factors = workgroup_sum(lane, sums.y);
    if (lane == 0u) {
        let all = u32(low) + (u32(high) << 16u);
        scratch[window.counts + sequence] = bitcast<f32>(all);
        scratch[window.ratios + sequence] = ratios / f32(max(all, 1u));
        scratch[window.factors + sequence] = factors / f32(max(all, 1u));
    }
}
