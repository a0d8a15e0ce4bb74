// Rows as derived formulas see them: numbers, of which the formula knows what they are.

const LOWEST: f32 = -0x1.fffffep+127f;

const KEPT: u32 = 0u;
const IGNORED: u32 = 1u;
const BAD: u32 = 2u;

// What is known of a row before it is read.
struct Row {
    state: u32,        // KEPT, IGNORED or BAD
    classes: u32,
    index: i32,        // the target class
    picked: vec3<f32>, // the inputs at that class
    numbers: vec4<f32>, // the row's own
}

// What a row holds for one class.
struct Item {
    numbers: vec3<f32>,
    class_: u32,
}
