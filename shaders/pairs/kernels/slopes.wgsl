// Turns a tile of products into the loss's slopes by them, 64 lanes to a row, and adds up what the gradients of the
// scale and the bias need. Places past the last column become 0, up to a whole quad, as the products of matrices
// read whole quads.

// A slope below 2^-100 is nothing beside that of the peak, but its products with small numbers would be
// denormal, on which processors multiply up to a hundred times slower.
const NEGLIGIBLE: f32 = 7.888609e-31;

var<workgroup> lane_sums: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = group.x + group.y * window.width;
    if (item >= window.items) {
        return;
    }
    let row = row_at(item);
    let place = row_place(item);
    let peak = peaks_at(place);
    let total = sums_at(place);
    let scale = scratch[place + 1u];
    let end = (window.classes + 3u) / 4u * 4u;
    var sums = vec2<f32>();
    for (var c = lane; c < end; c += 64u) {
        let at = tile_place(item, c);
        if (c >= window.classes) {
            scratch[at] = 0.0;
            continue;
        }
        let product = scratch[at];
        var slope = scale * slopes_of(item_at(item, c, product), row, peak, total).x;
        if (SYMMETRIC) {
            let other = column_place(c);
            // The term of a column is that of the row of its number.
            let other_scale = scratch[window.statistics + STATISTICS * (window.first_class + c) + 1u];
            let other_item = column_item_at(c, item, product);
            slope += other_scale
                * slopes_of(other_item, column_at(c), peaks_at(other), sums_at(other)).x;
        }
        slope = select(slope, 0.0, abs(slope) < NEGLIGIBLE);
        slope = select(scale, slope, row.state == KEPT);
        sums += select(vec2(slope * product, slope), vec2<f32>(), row.state == IGNORED);
        scratch[at] = select(slope * similarity(product, is_partner(row, c)).y, 0.0, row.state == IGNORED);
    }
    if (!SUMS) {
        return;
    }
    lane_sums[lane] = sums;
    workgroupBarrier(); // all lanes have written before the first reads
    if (lane == 0u) {
        sums = vec2<f32>();
        for (var i = 0u; i < 64u; i++) {
            sums += lane_sums[i];
        }
        let kept = place + SLOPES;
        if (window.adds == 1u) {
            sums += vec2(scratch[kept], scratch[kept + 1u]);
        }
        scratch[kept] = sums.x;
        scratch[kept + 1u] = sums.y;
    }
}
