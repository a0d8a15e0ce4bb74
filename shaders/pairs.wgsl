// Pairs family: a row's items are the similarities s_ij = scale x_i y_j + bias of one vector to all others, or of
// their directions. Some rows' products x_i y_j with some columns' vectors, a tile, are in the scratch at a time. What
// formulas over rows gather, their maxima and sums, is kept of each row, and of each column where these are rows too.

struct Window {
    items: u32,        // the tile's rows
    first_item: u32,
    classes: u32,      // the tile's columns
    first_class: u32,
    all_items: u32,
    all_classes: u32,
    features: u32,
    width: u32,        // workgroups in a row of the dispatch
    statistics: u32,   // where in the scratch what is known of each row starts
    columns: u32,      // the same of each column
    tile: u32,         // where the products start
    stride: u32,       // from a row of the tile to the next, a multiple of 4
    losses: u32,       // where the losses of all rows go if they are reduced
    weights: u32,      // where the weights of all rows are
    lengths: u32,      // where the inverse lengths of the vectors of all rows start
    other_lengths: u32, // the same of all columns
    adds: u32,         // 1 if statistics or gradients are there to be added to
    ignored: i32,
    divisor: f32,
    scale: f32,        // of the gradients
    weight: f32,       // of the losses that are not reduced
    factor: f32,       // of the products
    margin_0: f32,
    margin_1: f32,
    margin_2: f32,
    padding_0: u32,
    padding_1: u32,
    padding_2: u32,
}

// What is known of a row or a column starts with its state, the scale of its gradients and its similarity to its own
// partner; behind its maxima and sums are the sums of its slopes times the products, and of its slopes.
fn row_place(item: u32) -> u32 {
    return window.statistics + STATISTICS * (window.first_item + item);
}

fn column_place(class_: u32) -> u32 {
    return window.columns + STATISTICS * (window.first_class + class_);
}

fn state_of(index: i32) -> u32 {
    if (index == window.ignored) {
        return IGNORED;
    }
    return select(KEPT, BAD, (index < 0) | (u32(index) >= window.all_classes));
}

fn tile_place(item: u32, class_: u32) -> u32 {
    return window.tile + item * window.stride + class_;
}
