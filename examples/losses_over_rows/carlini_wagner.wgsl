// How far the target class is below the highest other one: max(0, max of the others' x - x of the target + margin).
//
// input: logits, a row for each example. target: the class of each row. margin: 0 or more.
//
// Carlini, Wagner: Towards evaluating the robustness of neural networks, 2017.

struct Item {
    input: f32,
    index: i32,
}

struct Row {
    target: i32,
}

struct Parameters {
    margin: f32,
}

fn peaks(item: Item, row: Row) -> f32 {
    return select(item.input, -infinity(), item.index == row.target);
}

fn value(picked: Item, peaks: f32, c: Parameters) -> f32 {
    return max(peaks - picked.input + c.margin, 0.0);
}
