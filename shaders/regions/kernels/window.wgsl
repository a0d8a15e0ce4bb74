// Some items of a batch.
struct Window {
    items: u32,
    first: u32,   // the first one
    classes: u32,
    voxels: u32,  // of each item
    patches: u32,  // of each item
    place: u32,   // where in the scratch sums go, or factors are
    width: u32,   // workgroups in a row of the dispatch
    ignored: i32,
    // The elements between a binding's start, which is aligned, and the window's: of the input, the target and their
    // gradients.
    skips: vec4<u32>,
}
