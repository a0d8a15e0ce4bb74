// Cross entropy over the classes c of a row: sum of s_c (lse - x_c), lse = log sum exp x, with the
// share s_c = w_c ((1 - smoothing) q_c + smoothing / C) of a target q (1 at a class index).
// Everything is taken relative to the row's largest logit m: no exponential overflows, a large
// common offset costs no digits, and log1p keeps the loss of a confident row. A softcap first turns
// x into softcap tanh(x / softcap); a z-loss adds z_loss lse^2.

const HAS_PEAKS = true;
const HAS_SUMS = true;
alias Peaks = f32;
// x: sum of exp(x_c - m) without those that are 1, as the peak's is; y: sum of all; z: sum of s_c; w: sum of
// s_c (m - x_c). Of a class index, z and w hold the smoothing only, and without it w is NaN where an x_c is.
alias Sums = vec4<f32>;

struct Parameters {
    label_smoothing: f32,
    z_loss: f32,
    softcap: f32,
}

fn capped(x: f32, c: Parameters) -> f32 {
    return select(c.softcap * hyperbolic_tangent(x / c.softcap), x, c.softcap == 0.0);
}

// The derivative of the cap: 1 - tanh^2, by the exponential, which does not cancel.
fn cap_slope(x: f32, c: Parameters) -> f32 {
    let e = exponential(-2.0 * abs(x / c.softcap));
    return select(4.0 * e / ((1.0 + e) * (1.0 + e)), 1.0, c.softcap == 0.0);
}

fn smoothing(item: Item, row: Row, c: Parameters) -> f32 {
    return item.weight * (c.label_smoothing / row.classes);
}

fn share(item: Item, row: Row, c: Parameters) -> f32 {
    return item.weight * ((1.0 - c.label_smoothing) * item.target_) + smoothing(item, row, c);
}

// The share of the class index, apart from the smoothing.
fn index_share(row: Row, c: Parameters) -> f32 {
    return select(0.0, (1.0 - c.label_smoothing) * row.weight, INDEX);
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return capped(item.first, c);
}

fn is_plain(c: Parameters) -> bool {
    return INDEX & (c.label_smoothing == 0.0);
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let x = capped(item.first, c);
    let below = peak - x;
    let e = exponential_of_negative(x - peak);
    let exponentials = vec2(fract(e), e);
    if (is_plain(c)) {
        return vec4(exponentials, 0.0, below);
    }
    var s = smoothing(item, row, c);
    if (!INDEX) {
        s = share(item, row, c);
    }
    // NaN whatever the share is.
    return vec4(exponentials, s, silenced(s, below));
}

// The same sums relative to a higher peak.
fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = higher - lower;
    let all = total.y * exponential_of_negative(-way);
    let higher_total = vec4(all, all, total.z, total.w + silenced(total.z, way));
    return select(total, higher_total, higher > lower);
}

// Of how much all exponentials are above the peak's, which is 1: below 2 there is one such, and the sum of the
// others has the digits that a difference would lose.
fn above_one(total: Sums) -> f32 {
    return select(total.y - 1.0, total.x, (total.y >= 1.0) & (total.y < 2.0));
}

// A row with NaN has no other sums.
fn carried(number: f32, total: Sums) -> f32 {
    return select(number, total.w, is_nan(total.w));
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    let log_sum = logarithm_one_plus(above_one(total));
    let of_index = silenced(index_share(row, c), (peak - capped(row.picked, c)) + log_sum);
    let lse = row.offset + (peak + log_sum);
    let of_z = silenced(c.z_loss * row.mean_weight, lse * lse);
    let of_shares = select(total.w, 0.0, is_plain(c)) + silenced(total.z, log_sum);
    return carried(of_shares + of_index + of_z, total);
}

// By x: S p - s with S the sum of shares, to which a z-loss adds 2 z_loss lse. Where p is above 1/2, which only a peak can be, S p - s
// would cancel: there it is (S - s) - S (1 - p).
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let x = capped(item.first, c);
    let below = peak - x;
    let rest = above_one(total);
    let sum = total.y;
    let log_sum = carried(logarithm_one_plus(rest), total);
    let of_z = silenced(2.0 * c.z_loss * row.mean_weight, row.offset + (peak + log_sum));
    let shares = carried(total.z + index_share(row, c) + of_z, total);
    let s = share(item, row, c);
    let at_peak = (shares - s) - shares * (rest / sum);
    let elsewhere = shares / sum * exponential_of_negative(x - peak) - s;
    let by_logit = select(elsewhere, at_peak, (x == peak) & (sum < 2.0));
    let factor = (1.0 - c.label_smoothing) * item.weight;
    let by_target = silenced(factor, below + log_sum);
    return vec4(by_logit * cap_slope(item.first, c), 0.0, 0.0, by_target);
}
