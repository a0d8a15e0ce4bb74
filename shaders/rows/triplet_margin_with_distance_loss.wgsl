// Triplet margin with a choice of distance: max(0, margin + d(a, p) - d(a, n)), where d is the
// Euclidean distance |a - b + eps|, its square |a - b|^2, or 1 - cos(a, b); with `swap` the nearer of
// d(a, n) and d(p, n) counts. What is squared is first divided by its largest component, unless the
// squares are in range.

const HAS_PEAKS = true;
const HAS_SUMS = true;
// Of the differences a - p, a - n and p - n; for the cosine of a, p and n.
alias Peaks = vec3<f32>;
// The scaled squared norms of the same; for the cosine also the scaled dot products of the pairs.
alias Sums = mat2x3<f32>;

const EUCLIDEAN: u32 = 0u;
const COSINE: u32 = 1u;

struct Parameters {
    margin: f32,
    eps: f32,
    swap: u32,
    distance: u32,
}

fn measured(item: Item, c: Parameters) -> vec3<f32> {
    let vectors = vec3(item.first, item.second, item.third);
    let differences = vectors.xxy - vectors.yzz + select(0.0, c.eps, c.distance == EUCLIDEAN);
    return select(differences, vectors, c.distance == COSINE);
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return abs(measured(item, c));
}

fn in_peaks(item: Item, peak: Peaks, c: Parameters) -> vec3<f32> {
    let v = measured(item, c);
    return select(v / peak, v, peak == vec3<f32>());
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let v = in_peaks(item, peak, c);
    return Sums(v * v, v.xxy * v.yzz);
}

// Single components are exact with their peaks only.
fn in_range(row: Row, total: Sums, c: Parameters) -> bool {
    let third = ((c.swap == 0u) & (c.distance != COSINE)) | is_moderate(total[0].z);
    return (row.classes > 1.0) & is_moderate(total[0].x) & is_moderate(total[0].y) & third;
}

// The cosines of the pairs; a zero vector has cosine 0.
fn cosines(total: Sums) -> vec3<f32> {
    let norms = total[0].xxy * total[0].yzz;
    return select(total[1] / sqrt(norms), vec3<f32>(), norms == vec3<f32>());
}

fn distances(peak: Peaks, total: Sums, c: Parameters) -> vec3<f32> {
    let norms = peak * sqrt(total[0]);
    let lengths = select(peak * (peak * total[0]), norms, c.distance == EUCLIDEAN);
    return select(lengths, 1.0 - cosines(total), c.distance == COSINE);
}

// How much of the negative distance is that of (p, n): a tie is shared.
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

// The derivatives of the pairs' distances by their first vector; by the second one they are the
// opposite, but for the cosine.
fn by_first(item: Item, peak: Peaks, total: Sums, c: Parameters) -> vec3<f32> {
    let v = in_peaks(item, peak, c);
    let euclidean = select(v / sqrt(total[0]), vec3<f32>(), peak == vec3<f32>());
    let lengths = select(2.0 * measured(item, c), euclidean, c.distance == EUCLIDEAN);
    let cosine = cosine_slopes(v.xxy, v.yzz, total[0].xxy, total, peak.xxy);
    return select(lengths, cosine, c.distance == COSINE);
}

fn by_second(item: Item, peak: Peaks, total: Sums, first: vec3<f32>, c: Parameters) -> vec3<f32> {
    let v = in_peaks(item, peak, c);
    let cosine = cosine_slopes(v.yzz, v.xxy, total[0].yzz, total, peak.yzz);
    return select(-first, cosine, c.distance == COSINE);
}

fn cosine_slopes(
    own: vec3<f32>, other: vec3<f32>, norm: vec3<f32>, total: Sums, peak: vec3<f32>
) -> vec3<f32> {
    let norms = total[0].xxy * total[0].yzz;
    let slopes = (cosines(total) * own / norm - other / sqrt(norms)) / peak;
    return select(slopes, vec3<f32>(), norms == vec3<f32>());
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let d = distances(peak, total, c);
    let s = swapped(d, c);
    let first = by_first(item, peak, total, c);
    let second = by_second(item, peak, total, first, c);
    let slopes = vec4(
        first.x - (1.0 - s) * first.y,
        second.x - s * first.z,
        -(1.0 - s) * second.y - s * second.z,
        0.0);
    return select(vec4<f32>(), slopes, excess(d, c) > 0.0);
}
