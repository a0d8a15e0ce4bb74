// The window of a pass of the pointwise family, and how the lanes of a workgroup share a block: TEAM read side
// by side, and each team its own STRETCH of it.

const TEAM: u32 = 8u;
const STRETCH: u32 = BLOCK / 4u / (LANES / TEAM); // in quads

struct Window {
    elements: u32,     // in this window
    first: u32,        // the window's first element
    destination: u32,  // where in the scratch its block sums go
    width: u32,        // workgroups in a row of the dispatch
    divisor: f32,
    scale: f32,        // of the gradients
    rank: u32,
    weight: f32,       // of the losses and of the value
    one: f32,
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
    axes: array<Axis, 8>,
}
