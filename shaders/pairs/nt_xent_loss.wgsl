// NT-Xent, over the others of a row: for each of its partners p softplus(lse - s_p), with the log-sum-exp over its
// negatives. A weight of 0 stands for the row itself, which is neither.

const HAS_PEAKS = true;
const HAS_SUMS = true;
const TWICE = true;
alias Peaks = f32;
// Of the negatives x: sum of exp(s_n - m) without the peaks themselves; y: how many are at the peak m. Of the partners
// z: sum of the pairs' losses; w: sum of their slopes.
alias Sums = vec4<f32>;

fn is_negative(item: Item) -> bool {
    return (item.weight != 0.0) & (item.target_ == 0.0);
}

fn peaks(item: Item) -> Peaks {
    return select(LOWEST, item.first, is_negative(item));
}

fn sums(item: Item, row: Row, peak: Peaks) -> Sums {
    let at_peak = select(0.0, 1.0, item.first == peak);
    let own = vec4(exponential(item.first - peak) - at_peak, at_peak, 0.0, 0.0);
    return select(Sums(), own, is_negative(item));
}

// The same sums relative to a higher peak.
fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let others = (total.x + total.y) * exponential(lower - higher);
    return select(total, vec4(others, 0.0, 0.0, 0.0), higher > lower);
}

// By how much the negatives together are above a similarity.
fn above(item: Item, peak: Peaks, total: Sums) -> f32 {
    return (peak - item.first) + logarithm_one_plus(total.x + (total.y - 1.0));
}

fn second_sums(item: Item, row: Row, peak: Peaks, total: Sums) -> Sums {
    let by = above(item, peak, total);
    let counts = (item.weight != 0.0) & (item.target_ != 0.0) & (peak != LOWEST);
    return select(Sums(), vec4(0.0, 0.0, softplus(by), sigmoid(by)), counts);
}

fn value(row: Row, peak: Peaks, total: Sums) -> f32 {
    return total.z;
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums) -> vec4<f32> {
    let of_partner = -sigmoid(above(item, peak, total));
    let of_negative = total.w * (exponential(item.first - peak) / (total.x + total.y));
    let slope = select(of_negative, of_partner, item.target_ != 0.0);
    return vec4(select(slope, 0.0, (item.weight == 0.0) | (peak == LOWEST)), 0.0, 0.0, 0.0);
}
