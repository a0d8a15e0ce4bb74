// Cross entropy and epsilon times the probability that is missing: over the classes c of a row the sum of
// s_c (-log p_c + epsilon (1 - p_c)), with the share s_c = w_c ((1 - smoothing) q_c + smoothing / C) of a target
// q (1 at a class index). What is missing from the peak is not added up with the rest, which is not small.

const HAS_PEAKS = true;
const HAS_SUMS = true;
alias Peaks = f32;
// 0: the exponentials, and the sum of s_c (m - x_c), m the peak. 1: the sum of s_c at the peak, elsewhere, and
// there times the exponentials.
alias Sums = mat2x3<f32>;

struct Parameters {
    epsilon: f32,
    label_smoothing: f32,
}

fn share(item: Item, row: Row, c: Parameters) -> f32 {
    let target_ = (1.0 - c.label_smoothing) * item.target_ + c.label_smoothing / row.classes;
    return item.weight * target_;
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return item.first;
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    let below = peak - item.first;
    let at_peak = item.first == peak;
    let e = exponentials(below, at_peak);
    let s = share(item, row, c);
    let shares = select(vec3(0.0, s, s * e.x), vec3(s, 0.0, 0.0), at_peak);
    return Sums(vec3(e, silenced(s, below)), shares);
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = higher - lower;
    let s = total[1].x + total[1].y;
    let e = moved_exponentials(total[0].xy, way);
    let shares = vec3(0.0, s, (total[1].x + total[1].z) * exponential(-way));
    return Sums(
        vec3(e, total[0].z + silenced(s, max(way, 0.0))),
        select(total[1], shares, way > 0.0));
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    let sum = total[0].x + total[0].y;
    let missing = (total[0].x + (total[0].y - 1.0)) / sum;
    let misses = total[1].x * missing + (total[1].y - total[1].z / sum);
    let s = total[1].x + total[1].y;
    return (total[0].z + silenced(s, log_of_exponentials(total[0].xy))) + c.epsilon * misses;
}

// By x: S p - v (1 + epsilon p), v the share and S the sum of v (1 + epsilon p). Of a p above 1/2, which is the
// peak's, that is the sum of the others less S (1 - p).
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let own = softmax_of(peak - item.first, item.first == peak, total[0].xy);
    let sum = total[0].x + total[0].y;
    let others = total[1].y + c.epsilon * (total[1].z / sum);
    let all = others + total[1].x * (1.0 + c.epsilon / sum);
    let elsewhere = all * own.p - share(item, row, c) * (1.0 + c.epsilon * own.p);
    let by_logit = select(elsewhere, others - all * own.miss, own.p > 0.5);
    let factor = (1.0 - c.label_smoothing) * item.weight;
    return vec4(by_logit, 0.0, 0.0, silenced(factor, own.cost + c.epsilon * own.miss));
}
