// An axis of a broadcast: its size, and how far each input moves along it.
struct Axis {
    size: u32,
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
    strides: array<vec4<u32>, 4>, // four inputs in each
}
