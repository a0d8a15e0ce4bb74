// Cross entropy over the classes c of a row: sum of s_c (lse - x_c), lse = log sum exp x, with the
// share s_c = w_c ((1 - smoothing) q_c + smoothing / C) of a target q (1 at a class index).
// Everything is taken relative to the row's largest logit m: no exponential overflows, a large
// common offset costs no digits, and log1p keeps the loss of a confident row.

const GATHERS = true;

struct Parameters {
    label_smoothing: f32,
}

fn share(item: Item, row: Row, c: Parameters) -> f32 {
    return item.weight * ((1.0 - c.label_smoothing) * item.second + c.label_smoothing / row.classes);
}

fn peaks(item: Item) -> vec4<f32> {
    return vec4(item.first, LOWEST, LOWEST, LOWEST);
}

// x: sum of exp(x_c - m) without the peaks themselves; y: sum of s_c (m - x_c); z: sum of s_c;
// w: how many classes are at the peak.
fn sums(item: Item, row: Row, peaks: vec4<f32>, c: Parameters) -> vec4<f32> {
    let below = peaks.x - item.first;
    let at_peak = select(0.0, 1.0, item.first == peaks.x);
    let s = share(item, row, c);
    return vec4(exponential(-below) - at_peak, silenced(s, below), s, at_peak);
}

fn value(row: Row, peaks: vec4<f32>, sums: vec4<f32>, c: Parameters) -> f32 {
    return sums.y + silenced(sums.z, logarithm_one_plus(sums.x + (sums.w - 1.0)));
}

// By x: S p - s with S the sum of shares. Where p is above 1/2, which only a peak can be, S p - s
// would cancel: there it is (S - s) - S (1 - p).
fn gradient(
    item: Item, row: Row, peaks: vec4<f32>, sums: vec4<f32>, c: Parameters
) -> vec4<f32> {
    let below = peaks.x - item.first;
    let rest = sums.x + (sums.w - 1.0);
    let total = sums.x + sums.w;
    let s = share(item, row, c);
    let at_peak = (sums.z - s) - sums.z * (rest / total);
    let elsewhere = sums.z * (exponential(-below) / total) - s;
    let by_logit = select(elsewhere, at_peak, item.first == peaks.x && total < 2.0);
    let factor = (1.0 - c.label_smoothing) * item.weight;
    return vec4(by_logit, silenced(factor, below + logarithm_one_plus(rest)), 0.0, 0.0);
}
