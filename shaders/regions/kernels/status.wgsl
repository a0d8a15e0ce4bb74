// Keeps the value of the first bad class index for the status, once all have been looked at.

@compute @workgroup_size(1)
fn main() {
    let start = window.first * window.voxels;
    let place = ~status[1];
    if (status[0] > 0u && place >= start && place - start < window.items * window.voxels) {
        let words = target_words(place - start);
        status[2] = words.x;
        status[3] = words.y;
    }
}
