// Multi-label soft margin: the mean over the classes of w (t softplus(-x) + (1 - t) softplus(x)).

const HAS_PEAKS = false;
const HAS_SUMS = true;
alias Peaks = f32;
alias Sums = f32;

fn peaks(item: Item) -> Peaks {
    return LOWEST;
}

fn sums(item: Item, row: Row, peak: Peaks) -> Sums {
    let tail = logarithm_one_plus(exponential(-abs(item.first)));
    let yes = max(-item.first, 0.0) + tail;
    let no = max(item.first, 0.0) + tail;
    return item.weight * (silenced(item.second, yes) + silenced(1.0 - item.second, no));
}

fn value(row: Row, peak: Peaks, total: Sums) -> f32 {
    return total / row.classes;
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums) -> vec4<f32> {
    let t = item.second;
    let by_input = sigmoid_difference(item.first, t, 1.0);
    return vec4(by_input, -item.first, 0.0, 0.0) * (item.weight / row.classes);
}
