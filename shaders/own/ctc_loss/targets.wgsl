// One invocation for each element of targets: finds those that are no label, and links each label to
// its next occurrence in the same target. A link is the place of the next occurrence within the
// target, 0 if there is none; that of a label with an earlier occurrence is negative.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let place = (group.x + group.y * window.width) * 64u + lane;
    if (place >= window.places) {
        return;
    }
    var n = 0u;
    var start = 0u;
    if (PADDED) {
        n = place / window.longest;
        start = n * window.longest;
    } else {
        while (n < window.batch && place - start >= target_length(n)) {
            start += target_length(n);
            n++;
        }
        if (n == window.batch) {
            return;
        }
    }
    let sequence = sequence_of(n, start);
    let i = place - start;
    if (i >= sequence.labels) {
        return;
    }
    let label = targets_index(place);
    if (!check_label(place, label) || !LINKS) {
        return;
    }
    var next = i + 1u;
    while (next < sequence.labels && targets_index(start + next) != label) {
        next++;
    }
    var previous = i;
    while (previous > 0u && targets_index(start + previous - 1u) != label) {
        previous--;
    }
    let link = f32(select(0u, next, next < sequence.labels));
    scratch[window.links + place] = select(link, -1.0 - link, previous > 0u);
}
