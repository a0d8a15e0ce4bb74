// Total variation of two softmax distributions p (student) and q (teacher): half the sum of |p - q|. The
// derivatives need the sums of p and q where p is larger, where it is smaller, and where both are equal, kept
// apart: of these only the small ones are subtracted from 1.

const HAS_PEAKS = true;
const HAS_SUMS = true;
const TWICE = true;
alias Peaks = vec2<f32>;
// 0: the exponentials of both. 1: the sum of p where it is larger, smaller and equal, and the value. 2: the sum of
// q where p is larger and smaller.
alias Sums = mat3x4<f32>;

struct Parameters {
    temperature: f32,
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return vec2(item.first, item.second);
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let e = pair_of_exponentials(item, peak, c.temperature);
    return Sums(e, vec4<f32>(), vec4<f32>());
}

fn second_sums(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> Sums {
    let own = pair_at(item, peak, total[0], c.temperature);
    let d = own.difference;
    let p = select(vec3<f32>(), vec3(own.p.p), vec3(d > 0.0, d < 0.0, d == 0.0));
    let q = select(vec2<f32>(), vec2(own.q.p), vec2(d > 0.0, d < 0.0));
    return Sums(vec4<f32>(), vec4(p, 0.5 * abs(d)), vec4(q, 0.0, 0.0));
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = (higher - lower) / options().temperature;
    return Sums(moved_pair(total[0], way), vec4<f32>(), vec4<f32>());
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    return total[1].w;
}

// s - sum of p s with s = sign(p - q), from the sums of p where s is 1, -1 and 0.
fn excess(d: f32, at: vec3<f32>) -> f32 {
    let larger = select(at.y - at.x, 2.0 * at.y + at.z, d > 0.0);
    return select(larger, -(2.0 * at.x + at.z), d < 0.0);
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let own = pair_at(item, peak, total[0], c.temperature);
    let by_first = own.p.p * excess(own.difference, total[1].xyz);
    let by_second = -own.q.p * excess(own.difference, vec3(total[2].xy, total[1].z));
    // Comparisons with NaN are false: it comes from the value.
    let all = total[1].w;
    let scale = select(0.5 / c.temperature, all, is_nan(all));
    return vec4(vec2(by_first, by_second) * scale, 0.0, 0.0);
}
