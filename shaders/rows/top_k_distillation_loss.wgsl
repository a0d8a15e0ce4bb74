// Divergence of a student's softmax q from what is known of a teacher p: the probabilities of the classes of a list
// (target_ is 1, second their logarithm) and that of all others together, the rest. With d = log(q / p) a class's
// term is p (e^d - 1 - d), which is never negative, and small without cancellation where p and q are alike; all
// terms add up to the sum of p log(p / q), as p and q add up to 1. Listed classes and others have a peak each, so
// that the logarithm of the student's rest is a sum over its own classes, however small it is.

const HAS_PEAKS = true;
const HAS_SUMS = true;
const TWICE = true;
// Of the listed classes, of the others and of the teacher.
alias Peaks = vec3<f32>;
// 0: the exponentials of the listed classes and of the others. 1: the teacher's probabilities without those at its
// peak, how many are there, the sum of the listed terms, and how many classes are not listed.
alias Sums = mat2x4<f32>;

struct Parameters {
    temperature: f32,
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    let of_listed = vec3(item.first, LOWEST, item.second);
    return select(vec3(LOWEST, item.first, LOWEST), of_listed, item.target_ == 1.0);
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let is_listed = item.target_ == 1.0;
    let own = select(peak.y, peak.x, is_listed);
    let e = exponentials((own - item.first) / c.temperature, item.first == own);
    let p = select(vec2(exponential(item.second), 0.0), vec2(0.0, 1.0), item.second == peak.z);
    let students = select(vec4(0.0, 0.0, e), vec4(e, 0.0, 0.0), is_listed);
    let others = select(vec4(0.0, 0.0, 0.0, 1.0), vec4(p, 0.0, 0.0), is_listed);
    return Sums(students, others);
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = (higher.xy - lower.xy) / options().temperature;
    let listed = moved_exponentials(total[0].xy, way.x);
    let others = moved_exponentials(total[0].zw, way.y);
    let below = vec2(total[1].x + silenced(total[1].y, exponential(lower.z)), 0.0);
    let p = select(total[1].xy, below, higher.z > lower.z);
    return Sums(vec4(listed, others), vec4(p, total[1].zw));
}

struct Parts {
    p: f32,          // the teacher's rest
    log_p: f32,
    known: f32,      // the sum of the listed ones
    more: f32,       // what the teacher's parts add up to beyond 1
    log_q: f32,      // of the student's rest
    log_listed: f32, // of the rest of the student
    log_sum: f32,    // of the listed exponentials
}

fn parts_of(peak: Peaks, total: Sums, c: Parameters) -> Parts {
    let listed = total[0].x + total[0].y;
    let others = total[0].z + total[0].w;
    let log_sum = log_of_exponentials(total[0].xy);
    let between = (peak.x - peak.y) / c.temperature + (log_sum - log_of_exponentials(total[0].zw));
    // The logarithm of the listed classes' odds, NaN where there is no class at all or one is NaN.
    let far = select(between, infinity(), others == 0.0);
    let all = listed + others;
    let odds = select(
        select(far, -infinity(), listed == 0.0), not_a_number(), is_nan(all) | (all == 0.0));
    let at_peak = exponential(peak.z);
    let missing = -exponential_minus_one(peak.z) - (total[1].x + (total[1].y - 1.0) * at_peak);
    let known = total[1].x + total[1].y * at_peak;
    let has_rest = total[1].w > 0.0;
    let p = select(0.0, maximum(missing, 0.0), has_rest);
    let log_p = select(logarithm(p), logarithm_one_plus(-known), known < 0.5);
    return Parts(
        p,
        select(log_p, -infinity(), p == 0.0),
        known,
        maximum(-missing, 0.0),
        -softplus(odds),
        -softplus(-odds),
        select(log_sum, 0.0, listed == 0.0),
    );
}

fn listed_log_q(item: Item, peak: Peaks, parts: Parts, c: Parameters) -> f32 {
    return parts.log_listed - ((peak.x - item.first) / c.temperature + parts.log_sum);
}

// log(q / p); classes that neither has do not differ.
fn log_ratio(log_p: f32, log_q: f32) -> f32 {
    return select(log_q - log_p, 0.0, log_q == log_p);
}

// (e^d - 1 - d) / d^2 for |d| <= 1: its series.
fn remainder_of_exponential(d: f32) -> f32 {
    let high = ((2.755732e-7 * d + 2.7557319e-6) * d + 2.4801588e-5) * d + 1.984127e-4;
    let middle = (high * d + 1.3888889e-3) * d + 8.333334e-3;
    return ((middle * d + 4.1666668e-2) * d + 0.16666667) * d + 0.5;
}

fn term(p: f32, q: f32, d: f32) -> f32 {
    let far = (q - p) - silenced(p, d);
    return select(far, p * (d * d * remainder_of_exponential(d)), abs(d) < 1.0);
}

// q - p.
fn difference(p: f32, q: f32, d: f32) -> f32 {
    return select(q - p, p * exponential_minus_one(d), abs(d) < 1.0);
}

fn second_sums(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> Sums {
    let log_q = listed_log_q(item, peak, parts_of(peak, total, c), c);
    let d = log_ratio(item.second, log_q);
    let own = term(exponential(item.second), exponential(log_q), d);
    return Sums(vec4<f32>(), vec4(0.0, 0.0, select(0.0, own, item.target_ == 1.0), 0.0));
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    let parts = parts_of(peak, total, c);
    let of_rest = term(parts.p, exponential(parts.log_q), log_ratio(parts.log_p, parts.log_q));
    return (total[1].z + of_rest) + parts.more;
}

// By x of a listed class q - p, by that of another one its part of the student's rest times q - p of the rest; where
// the teacher's parts do not add up to 1, q counts as often as they come to.
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let parts = parts_of(peak, total, c);
    let is_listed = item.target_ == 1.0;
    let log_q = select(parts.log_q, listed_log_q(item, peak, parts, c), is_listed);
    let log_p = select(parts.log_p, item.second, is_listed);
    let p = select(parts.p, exponential(item.second), is_listed);
    let q = exponential(log_q);
    let beside_rest = difference(p, q, log_ratio(log_p, log_q)) + q * parts.more;
    let by_part = select(q * parts.known - p, beside_rest, total[1].w > 0.0);
    let e = exponential(-(peak.y - item.first) / c.temperature);
    let part = select(e / (total[0].z + total[0].w), 0.0, e == 0.0);
    let by_input = select(part, 1.0, is_listed) * by_part / c.temperature;
    return vec4(by_input, 0.0, 0.0, 0.0);
}
