// Regions as formulas see them: types and functions that they are written with.

// What a voxel holds for one class. The rests come from the same logits: 1 - p would have lost the digits of a p
// near 1.
struct Voxel {
    p: f32,
    rest_p: f32, // 1 - p
    y: f32,
    rest_y: f32, // 1 - y
}
