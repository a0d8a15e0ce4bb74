// What a mean divides by, where the number of items is in a buffer: that of their terms.

struct Window {
    most: u32,  // items at most
    each: u32,  // for each item
}

@compute @workgroup_size(1)
fn main() {
    scratch[1] = f32(min(count[0], window.most) * window.each);
}
