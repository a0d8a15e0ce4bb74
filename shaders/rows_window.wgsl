// What a dispatch over rows works on.

struct Window {
    rows: u32,         // in this window
    first: u32,        // the window's first row
    destination: u32,  // where in the scratch the losses of its rows go
    width: u32,        // workgroups in a row of the dispatch
    divisor: f32,
    scale: f32,        // of the gradients
    classes: u32,
    inner: u32,        // distance between a row's classes
    // The elements between a binding's start, which is aligned, and the window's: of the inputs, of
    // the gradients by what has one number for each class and for each row, and of what else has one number a row.
    skips: array<vec4<u32>, 5>,
    gradient_skips: array<vec4<u32>, 2>,
    row_gradient_skips: array<vec4<u32>, 2>,
    row_skip: u32,
    ignored: i32,
    within: u32,       // the first row's place in its batch item
    weight: f32,       // of the losses that are not reduced
    lists: u32,        // where in the scratch lists are
    sections: u32,     // where what is known of the sections of this window's rows is
    padding_0: u32,
    padding_1: u32,
}
