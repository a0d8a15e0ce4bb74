// Entropy of a softmax with a temperature: with b_c = (m - x_c) / T, how far class c is below the peak m, it is
// log sum exp(-b) + sum of p_c b_c. Stable: both are 0 or more, and a large common offset is taken off first.

const HAS_PEAKS = true;
const HAS_SUMS = true;
alias Peaks = f32;
// The exponentials, and their sum times b.
alias Sums = vec3<f32>;

struct Parameters {
    temperature: f32,
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return item.first;
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let below = (peak - item.first) / c.temperature;
    let e = exponentials(below, item.first == peak);
    return vec3(e, silenced(e.x, below));
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = (higher - lower) / options().temperature;
    let e = moved_exponentials(total.xy, way);
    let farther = total.z * exponential(-way) + silenced(e.x, way);
    return vec3(e, select(total.z, farther, way > 0.0));
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    return log_of_exponentials(total.xy) + total.z / (total.x + total.y);
}

// By x: p (b - sum of p b) / T: the logarithms of p have what is taken off in common.
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let below = (peak - item.first) / c.temperature;
    let sum = total.x + total.y;
    let by_input = silenced(exponential(-below) / sum, below - total.z / sum) / c.temperature;
    return vec4(by_input, 0.0, 0.0, 0.0);
}
