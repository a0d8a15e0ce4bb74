// Negative log likelihood: -w_y x_y of the log-probability at the class index y. A weight of 0
// silences the row even where its log-probability is -inf.

const GATHERS = false;

fn peaks(item: Item) -> vec4<f32> {
    return vec4(LOWEST);
}

fn sums(item: Item, row: Row, peaks: vec4<f32>) -> vec4<f32> {
    return vec4(0.0);
}

fn value(row: Row, peaks: vec4<f32>, sums: vec4<f32>) -> f32 {
    return -silenced(row.weight, row.picked);
}

fn gradient(item: Item, row: Row, peaks: vec4<f32>, sums: vec4<f32>) -> vec4<f32> {
    return vec4(-row.weight * item.second, 0.0, 0.0, 0.0);
}
