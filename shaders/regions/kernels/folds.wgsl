// Regions family, second step: a workgroup adds up the sums of up to FOLD patches of a region.

struct Window {
    regions: u32,
    count: u32,       // sums of each
    patches: u32,      // of them in an item, whose regions lie side by side
    groups: u32,      // sums that they become
    source: u32,
    destination: u32,
    width: u32,
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * window.width;
    let region = block / window.groups;
    let start = block % window.groups * FOLD;
    if (region >= window.regions) {
        return;
    }
    var own = Sums();
    for (var i = start + lane; i < min(start + FOLD, window.count); i += LANES) {
        let place = (i / window.patches * window.regions + region) * window.patches + i % window.patches;
        own += numbers_at(window.source + place * SUMS);
    }
    put_sums(lane, 0u, own);
    let sum = joined(lane);
    if (lane < SUMS) {
        scratch[window.destination + block * SUMS + lane] = sum;
    }
}
