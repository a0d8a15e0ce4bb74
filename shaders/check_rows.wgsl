// Before the rows themselves: finds class indices outside their range, and sums the weights of the
// kept rows and their number where the mean needs them. The status counts bad rows; the first is kept as its
// complement, so that a cleared status means that there is none. Rows without class indices have index 0 here.

struct Window {
    rows: u32,
    first: u32,
    destination: u32,
    width: u32,
    classes: u32,
    ignored: i32,
    counts: u32,  // where in the scratch the numbers of kept rows go
    weights: u32, // where the rows' weights are, if they have their own
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * window.width;
    let start = block * BLOCK;
    if (start >= window.rows) {
        return;
    }
    let end = min(start + BLOCK, window.rows);
    var sum = 0.0;
    var count = 0.0;
    for (var row = start + lane; row < end; row += LANES) {
        let index = target_index(row);
        if (!is_item(window.first + row) || is_ignored(row, index)) {
            store_weight(row, 0.0);
            continue;
        }
        if (index < 0 || u32(index) >= window.classes) {
            note_bad(window.first + row);
            continue;
        }
        let weight = row_weight(row, u32(index));
        store_weight(row, weight);
        sum += weight;
        count += 1.0;
    }
    if (SUMS) {
        let total = workgroup_sum(lane, sum);
        if (lane == 0u) {
            store_total(block, total);
        }
    }
    if (COUNTS) {
        workgroupBarrier(); // the sum has been read before its memory is used again
        let total = workgroup_sum(lane, count);
        if (lane == 0u) {
            store_count(block, total);
        }
    }
}
