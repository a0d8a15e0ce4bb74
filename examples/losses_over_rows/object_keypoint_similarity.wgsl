// Object keypoint similarity of a pose: 1 - the mean over the keypoints that are labelled of
// exp(-d^2 / (2 area (2 sigma)^2)), where d is the distance of a keypoint from where it was labelled.
//
// x, y and to_x, to_y: keypoints and where they were labelled, in pixels. labelled: 0 where a keypoint was not. sigma: how
// far labels of each keypoint spread, 0.026 to 0.107 for the 17 of COCO, the same for all poses. area: that of the object, in
// pixels. A pose without labels costs nothing.
//
// Maji, Nagori, Mathew, Poddar: YOLO-Pose, 2022; the similarity of COCO's evaluation.

struct Item {
    x: f32,
    y: f32,
    to_x: f32,
    to_y: f32,
    labelled: bool,
    sigma: f32,
}

struct Row {
    area: f32,
}

struct Sums {
    cost: f32,
    labelled: f32,
}

fn sums(item: Item, row: Row) -> Sums {
    if (!item.labelled) {
        return Sums(0.0, 0.0);
    }
    let d = vec2(item.x - item.to_x, item.y - item.to_y);
    // 1 - e^-x without cancellation.
    let cost = -exponential_minus_one(-dot(d, d) / (8.0 * row.area * item.sigma * item.sigma));
    return Sums(cost, 1.0);
}

fn value(sums: Sums) -> f32 {
    return sums.cost / max(sums.labelled, 1.0);
}
