// How the 64 lanes of a line join what they have gathered of it.

var<workgroup> lane_peaks: array<Peaks, 64>;
var<workgroup> lane_sums: array<Sums, 64>;
var<workgroup> group_sums: array<Sums, 8>;

fn workgroup_maxima(lane: u32, mine: Peaks) -> Peaks {
    lane_peaks[lane] = mine;
    workgroupBarrier(); // all lanes have written before all read
    var best = Peaks(LOWEST);
    for (var i = 0u; i < 64u; i++) {
        best = max(best, lane_peaks[i]);
    }
    return best;
}

fn workgroup_sums(lane: u32, mine: Sums) -> Sums {
    lane_sums[lane] = mine;
    workgroupBarrier(); // all lanes have written before eight of them read
    if (lane < 8u) {
        var sum = Sums();
        for (var i = 0u; i < 8u; i++) {
            sum += lane_sums[8u * lane + i];
        }
        group_sums[lane] = sum;
    }
    workgroupBarrier(); // the eight have written before all read
    var sum = Sums();
    for (var i = 0u; i < 8u; i++) {
        sum += group_sums[i];
    }
    return sum;
}
