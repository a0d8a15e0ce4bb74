// What a mean divides by, where the number of items is in a buffer: that of their terms.

struct Window {
    most: u32,  // items at most
    each: u32,  // for each item
    least: u32, // a mean over no term divides by it
}

@compute @workgroup_size(1)
fn main() {
    scratch[1] = f32(max(min(count[0], window.most) * window.each, window.least));
}
