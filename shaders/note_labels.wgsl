// What is known of labels once all have been checked.

var<workgroup> counts: array<u32, THREADS>;

// Sums of whole numbers over the workgroup.
fn total_count(lane: u32, mine: u32) -> u32 {
    counts[lane] = mine;
    workgroupBarrier(); // all lanes have written before all read
    var total = 0u;
    for (var i = 0u; i < THREADS; i++) {
        total += counts[i];
    }
    workgroupBarrier(); // all have read before the next sum is written
    return total;
}

// Keeps the value of the first bad label for the status.
fn note_label(place: u32) {
    if (place == ~status[1]) {
        let words = targets_words(place);
        status[2] = words.x;
        status[3] = words.y;
    }
}
