// Tells the caller what this plan found: the first fault of all plans stays, and the numbers add up. The plan's
// own status is clear again then.

@compute @workgroup_size(1)
fn main() {
    let count = status[0];
    if (count == 0u) {
        return;
    }
    let is_first = report[0] == 0u;
    for (var word = 1u; word < 4u; word++) {
        if (is_first) {
            report[word] = status[word];
        }
        status[word] = 0u;
    }
    status[0] = 0u;
    // No sum of theirs comes round to none.
    report[0] += min(count, ~report[0]);
}
