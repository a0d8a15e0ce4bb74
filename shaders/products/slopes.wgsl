// Turns a tile of logits into the loss's slopes by them, and writes the gradient of probabilities.
// Places past the last class become 0, up to a whole quad, as the products read whole quads.

// A slope below 2^-100 is nothing beside that of the peak, but its products with small numbers would be
// denormal, on which processors multiply up to a hundred times slower.
const NEGLIGIBLE: f32 = 7.888609e-31;

fn tile_slope(item: u32, class_: u32, row: Row, peak: Peaks, total: Sums, scale: f32) -> f32 {
    if (class_ >= window.classes) {
        return 0.0;
    }
    let logit = scratch[window.tile + item * window.stride + class_];
    let slopes = slopes_of(item_at(item, class_, logit), row, peak, total);
    store_target(item, class_, scale * slopes.w);
    let mine = select(slopes.x, 0.0, abs(slopes.x) < NEGLIGIBLE);
    return select(scale, scale * mine, row.state == KEPT);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = (group.x + group.y * window.width) * 64u + lane;
    let quads = (window.classes + 3u) / 4u;
    let item = id / quads;
    if (item >= window.items) {
        return;
    }
    let class_ = 4u * (id % quads);
    let row = row_at(item);
    let place = statistics_place(item);
    let peak = peaks_at(place);
    let total = finished_of(sums_at(place));
    let scale = scratch[place + 1u];
    let start = window.tile + item * window.stride + class_;
    for (var i = 0u; i < 4u; i++) {
        scratch[start + i] = tile_slope(item, class_ + i, row, peak, total, scale);
    }
}
