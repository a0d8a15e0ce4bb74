// The gradient of the scale or the bias: what the rows have added up, added up by one workgroup.

var<workgroup> lane_sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    var sum = 0.0;
    for (var r = lane; r < window.all_items; r += 256u) {
        sum += scratch[window.statistics + STATISTICS * r + SLOPES + OF_BIAS];
    }
    lane_sums[lane] = sum;
    workgroupBarrier(); // all lanes have written before 16 of them read
    if (lane < 16u) {
        sum = 0.0;
        for (var i = 0u; i < 16u; i++) {
            sum += lane_sums[16u * lane + i];
        }
    }
    workgroupBarrier(); // they have read before they write
    if (lane < 16u) {
        lane_sums[lane] = sum;
    }
    workgroupBarrier(); // the 16 have written before the first reads
    if (lane == 0u) {
        sum = 0.0;
        for (var i = 0u; i < 16u; i++) {
            sum += lane_sums[i];
        }
        store_gradient(0u, sum);
    }
}
