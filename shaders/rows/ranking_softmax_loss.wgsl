// Softmax over a list: the sum of w_i y_i (lse - x_i), lse = log sum exp x, over the items i that are there, of
// scores x, relevances y and weights w. An item that is not there has the score -inf and the relevance 0.

const HAS_PEAKS = true;
const HAS_SUMS = true;
alias Peaks = f32;
// 0: the exponentials, and the sum of w y (m - x), m the peak. 1: the sum of w y at the peak and elsewhere.
alias Sums = mat2x3<f32>;

fn peaks(item: Item) -> Peaks {
    return item.first;
}

fn sums(item: Item, row: Row, peak: Peaks) -> Sums {
    let below = peak - item.first;
    let at_peak = item.first == peak;
    let y = item.weight * item.second;
    let relevances = select(vec3(0.0, y, 0.0), vec3(y, 0.0, 0.0), at_peak);
    return Sums(vec3(exponentials(below, at_peak), silenced(y, below)), relevances);
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    let way = higher - lower;
    let y = total[1].x + total[1].y;
    let e = moved_exponentials(total[0].xy, way);
    return Sums(
        vec3(e, total[0].z + silenced(y, max(way, 0.0))),
        select(total[1], vec3(0.0, y, 0.0), way > 0.0));
}

fn value(row: Row, peak: Peaks, total: Sums) -> f32 {
    let y = total[1].x + total[1].y;
    return total[0].z + silenced(y, log_of_exponentials(total[0].xy));
}

// By x: Y p - w y, Y the sum of w y. Of a p above 1/2, which is the peak's, that is the sum of the others less
// Y (1 - p).
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums) -> vec4<f32> {
    let own = softmax_of(peak - item.first, item.first == peak, total[0].xy);
    let all = total[1].x + total[1].y;
    let elsewhere = all * own.p - item.weight * item.second;
    let by_input = select(elsewhere, total[1].y - all * own.miss, own.p > 0.5);
    return vec4(by_input, silenced(item.weight, own.cost), 0.0, 0.0);
}
