// How the lanes of a workgroup join their sums, several numbers at once, as trees of neighbours.

var<workgroup> numbers_of_lanes: array<f32, LANES * NUMBERS>;
var<workgroup> numbers_of_groups: array<f32, 8 * NUMBERS>;

fn eight(i: u32) -> f32 {
    let low = vec4(
        numbers_of_lanes[i], numbers_of_lanes[i + 1u],
        numbers_of_lanes[i + 2u], numbers_of_lanes[i + 3u]);
    let high = vec4(
        numbers_of_lanes[i + 4u], numbers_of_lanes[i + 5u],
        numbers_of_lanes[i + 6u], numbers_of_lanes[i + 7u]);
    return sum_of_quad(low) + sum_of_quad(high);
}

// What a lane has added up in a place.
fn put_sums(lane: u32, k: u32, own: Sums) {
    for (var j = 0u; j < SUMS; j++) {
        numbers_of_lanes[(k * SUMS + j) * LANES + lane] = own[j];
    }
}

// Joins what all lanes have put; a number is that of a lane below NUMBERS.
fn joined(lane: u32) -> f32 {
    workgroupBarrier(); // all lanes have written before any reads
    for (var i = lane; i < 8u * NUMBERS; i += LANES) {
        numbers_of_groups[i] = eight(8u * i);
    }
    workgroupBarrier(); // the groups are there before they are joined
    let i = 8u * min(lane, NUMBERS - 1u);
    let low = vec4(
        numbers_of_groups[i], numbers_of_groups[i + 1u],
        numbers_of_groups[i + 2u], numbers_of_groups[i + 3u]);
    let high = vec4(
        numbers_of_groups[i + 4u], numbers_of_groups[i + 5u],
        numbers_of_groups[i + 6u], numbers_of_groups[i + 7u]);
    return sum_of_quad(low) + sum_of_quad(high);
}
