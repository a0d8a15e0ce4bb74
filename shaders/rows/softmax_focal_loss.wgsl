// Focal loss of a softmax over the classes c of a row: sum of w_c q_c f(p_c), f(p) = -(1 - p)^gamma log p,
// with a target q (1 at a class index). The power is multiplied in as the root twice: where it is below the
// smallest number, its product with a large logarithm need not be.

const HAS_PEAKS = true;
const HAS_SUMS = true;
const TWICE = !INDEX;
alias Peaks = f32;
// 0: the exponentials and, of probabilities, the value. 1: of probabilities the sum of w q k at the peak and
// elsewhere, where -k is the derivative of f by log p.
alias Sums = mat2x3<f32>;

struct Parameters {
    gamma: f32,
}

fn class_at(x: f32, peak: Peaks, total: Sums) -> Probability {
    return softmax_of(peak - x, x == peak, total[0].xy);
}

fn cost(class_: Probability, c: Parameters) -> f32 {
    let root = power(class_.miss, 0.5 * c.gamma);
    return silenced(root, silenced(root, class_.cost));
}

// (1 - p)^gamma - gamma p (1 - p)^(gamma - 1) log p. Stable: of p = 1 the quotient of -log p and 1 - p has the
// limit 1, and nothing is raised to a power below 0.
fn steepness(class_: Probability, c: Parameters) -> f32 {
    let quotient = select(silenced(class_.p, class_.cost) / class_.miss, 1.0, class_.miss == 0.0);
    return power(class_.miss, c.gamma) * (1.0 + c.gamma * quotient);
}

fn peaks(item: Item, c: Parameters) -> Peaks {
    return item.first;
}

fn sums(item: Item, row: Row, peak: Peaks, c: Parameters) -> Sums {
    return Sums(vec3(exponentials(peak - item.first, item.first == peak), 0.0), vec3<f32>());
}

fn second_sums(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> Sums {
    let own = class_at(item.first, peak, total);
    let share = item.weight * item.target_;
    let steep = share * steepness(own, c);
    let value = vec3(0.0, 0.0, silenced(share, cost(own, c)));
    return Sums(value, select(vec3(0.0, steep, 0.0), vec3(steep, 0.0, 0.0), item.first == peak));
}

fn moved(total: Sums, lower: Peaks, higher: Peaks) -> Sums {
    return Sums(vec3(moved_exponentials(total[0].xy, higher - lower), 0.0), vec3<f32>());
}

fn value(row: Row, peak: Peaks, total: Sums, c: Parameters) -> f32 {
    if (INDEX) {
        return silenced(row.weight, cost(class_at(row.picked, peak, total), c));
    }
    return total[0].z;
}

// By x: K p - w q k, K the sum of w q k. Of a p above 1/2, which is the peak's, that is the sum of the others less
// K (1 - p).
fn gradient(item: Item, row: Row, peak: Peaks, total: Sums, c: Parameters) -> vec4<f32> {
    let own = class_at(item.first, peak, total);
    if (INDEX) {
        let steep = row.weight * steepness(class_at(row.picked, peak, total), c);
        return vec4(steep * select(own.p, -own.miss, item.target_ == 1.0), 0.0, 0.0, 0.0);
    }
    let all = total[1].x + total[1].y;
    let elsewhere = all * own.p - item.weight * item.target_ * steepness(own, c);
    let by_logit = select(elsewhere, total[1].y - all * own.miss, own.p > 0.5);
    return vec4(by_logit, 0.0, 0.0, silenced(item.weight, cost(own, c)));
}
