// Negative log likelihood: -w_y x_y of the log-probability at the class index y. A weight of 0
// silences the row even where its log-probability is -inf.

const HAS_PEAKS = false;
const HAS_SUMS = false;
alias Peaks = f32;
alias Sums = f32;

fn peaks(item: Item) -> Peaks {
    return LOWEST;
}

fn sums(item: Item, row: Row, peak: Peaks) -> Sums {
    return 0.0;
}

fn value(row: Row, peak: Peaks, total: Sums) -> f32 {
    return -silenced(row.weight, row.picked);
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums) -> vec4<f32> {
    return vec4(-row.weight * item.target_, 0.0, 0.0, 0.0);
}
