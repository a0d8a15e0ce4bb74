// Rows as derived formulas see them that take integers or booleans: numbers, and beside them words, which are the bits
// of the integers, and 1 or 0 for a boolean. Each input has the same place among both, of which it has one.

// What is known of a row before it is read.
struct Row {
    state: u32,        // KEPT, IGNORED or BAD
    classes: u32,
    index: i32,        // the target class
    picked: Numbers,   // the inputs at that class
    picked_words: Words,
    numbers: Numbers,  // the row's own
    words: Words,
}

// What a row holds for one class.
struct Item {
    numbers: Numbers,
    words: Words,
    class_: u32,
}
