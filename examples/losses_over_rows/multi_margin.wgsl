// Multi-class hinge loss: the mean over all classes of max(0, margin - x of the target + x), but for the target's own.
//
// input: scores, a row for each example. target: the class of each row. margin: 1 in most programs.
//
// Crammer, Singer: On the algorithmic implementation of multiclass kernel-based vector machines, 2001.

struct Item {
    input: f32,
    index: u32,
}

struct Row {
    target: u32,
    classes: u32,
}

struct Parameters {
    margin: f32,
}

fn sums(item: Item, picked: Item, row: Row, c: Parameters) -> f32 {
    if (item.index == row.target) {
        return 0.0;
    }
    return max(c.margin - picked.input + item.input, 0.0);
}

fn value(row: Row, sums: f32) -> f32 {
    return sums / f32(row.classes);
}
