// How a row's lanes join what they have gathered: by exchange among as many lanes as the smallest
// subgroups of the adapter have, and between such GROUPS of a longer row through the workgroup's memory.

struct Place {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
}

// A row's lanes are neighbours in a subgroup, whichever way the adapter numbers them.
fn lane_of(place: Place) -> u32 {
    return place.subgroup * place.size + place.lane;
}

const SIDE_BY_SIDE = THREADS / GROUPS;

// Whether sums wait for all lanes of the workgroup.
const SUMS_MEET = GROUPS > 1u;

var<workgroup> peaks_of_groups: array<Peaks, GROUPS * ROWS>;
var<workgroup> totals_of_groups: array<Sums, GROUPS * ROWS>;

// All lanes get the same bits, as a + b is b + a.
fn row_maxima(slot: u32, thread: u32, mine: Peaks) -> Peaks {
    var best = mine;
    subgroupBarrier(); // lanes that left a loop at different times meet again
    for (var step = 1u; step < SIDE_BY_SIDE; step *= 2u) {
        best = max(best, subgroupShuffleXor(best, step));
    }
    if (GROUPS == 1u) {
        return best;
    }
    if (thread % SIDE_BY_SIDE == 0u) {
        peaks_of_groups[slot * GROUPS + thread / SIDE_BY_SIDE] = best;
    }
    workgroupBarrier(); // all subgroups have written before one reads
    for (var i = 0u; i < GROUPS; i++) {
        best = max(best, peaks_of_groups[slot * GROUPS + i]);
    }
    return best;
}

fn row_sums(slot: u32, thread: u32, mine: Sums) -> Sums {
    var sum = mine;
    subgroupBarrier(); // as above
    for (var step = 1u; step < SIDE_BY_SIDE; step *= 2u) {
        sum += other_sums(sum, step);
    }
    if (GROUPS == 1u) {
        return sum;
    }
    if (thread % SIDE_BY_SIDE == 0u) {
        totals_of_groups[slot * GROUPS + thread / SIDE_BY_SIDE] = sum;
    }
    workgroupBarrier(); // as above
    return joined_groups(slot * GROUPS);
}
