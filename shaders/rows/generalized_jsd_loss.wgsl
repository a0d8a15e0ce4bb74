// Divergence of two softmax distributions p (student) and q (teacher) with m = beta q + (1 - beta) p: the sum of
// p a + q b, a = (1 - beta) log(p / m) and b = beta log(q / m). With beta 0 it is the sum of q log(q / p), with
// beta 1 that of p log(p / q), which are no limits of the others.

const HAS_PEAKS = true;
const HAS_SUMS = true;
const TWICE = true;
alias Peaks = vec2<f32>;
// 0: the exponentials of both. 1: the sum of p a where p has its peak and elsewhere, and the same of q b.
alias Sums = mat2x4<f32>;

struct Parameters {
    beta: f32,
    temperature: f32,
}

// log(p / m) and log(q / m) from d = log q - log p. The larger one of p and q has the weight w in m: its
// logarithm is -log(w + (1 - w) e^-|d|), that of the other -log(1 - w + w e^|d|), each by log1p of a quotient
// without cancellation, whatever w is. The smaller one of them in size is computed so, and the other one by their
// difference d, of which it is at least half: they are alike where w / (1 - w) is e^-|d/2|. Beyond e^-80 the lesser
// one of p and q is nothing beside the larger.
fn shares_of_mixture(d: f32, beta: f32) -> vec2<f32> {
    let distance = abs(d);
    let far = min(distance, 80.0);
    let e = exponential_of_negative_and_rest(-far);
    let w = select(1.0 - beta, beta, d > 0.0);
    let rest = select(beta, 1.0 - beta, d > 0.0);
    let by_lesser = (w * w < rest * rest * e.x) & (distance < 80.0);
    let share = select(rest, w, by_lesser);
    let whole = select(w + rest * e.x, e.x, by_lesser);
    let least = logarithm_one_plus_of_number(share * e.y / whole);
    let most = distance - least;
    let larger = select(least, most, by_lesser);
    let lesser = -select(most, least, by_lesser);
    return select(vec2(larger, lesser), vec2(lesser, larger), d > 0.0);
}

// a and b.
fn logarithms(d: f32, c: Parameters) -> vec2<f32> {
    let between = vec2(1.0 - c.beta, c.beta) * shares_of_mixture(d, c.beta);
    let is_forward = c.beta == 0.0;
    let ends = select(vec2(-d, 0.0), vec2(0.0, d), is_forward);
    let both = select(between, ends, is_forward | (c.beta == 1.0));
    return select(both, vec2(d), is_nan(d));
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return vec2(item.first, item.second);
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    return Sums(pair_of_exponentials(item, peak, c.temperature), vec4<f32>());
}

fn second_sums(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> Sums {
    let own = pair_at(item, peak, total[0], c.temperature);
    let logs = logarithms(own.log_ratio, c);
    let a = silenced(own.p.p, logs.x);
    let b = silenced(own.q.p, logs.y);
    let at = are_at_peaks(item, peak);
    let first = select(vec2(0.0, a), vec2(a, 0.0), at.x);
    let second = select(vec2(0.0, b), vec2(b, 0.0), at.y);
    return Sums(vec4<f32>(), vec4(first, second));
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = (higher - lower) / options().temperature;
    return Sums(moved_pair(total[0], way), vec4<f32>());
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    return (total[1].x + total[1].y) + (total[1].z + total[1].w);
}

// p (a - sum of p a), where at is the sum at the peaks and elsewhere. Of a p above 1/2, which is the peak's, that
// is p (a (1 - p) - the sum of the others).
fn slope(own: Probability, a: f32, at: vec2<f32>) -> f32 {
    return silenced(own.p, select(a - (at.x + at.y), a * own.miss - at.y, own.p > 0.5));
}

fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let own = pair_at(item, peak, total[0], c.temperature);
    let logs = logarithms(own.log_ratio, c);
    let by_first = slope(own.p, logs.x, total[1].xy);
    let by_second = slope(own.q, logs.y, total[1].zw);
    let slopes = vec2(
        select(by_first, own.difference, c.beta == 0.0),
        select(by_second, -own.difference, c.beta == 1.0));
    return vec4(slopes / c.temperature, 0.0, 0.0);
}
