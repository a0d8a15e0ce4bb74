// Multi-class margin: w_y / C times the sum over the classes i other than the target y of
// max(0, margin + (x_i - x_y))^p: large scores keep the digits of their difference.

const HAS_PEAKS = false;
const HAS_SUMS = true;
alias Peaks = f32;
// x: sum of the terms; y: sum of their derivatives.
alias Sums = vec2<f32>;

struct Parameters {
    margin: f32,
    squared: u32,
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return LOWEST;
}

// By the difference's size: drivers that add up what a row shares first would lose its digits in margin - x_y.
fn excess(item: Item, row: Row, c: Parameters) -> f32 {
    let difference = item.first - row.picked;
    let size = abs(difference);
    return maximum(select(c.margin - size, c.margin + size, difference > 0.0), 0.0);
}

fn slope(z: f32, c: Parameters) -> f32 {
    return select(select(0.0, 1.0, z > 0.0), 2.0 * z, c.squared != 0u);
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let z = excess(item, row, c);
    let sums = vec2(select(z, z * z, c.squared != 0u), slope(z, c));
    return select(sums, vec2<f32>(), item.target_ == 1.0);
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    let own = select(0.0, row.picked, is_nan(row.picked)); // without other classes NaN would be lost
    return row.weight * total.x / row.classes + own;
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let by_input = select(slope(excess(item, row, c), c), -total.y, item.target_ == 1.0);
    return vec4(row.weight * by_input / row.classes, 0.0, 0.0, 0.0);
}
