// The common part of a position's biases, a workgroup to a position: where all are within a
// factor of 2, one of them can be taken off all without rounding, and the logits keep the digits
// that a large bias would cost. Softmax does not change; only logsumexp itself needs it again.

var<workgroup> lane_lowest: array<f32, 256>;
var<workgroup> lane_highest: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let own = group.x + group.y * window.width;
    let position = min(own, window.positions - 1u);
    var lowest = -LOWEST;
    var highest = LOWEST;
    for (var c = lane; c < window.classes; c += 256u) {
        let bias = linear_bias_at(c * window.positions + position);
        lowest = min(lowest, bias);
        highest = max(highest, bias);
    }
    lane_lowest[lane] = lowest;
    lane_highest[lane] = highest;
    workgroupBarrier(); // all lanes have written before the first reads
    if (lane == 0u && own < window.positions) {
        for (var i = 1u; i < 256u; i++) {
            lowest = min(lowest, lane_lowest[i]);
            highest = max(highest, lane_highest[i]);
        }
        let alike = (lowest > 0.0 && highest <= 2.0 * lowest)
            || (highest < 0.0 && lowest >= 2.0 * highest);
        let taken = alike && is_finite(lowest);
        scratch[window.offsets + position] = select(0.0, lowest, taken);
    }
}
