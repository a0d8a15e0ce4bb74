// How a row's lanes join what they have gathered, through the workgroup's memory.

struct Place {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
}

fn lane_of(place: Place) -> u32 {
    return place.lane;
}

// Whether sums wait for all lanes of the workgroup.
const SUMS_MEET = THREADS > 1u;

var<workgroup> peaks_of_lanes: array<Peaks, THREADS * ROWS>;
var<workgroup> peaks_of_groups: array<Peaks, GROUPS * ROWS>;
var<workgroup> totals_of_lanes: array<Sums, THREADS * ROWS>;
var<workgroup> totals_of_groups: array<Sums, GROUPS * ROWS>;

fn row_maxima(slot: u32, thread: u32, mine: Peaks) -> Peaks {
    if (THREADS == 1u) {
        return mine;
    }
    peaks_of_lanes[slot * THREADS + thread] = mine;
    workgroupBarrier(); // all lanes have written before the first of each group read
    if (thread < GROUPS) {
        var best = Peaks(LOWEST);
        for (var i = 0u; i < THREADS / GROUPS; i++) {
            best = max(best, peaks_of_lanes[slot * THREADS + thread * (THREADS / GROUPS) + i]);
        }
        peaks_of_groups[slot * GROUPS + thread] = best;
    }
    workgroupBarrier(); // the groups have written before all lanes read
    var best = Peaks(LOWEST);
    for (var i = 0u; i < GROUPS; i++) {
        best = max(best, peaks_of_groups[slot * GROUPS + i]);
    }
    return best;
}

fn row_sums(slot: u32, thread: u32, mine: Sums) -> Sums {
    if (THREADS == 1u) {
        return mine;
    }
    totals_of_lanes[slot * THREADS + thread] = mine;
    workgroupBarrier(); // as above; the maxima's readers of totals_of_groups are past this too
    if (thread < GROUPS) {
        let joined = joined_lanes(slot * THREADS + thread * (THREADS / GROUPS));
        totals_of_groups[slot * GROUPS + thread] = joined;
    }
    workgroupBarrier();
    return joined_groups(slot * GROUPS);
}
