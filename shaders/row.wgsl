// Rows as formulas see them: types, constants and functions that they are written with.

// What is known of a row before it is read.
struct Row {
    classes: f32,
    index: i32,    // the target class
    weight: f32,   // that class's weight
    picked: f32,   // the first input at that class
    label: f32,    // the row's own number
    mean_weight: f32, // of the kept rows, where the mean divides by the sum of their weights
    state: u32,    // KEPT, IGNORED or BAD
    offset: f32,   // what was taken off all of the first input, where the formula allows it
}

// What a row holds for one class.
struct Item {
    first: f32,
    second: f32,
    third: f32,
    target_: f32, // 1 at a class index and 0 elsewhere, or what is given for the class
    weight: f32,
}

// Whether a sum of squares has lost nothing to overflow or underflow, and the product of two such
// neither.
fn is_moderate(sum: f32) -> bool {
    return (0x1p-60f < sum) & (sum < 0x1p60f);
}
