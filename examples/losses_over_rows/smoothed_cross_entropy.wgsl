// Cross entropy of a softmax with smoothed labels: log sum exp x less the mean of x under the labels, which have
// 1 - smoothing at the target class and share smoothing evenly.
//
// input: logits, a row for each example. target: the class of each row. weight: a factor of each row. smoothing: 0.1
// in the paper.
//
// Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the inception architecture, 2016.

struct Item {
    input: f32,
}

struct Row {
    target: i32,
    weight: f32,
    classes: u32,
}

struct Parameters {
    smoothing: f32,
}

fn shifts(item: Item) -> f32 {
    return item.input;
}

fn sums(item: Item, shifts: f32) -> vec2<f32> {
    let x = item.input - shifts;
    return vec2(exp(x), x);
}

fn value(picked: Item, row: Row, shifts: f32, sums: vec2<f32>, c: Parameters) -> f32 {
    let of_target = (1.0 - c.smoothing) * (picked.input - shifts);
    let of_all = c.smoothing * sums.y / f32(row.classes);
    return row.weight * (log(sums.x) - of_target - of_all);
}
