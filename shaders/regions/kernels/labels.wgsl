// Notes class indices outside their range.

fn check_labels(item: u32, voxel: u32, labels: Labels) {
    if (!any(labels.bad)) {
        return;
    }
    let place = (window.first + item) * window.voxels + voxel;
    for (var i = 0u; i < 4u; i++) {
        if (labels.bad[i]) {
            atomicAdd(&status[0], 1u);
            atomicMax(&status[1], ~(place + i));
        }
    }
}
