// Cross entropy over the classes c of a row: sum of s_c (lse - x_c), lse = log sum exp x, with the
// share s_c = w_c ((1 - smoothing) q_c + smoothing / C) of a target q (1 at a class index).
// Everything is taken relative to the row's largest logit m: no exponential overflows, a large
// common offset costs no digits, and log1p keeps the loss of a confident row.

const GATHERS = true;
alias Peaks = f32;
// x: sum of exp(x_c - m) without the peaks themselves; y: how many classes are at the peak;
// z: sum of s_c; w: sum of s_c (m - x_c). Of a class index, z and w hold the smoothing only.
alias Sums = vec4<f32>;

struct Parameters {
    label_smoothing: f32,
}

fn smoothing(item: Item, row: Row, c: Parameters) -> f32 {
    return item.weight * (c.label_smoothing / row.classes);
}

fn share(item: Item, row: Row, c: Parameters) -> f32 {
    return item.weight * ((1.0 - c.label_smoothing) * item.second) + smoothing(item, row, c);
}

// The share of the class index, apart from the smoothing.
fn index_share(row: Row, c: Parameters) -> f32 {
    return select(0.0, (1.0 - c.label_smoothing) * row.weight, INDEX);
}

fn peaks(item: Item) -> Peaks {
    return item.first;
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let below = peak - item.first;
    let at_peak = select(0.0, 1.0, item.first == peak);
    let others = exponential(-below) - at_peak;
    if (INDEX && c.label_smoothing == 0.0) {
        return vec4(others, at_peak, 0.0, 0.0);
    }
    var s = smoothing(item, row, c);
    if (!INDEX) {
        s = share(item, row, c);
    }
    return vec4(others, at_peak, s, silenced(s, below));
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    let log_sum = logarithm_one_plus(total.x + (total.y - 1.0));
    let of_index = silenced(index_share(row, c), (peak - row.picked) + log_sum);
    return total.w + silenced(total.z, log_sum) + of_index;
}

// By x: S p - s with S the sum of shares. Where p is above 1/2, which only a peak can be, S p - s
// would cancel: there it is (S - s) - S (1 - p).
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let below = peak - item.first;
    let rest = total.x + (total.y - 1.0);
    let sum = total.x + total.y;
    let shares = total.z + index_share(row, c);
    let s = share(item, row, c);
    let at_peak = (shares - s) - shares * (rest / sum);
    let elsewhere = shares * (exponential(-below) / sum) - s;
    let by_logit = select(elsewhere, at_peak, item.first == peak && sum < 2.0);
    let factor = (1.0 - c.label_smoothing) * item.weight;
    let by_target = silenced(factor, below + logarithm_one_plus(rest));
    return vec4(by_logit, by_target, 0.0, 0.0);
}
