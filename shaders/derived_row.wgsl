// Rows as derived formulas see them: numbers, of which the formula knows what they are.

// What is known of a row before it is read.
struct Row {
    state: u32,        // KEPT, IGNORED or BAD
    classes: u32,
    index: i32,        // the target class
    picked: Numbers,   // the inputs at that class
    numbers: Numbers,  // the row's own
}

// What a row holds for one class.
struct Item {
    numbers: Numbers,
    class_: u32,
}
