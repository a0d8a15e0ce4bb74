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

// What a lane's rows come to.
struct Found {
    weight: f32,
    count: f32,
}

// Those of a lane's next four rows, past the end the last one's.
fn four_indices(row: u32, last: u32) -> vec4<i32> {
    return vec4(
        target_index(min(row, last)),
        target_index(min(row + LANES, last)),
        target_index(min(row + 2u * LANES, last)),
        target_index(min(row + 3u * LANES, last)),
    );
}

fn with_row(found: Found, row: u32, end: u32, index: i32) -> Found {
    if (row >= end) {
        return found;
    }
    if (!is_item(window.first + row) || is_ignored(row, index)) {
        store_weight(row, 0.0);
        return found;
    }
    if (index < 0 || u32(index) >= window.classes) {
        note_bad(window.first + row);
        return found;
    }
    let weight = row_weight(row, u32(index));
    store_weight(row, weight);
    return Found(found.weight + weight, found.count + 1.0);
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
    var found = Found(0.0, 0.0);
    // Eight are asked for before the first is tested: a workgroup has so many rows that it would mostly wait.
    for (var row = start + lane; row < end; row += 8u * LANES) {
        let low = four_indices(row, end - 1u);
        let high = four_indices(row + 4u * LANES, end - 1u);
        found = with_row(found, row, end, low.x);
        found = with_row(found, row + LANES, end, low.y);
        found = with_row(found, row + 2u * LANES, end, low.z);
        found = with_row(found, row + 3u * LANES, end, low.w);
        found = with_row(found, row + 4u * LANES, end, high.x);
        found = with_row(found, row + 5u * LANES, end, high.y);
        found = with_row(found, row + 6u * LANES, end, high.z);
        found = with_row(found, row + 7u * LANES, end, high.w);
    }
    if (SUMS) {
        let total = workgroup_sum(lane, found.weight);
        if (lane == 0u) {
            store_total(block, total);
        }
    }
    if (COUNTS) {
        workgroupBarrier(); // the sum has been read before its memory is used again
        let total = workgroup_sum(lane, found.count);
        if (lane == 0u) {
            store_count(block, total);
        }
    }
}
