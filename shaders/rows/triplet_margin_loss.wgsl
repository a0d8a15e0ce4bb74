// Triplet margin: max(0, margin + d(a, p) - d(a, n)) with the p-norm distance d of a - b + eps; with
// `swap` the nearer of d(a, n) and d(p, n) counts. Unless sums are in range as they are, differences
// are divided by the largest one of their pair before they are raised to the power, so that no power
// overflows or vanishes.

const HAS_PEAKS = true;
const HAS_SUMS = true;
// Of the pairs (a, p), (a, n) and (p, n).
alias Peaks = vec3<f32>;
alias Sums = vec3<f32>;

struct Parameters {
    margin: f32,
    exponent: f32,
    eps: f32,
    swap: u32,
    infinite: u32,
}

fn differences(item: Item, c: Parameters) -> vec3<f32> {
    let a = vec3(item.first, item.first, item.second);
    return a - vec3(item.second, item.third, item.third) + c.eps;
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return abs(differences(item, c));
}

// The differences in units of the peaks.
fn ratios(item: Item, peak: Peaks, c: Parameters) -> vec3<f32> {
    let d = differences(item, c);
    return select(d / peak, d, peak == vec3<f32>());
}

fn raised(r: f32, exponent: f32) -> f32 {
    return select(select(power(r, exponent), r * r, exponent == 2.0), r, exponent == 1.0);
}

// 1 where the condition holds, else 0, and NaN for NaN.
fn counted_if(r: f32, holds: bool) -> f32 {
    return select(select(0.0, 1.0, holds), r, is_nan(r));
}

// An infinite power counts the components at the peak, power 0 those that are not 0.
fn term(r: f32, c: Parameters) -> f32 {
    let is_infinite = c.infinite != 0u;
    let count = counted_if(r, select(r != 0.0, r == 1.0, is_infinite));
    return select(raised(r, c.exponent), count, is_infinite | (c.exponent == 0.0));
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let r = abs(ratios(item, peak, c));
    return vec3(term(r.x, c), term(r.y, c), term(r.z, c));
}

// That of a single component is exact with its peak only.
fn in_range(row: Row, total: Sums, c: Parameters) -> bool {
    let known = (c.infinite == 0u) & ((c.exponent == 1.0) | (c.exponent == 2.0));
    return known & (row.classes > 1.0) & is_moderate(total.x) & is_moderate(total.y)
        & ((c.swap == 0u) | is_moderate(total.z));
}

// The norm in units of the peak.
fn root(total: f32, c: Parameters) -> f32 {
    return select(power(total, 1.0 / c.exponent), sqrt(total), c.exponent == 2.0);
}

// Whether a distance is the number of components that are not 0.
fn counts(c: Parameters) -> bool {
    return (c.exponent == 0.0) & (c.infinite == 0u);
}

// The norms in units of the peaks, where they are not needed to be numbers of components.
fn finished(total: Sums, c: Parameters) -> Sums {
    let roots = vec3(root(total.x, c), root(total.y, c), root(total.z, c));
    return select(roots, total, (c.exponent == 0.0) | (c.infinite != 0u));
}

fn distances(peak: Peaks, total: Sums, c: Parameters) -> vec3<f32> {
    let ones = vec3(counted_if(total.x, true), counted_if(total.y, true), counted_if(total.z, true));
    return select(peak * select(total, ones, c.infinite != 0u), total, counts(c));
}

// How much of the negative distance is that of (p, n): torch shares a tie.
fn swapped(d: vec3<f32>, c: Parameters) -> f32 {
    let nearer = select(select(0.0, 0.5, d.z == d.y), 1.0, d.z < d.y);
    return select(0.0, nearer, c.swap != 0u);
}

fn excess(d: vec3<f32>, c: Parameters) -> f32 {
    let negative = select(d.y, minimum(d.y, d.z), c.swap != 0u);
    return c.margin + (d.x - negative);
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    return maximum(excess(distances(peak, total, c), c), 0.0);
}

// The derivative of a distance by its difference: sign (|difference| / distance)^(p - 1), from the ratio r and the
// norm in units of the peak.
fn slope(r: f32, peak: f32, total: f32, c: Parameters) -> f32 {
    let at_peak = select(0.0, 1.0 / total, abs(r) == 1.0);
    let size = select(raised(abs(r) / total, c.exponent - 1.0), at_peak, c.infinite != 0u);
    let by_ratio = select(sign_of(r) * size, r / total, c.exponent == 2.0);
    return select(by_ratio, 0.0, (peak == 0.0) | counts(c));
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let r = ratios(item, peak, c);
    let by = vec3(
        slope(r.x, peak.x, total.x, c),
        slope(r.y, peak.y, total.y, c),
        slope(r.z, peak.z, total.z, c));
    let all = distances(peak, total, c);
    let s = swapped(all, c);
    let an = (1.0 - s) * by.y;
    let pn = s * by.z;
    let slopes = vec4(by.x - an, -by.x - pn, an + pn, 0.0);
    return select(vec4<f32>(), slopes, excess(all, c) > 0.0);
}
