// Sigmoid contrastive: each pair of a row is a question of its own, softplus(-s) for its partner and softplus(s) for
// all others.

const HAS_PEAKS = false;
const HAS_SUMS = true;
alias Peaks = f32;
alias Sums = f32;

fn peaks(item: Item) -> Peaks {
    return LOWEST;
}

fn sums(item: Item, row: Row, peak: Peaks) -> Sums {
    return softplus(select(item.first, -item.first, item.target_ == 1.0));
}

fn value(row: Row, peak: Peaks, total: Sums) -> f32 {
    return total;
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums) -> vec4<f32> {
    let yes = item.target_ == 1.0;
    let part = sigmoid(select(item.first, -item.first, yes));
    return vec4(select(part, -part, yes), 0.0, 0.0, 0.0);
}
