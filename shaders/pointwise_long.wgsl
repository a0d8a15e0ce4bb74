// Pointwise family, of terms that may take thousands of rounds of loops: some drivers end an invocation after
// 65,535 in all. Here SHARES invocations have a quarter each of what a lane of pointwise.wgsl has. They add
// their losses to the lane's sum one after another, which is its order there.

const SHARES: u32 = 4u;
const SHARE: u32 = STRETCH / SHARES; // of a stretch, in quads

var<workgroup> lane_quads: array<vec4<f32>, LANES>;

@compute @workgroup_size(LANES * SHARES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) place: u32,
) {
    let block = group.x + group.y * window.width;
    let start = block * BLOCK;
    if (start >= window.elements) {
        return;
    }
    let quads = (min(window.elements - start, BLOCK) + 3u) / 4u;
    let scale = gradient_scale();
    let lane = place % LANES;
    let share = place / LANES;
    let first = lane / TEAM * STRETCH + share * SHARE;
    let end = min(first + SHARE, quads);
    var own: array<vec4<f32>, SHARE / TEAM>;
    var count = 0u;
    for (var quad = first + lane % TEAM; quad < end; quad += TEAM) {
        own[count] = evaluate(start / 4u + quad, scale);
        count++;
    }
    if (SUMS) {
        for (var turn = 0u; turn < SHARES; turn++) {
            if (turn == share) {
                var sum = vec4<f32>();
                if (turn > 0u) {
                    sum = lane_quads[lane];
                }
                for (var i = 0u; i < count; i++) {
                    if (FUSES) {
                        // As in pointwise.wgsl.
                        sum = fma(own[i], vec4(window.one), sum);
                    } else {
                        sum += own[i];
                    }
                }
                lane_quads[lane] = sum;
                lane_sums[lane] = sum_of_quad(sum);
            }
            workgroupBarrier(); // the lanes' sums are there before the next share, or all, read them
        }
        let total = sum_of_lanes(place);
        if (place == 0u) {
            store_total(block, total);
        }
    }
}
