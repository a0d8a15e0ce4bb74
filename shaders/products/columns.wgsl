// The gradient of the bias: the tile's columns summed, 16 of them in a workgroup, each by 16 lanes
// that take every 16th row.

var<workgroup> lane_sums: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = (group.x + group.y * window.width) * 16u + lane % 16u;
    let class_ = min(column, window.classes - 1u);
    var sum = 0.0;
    for (var item = lane / 16u; item < window.items; item += 16u) {
        sum += scratch[window.tile + item * window.stride + class_];
    }
    lane_sums[lane] = sum;
    workgroupBarrier(); // all lanes have written before the first 16 read
    if (lane < 16u && column < window.classes) {
        sum = 0.0;
        for (var i = 0u; i < 16u; i++) {
            sum += lane_sums[16u * i + lane];
        }
        let place = column * window.positions + window.position;
        add_gradient(place, sum);
    }
}
