// Regions family, first step: a workgroup adds up what a patch of an item's voxels holds for some of the classes, and
// looks for class indices outside their range. The status counts these; the first is kept as its complement, so that
// a cleared status means that there is none.

fn four_sums(parts: Parts, y: vec4<f32>, kept: vec4<bool>) -> Sums {
    return (select(Sums(), sums_of(voxel_of(parts, y, 0u)), kept.x)
        + select(Sums(), sums_of(voxel_of(parts, y, 1u)), kept.y))
        + (select(Sums(), sums_of(voxel_of(parts, y, 2u)), kept.z)
        + select(Sums(), sums_of(voxel_of(parts, y, 3u)), kept.w));
}

var<private> own: array<Sums, GROUP>;

fn add_class(item: u32, class_: u32, k: u32, voxel: u32, parts: Parts, labels: Labels) {
    own[k] += four_sums(parts, targets_of(labels, item, class_, voxel), labels.kept);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * window.width;
    let own_patch = block % window.patches;
    let groups = (window.classes - FIRST + GROUP - 1u) / GROUP;
    let first = FIRST + block / window.patches % groups * GROUP;
    let item = block / window.patches / groups;
    if (item >= window.items) {
        return;
    }
    let end = min((own_patch + 1u) * PATCH, window.voxels);
    for (var voxel = own_patch * PATCH + 4u * lane; voxel < end; voxel += 4u * LANES) {
        let labels = labels_of(item, voxel);
        if (INDEX && first == FIRST) {
            check_labels(item, voxel, labels);
        }
        add_classes(item, first, voxel, others_of(item, voxel), labels);
    }
    for (var k = 0u; k < GROUP; k++) {
        put_sums(lane, k, own[k]);
    }
    let sum = joined(lane);
    let region = (window.first + item) * (window.classes - FIRST) + first - FIRST + lane / SUMS;
    if (lane < NUMBERS && first + lane / SUMS < window.classes) {
        scratch[window.place + (region * window.patches + own_patch) * SUMS + lane % SUMS] = sum;
    }
}
