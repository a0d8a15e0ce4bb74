// Products family: a row's items are the logits x_c = sum over d of input_d linear_weight_cd + bias_c. Some rows'
// logits of some classes, a tile, are in the scratch at a time. What formulas over rows gather, their maxima and
// sums, is kept of each row between tiles; where a later tile has higher maxima, the sums move to them.

struct Window {
    items: u32,        // batch items in this chunk: the tile's rows
    first_item: u32,
    classes: u32,      // in this tile
    first_class: u32,
    all_classes: u32,
    features: u32,
    positions: u32,    // of each item; the tile has one of them
    position: u32,
    statistics: u32,   // where in the scratch what is known of each row starts
    tile: u32,         // where the logits start
    stride: u32,       // from a row of the tile to the next, a multiple of 4
    losses: u32,       // where the losses of all rows go if they are reduced
    adds: u32,         // 1 if statistics or gradients are there to be added to
    width: u32,        // workgroups in a row of the dispatch
    ignored: i32,
    divisor: f32,
    scale: f32,        // of the gradients
    offsets: u32,      // where what the biases of each position have in common starts
    weight: f32,       // of the losses that are not reduced
    padding_0: u32,
}

fn state_of(index: i32) -> u32 {
    if (IGNORES & (index == window.ignored)) {
        return IGNORED;
    }
    return select(KEPT, BAD, (index < 0) | (u32(index) >= window.all_classes));
}

fn state_of_mark(mark: i32) -> u32 {
    return select(KEPT, IGNORED, IGNORES & (mark == window.ignored));
}

// The place of one class of an item in the target's probabilities.
fn target_place(item: u32, class_: u32) -> u32 {
    return (item * window.all_classes + window.first_class + class_) * window.positions
        + window.position;
}

// The place of an item's row in what has one number for each row.
fn row_place(item: u32) -> u32 {
    return item * window.positions + window.position;
}

// The place of an item's row in the statistics: its state and the scale of its gradients, which are known once
// all tiles are there, the logit of its target class, its maxima and its sums.
fn statistics_place(item: u32) -> u32 {
    return window.statistics + STATISTICS * item;
}
