// Regions family, last step: the gradients of voxels, four in a lane, from the factors of their regions.

fn factors_at(item: u32, class_: u32) -> Sums {
    let before = select((window.first + item) * (window.classes - FIRST), 0u, BATCH);
    return numbers_at(window.place + (before + class_ - FIRST) * SUMS);
}

// The slopes by the probabilities and the targets of a class; none of one that does not count.
struct Slopes {
    by_p: vec4<f32>,
    by_y: vec4<f32>,
}

fn slopes_at(item: u32, class_: u32, voxel: u32, parts: Parts, labels: Labels) -> Slopes {
    if (class_ < FIRST) {
        return Slopes();
    }
    let by = factors_at(item, class_);
    let y = targets_of(labels, item, class_, voxel);
    let a = slopes_of(voxel_of(parts, y, 0u), by);
    let b = slopes_of(voxel_of(parts, y, 1u), by);
    let c = slopes_of(voxel_of(parts, y, 2u), by);
    let d = slopes_of(voxel_of(parts, y, 3u), by);
    return Slopes(vec4(a.x, b.x, c.x, d.x), vec4(a.y, b.y, c.y, d.y));
}

// The slope of a voxel's most probable class, and relative to it the mean of all, by the probabilities: so nothing
// cancels where one of these is near 1.
var<private> highest_slope: vec4<f32>;
var<private> mean: vec4<f32>;
// Of the probabilities so far.
var<private> sum: vec4<f32>;

fn add_to_mean(item: u32, class_: u32, voxel: u32, parts: Parts, labels: Labels) {
    let slope = slopes_at(item, class_, voxel, parts, labels).by_p;
    // Up to the most probable class they are relative to 0.
    let moved = (highest_slope - slope) * sum;
    mean += select(parts.p * (slope - highest_slope), moved, parts.is_peak);
    highest_slope = select(highest_slope, slope, parts.is_peak);
    sum += parts.p;
}

fn store_class(item: u32, class_: u32, voxel: u32, parts: Parts, labels: Labels) {
    let slopes = slopes_at(item, class_, voxel, parts, labels);
    var by_input = slopes.by_p;
    if (SOFTMAX) {
        by_input = parts.p * ((slopes.by_p - highest_slope) - mean);
    } else if (SIGMOID) {
        by_input = slopes.by_p * (parts.p * parts.rest);
    }
    if (BY_INPUT) {
        store_input(item, class_, voxel, select(vec4<f32>(), by_input, labels.kept));
    }
    if (BY_TARGET) {
        store_target(item, class_, voxel, slopes.by_y);
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * window.width;
    let blocks = (window.voxels + 4u * LANES - 1u) / (4u * LANES);
    let item = block / blocks;
    let voxel = (block % blocks * LANES + lane) * 4u;
    if (item >= window.items || voxel >= window.voxels) {
        return;
    }
    let labels = labels_of(item, voxel);
    let others = others_of(item, voxel);
    if (SOFTMAX && BY_INPUT) {
        add_classes_to_mean(item, voxel, others, labels);
    }
    store_classes(item, voxel, others, labels);
}
