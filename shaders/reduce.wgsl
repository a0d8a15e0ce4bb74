// Sums in a fixed order: a block of BLOCK elements always goes through the same tree, whatever the
// device and however many workgroups there are, so that a result depends on the data alone.

const LANES: u32 = 64u;
const BLOCK: u32 = 4096u;

var<workgroup> lane_sums: array<f32, LANES>;
var<workgroup> group_sums: array<f32, 8>;

fn sum_of_quad(v: vec4<f32>) -> f32 {
    return (v.x + v.y) + (v.z + v.w);
}

// The sum over the workgroup's 64 lanes, as a binary tree of neighbours; every lane gets it.
fn workgroup_sum(lane: u32, mine: f32) -> f32 {
    lane_sums[lane] = mine;
    workgroupBarrier(); // all lanes have written before eight of them read
    return sum_of_lanes(lane);
}

// The same of what the lanes have written to `lane_sums`, before a barrier.
fn sum_of_lanes(lane: u32) -> f32 {
    if (lane < 8u) {
        let i = 8u * lane;
        let low = vec4(lane_sums[i], lane_sums[i + 1u], lane_sums[i + 2u], lane_sums[i + 3u]);
        let high = vec4(lane_sums[i + 4u], lane_sums[i + 5u], lane_sums[i + 6u], lane_sums[i + 7u]);
        group_sums[lane] = sum_of_quad(low) + sum_of_quad(high);
    }
    workgroupBarrier(); // the eight have written before all read
    let low = vec4(group_sums[0], group_sums[1], group_sums[2], group_sums[3]);
    let high = vec4(group_sums[4], group_sums[5], group_sums[6], group_sums[7]);
    return sum_of_quad(low) + sum_of_quad(high);
}

// 0 / 0 is NaN here even where a driver assumes that there is none.
fn quotient(total: f32, divisor: f32) -> f32 {
    if (divisor == 0.0 && (total == 0.0 || is_nan(total))) {
        return not_a_number();
    }
    return total / divisor;
}
