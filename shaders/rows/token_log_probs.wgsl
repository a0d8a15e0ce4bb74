// The log-probability of a class, by a softmax with a temperature, relative to the row's peak.

const HAS_PEAKS = true;
const HAS_SUMS = true;
alias Peaks = f32;
// The exponentials.
alias Sums = vec2<f32>;

struct Parameters {
    temperature: f32,
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return item.first;
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    return exponentials((peak - item.first) / c.temperature, item.first == peak);
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    return moved_exponentials(total, (higher - lower) / options().temperature);
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    return -((peak - row.picked) / c.temperature + log_of_exponentials(total));
}

// By x: 1 - p of the class itself, else -p.
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let own = softmax_of((peak - item.first) / c.temperature, item.first == peak, total);
    return vec4(select(-own.p, own.miss, item.target_ == 1.0) / c.temperature, 0.0, 0.0, 0.0);
}
