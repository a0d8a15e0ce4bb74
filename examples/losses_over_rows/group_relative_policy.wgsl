// Group relative policy optimization: a row is a group of answers to one question, whose advantages are their rewards
// less the mean, over the standard deviation: -mean of min(r advantage, clamp(r, 1 - width, 1 + width) advantage), with
// r = exp(p - before).
//
// p, before: log-probabilities of an answer now and when it was given. reward: any number. width: 0.2, epsilon: 1e-4 in
// most programs.
//
// Shao et al.: DeepSeekMath, 2024.

struct Item {
    p: f32,
    before: f32,
    reward: f32,
}

struct Row {
    classes: u32,
}

struct Parameters {
    width: f32,
    epsilon: f32,
}

fn sums(item: Item) -> f32 {
    return item.reward;
}

// The deviation is a factor of all: it comes last.
fn second_sums(item: Item, row: Row, sums: f32, c: Parameters) -> vec2<f32> {
    let above = item.reward - sums / f32(row.classes);
    let ratio = exp(item.p - item.before);
    let clipped = clamp(ratio, 1.0 - c.width, 1.0 + c.width);
    return vec2(above * above, min(ratio * above, clipped * above));
}

fn value(row: Row, second_sums: vec2<f32>, c: Parameters) -> f32 {
    let count = f32(row.classes);
    let deviation = sqrt(second_sums.x / (count - 1.0)) + c.epsilon;
    return -second_sums.y / (count * deviation);
}
