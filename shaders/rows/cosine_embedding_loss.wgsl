// Cosine embedding: with the cosine c of two vectors, 1 - c where the label is 1 and
// max(0, c - margin) where it is -1. Unless squares are in range as they are, each vector is divided
// by its largest component before, so that no square overflows or vanishes. A zero vector has cosine 0 and gradient 0.

const HAS_PEAKS = true;
const HAS_SUMS = true;
alias Peaks = vec2<f32>;
// x: the scaled dot product; y and z: the scaled squared norms.
alias Sums = vec3<f32>;

struct Parameters {
    margin: f32,
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return abs(vec2(item.first, item.second));
}

// What the vectors are divided by.
fn units(peak: Peaks) -> vec2<f32> {
    return select(peak, vec2(1.0), peak == vec2<f32>());
}

fn in_peaks(item: Item, peak: Peaks) -> vec2<f32> {
    return vec2(item.first, item.second) / units(peak);
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let v = in_peaks(item, peak);
    return vec3(v.x * v.y, v * v);
}

// Single components are exact with their peaks only.
fn in_range(row: Row, total: Sums, c: Parameters) -> bool {
    return (row.classes > 1.0) & is_moderate(total.y) & is_moderate(total.z);
}

fn cosine(total: Sums) -> f32 {
    return select(total.x / sqrt(total.y * total.z), 0.0, total.y * total.z == 0.0);
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    let near = cosine(total);
    let odd = select(0.0, row.label + near, is_nan(row.label + near));
    let apart = select(odd, maximum(near - c.margin, 0.0), row.label == -1.0);
    return select(apart, 1.0 - near, row.label == 1.0);
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let near = cosine(total);
    let apart = select(0.0, 1.0, (row.label == -1.0) & (near > c.margin));
    let slope = select(apart, -1.0, row.label == 1.0);
    // The same for all of a vector, so that the components share it.
    let is_zero = total.y * total.z == 0.0;
    let across = select(slope / sqrt(total.y * total.z), 0.0, is_zero);
    let along = select(slope * near / total.yz, vec2<f32>(), is_zero);
    let v = in_peaks(item, peak);
    return vec4((across * v.yx - along * v) / units(peak), 0.0, 0.0);
}
