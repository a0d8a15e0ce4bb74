// Supervised contrastive, over the others k of a row: the mean over its partners p of lse(s) - s_p, with the log-sum-exp
// over all others. Everything is taken relative to the largest similarity m; a weight of 0 stands for the row itself.

const HAS_PEAKS = true;
const HAS_SUMS = true;
alias Peaks = f32;
// x: sum of exp(s_k - m) without the peaks themselves; y: how many are at the peak; z: the number of partners;
// w: sum over these of m - s_p.
alias Sums = vec4<f32>;

fn peaks(item: Item) -> Peaks {
    return select(LOWEST, item.first, item.weight != 0.0);
}

fn sums(item: Item, row: Row, peak: Peaks) -> Sums {
    let below = peak - item.first;
    let at_peak = select(0.0, 1.0, item.first == peak);
    let own = vec4(exponential(-below) - at_peak, at_peak, item.target_, silenced(item.target_, below));
    return select(Sums(), own, item.weight != 0.0);
}

// The same sums relative to a higher peak.
fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = higher - lower;
    let others = (total.x + total.y) * exponential(-way);
    let higher_total = vec4(others, 0.0, total.z, total.w + silenced(total.z, way));
    return select(total, higher_total, higher > lower);
}

fn value(row: Row, peak: Peaks, total: Sums) -> f32 {
    let log_sum = logarithm_one_plus(total.x + (total.y - 1.0));
    return select(total.w / total.z + log_sum, 0.0, total.z == 0.0);
}

// p - t / n with n partners; where p is above 1/2, which only a peak can be, (1 - t / n) - (1 - p).
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums) -> vec4<f32> {
    let share = item.target_ / total.z;
    let rest = total.x + (total.y - 1.0);
    let sum = total.x + total.y;
    let at_peak = (1.0 - share) - rest / sum;
    let elsewhere = exponential(item.first - peak) / sum - share;
    let slope = select(elsewhere, at_peak, (item.first == peak) & (sum < 2.0));
    return vec4(select(slope, 0.0, (item.weight == 0.0) | (total.z == 0.0)), 0.0, 0.0, 0.0);
}
