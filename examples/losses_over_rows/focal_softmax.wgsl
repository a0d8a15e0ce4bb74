// Focal loss of a softmax: -(1 - p)^gamma log p, where p is the probability of the target class.
//
// input: logits, a row for each example. target: the class of each row. gamma: 2 in the paper.
//
// Lin, Goyal, Girshick, He, Dollar: Focal loss for dense object detection, 2017.

struct Item {
    input: f32,
}

struct Row {
    target: i32,
}

struct Parameters {
    gamma: f32,
}

fn shifts(item: Item) -> f32 {
    return item.input;
}

// Those at the maximum are counted apart: the sum of both keeps the digits of how far it is above 1.
fn sums(item: Item, shifts: f32) -> vec2<f32> {
    let e = exp(item.input - shifts);
    return select(vec2(e, 0.0), vec2(0.0, e), item.input == shifts);
}

fn value(picked: Item, shifts: f32, sums: vec2<f32>, c: Parameters) -> f32 {
    let log_p = picked.input - shifts - logarithm_one_plus(sums.x + (sums.y - 1.0));
    return -pow(-exponential_minus_one(log_p), c.gamma) * log_p;
}
