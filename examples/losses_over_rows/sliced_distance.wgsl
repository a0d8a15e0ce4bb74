// Squared distance of two points along a direction: (sum of (p - t) direction)^2 / sum of direction^2.
//
// p, t: points, a row each. direction: any numbers but all 0, a row for each pair.
//
// Kolouri, Nadjahi, Simsekli, Badeau, Rohde: Generalized sliced Wasserstein distances, 2019.

struct Item {
    p: f32,
    t: f32,
    direction: f32,
}

fn sums(item: Item) -> vec2<f32> {
    return item.direction * vec2(item.p - item.t, item.direction);
}

fn value(sums: vec2<f32>) -> f32 {
    return sums.x * sums.x / sums.y;
}
