// Ranked probability score of a softmax: the sum over ordered classes of the squared difference of the probability of
// at most that class and of whether the target is at most that class, over the number of classes less 1.
//
// input: logits of the classes, in order. target: the class of each row.
//
// Epstein: A scoring system for probability forecasts of ranked categories, 1969.

struct Item {
    input: f32,
    index: i32,
}

struct Row {
    target: i32,
    classes: i32,
}

fn shifts(item: Item) -> f32 {
    return item.input;
}

fn sums(item: Item, shifts: f32) -> f32 {
    return exp(item.input - shifts);
}

fn running_sums(item: Item, shifts: f32, sums: f32) -> f32 {
    return exp(item.input - shifts) / sums;
}

fn second_sums(item: Item, row: Row, running_sums: f32) -> f32 {
    let d = running_sums - select(0.0, 1.0, row.target <= item.index);
    return d * d;
}

fn value(row: Row, second_sums: f32) -> f32 {
    return second_sums / max(f32(row.classes - 1), 1.0);
}
