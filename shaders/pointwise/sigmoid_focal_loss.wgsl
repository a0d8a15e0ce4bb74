// Focal loss of a logit x: a (1 - p_t)^gamma times its cross entropy, where p_t is the probability
// of the target t and a = alpha t + (1 - alpha) (1 - t), or 1 for a negative alpha. 1 - p_t is
// t sigmoid(-x) + (1 - t) sigmoid(x), which keeps its digits where p_t is near 1. Its power is
// multiplied in as the root twice: where it is below the smallest number, its product with a large
// cross entropy need not be.

struct Parameters {
    alpha: f32,
    gamma: f32,
}

fn balance(t: f32, c: Parameters) -> f32 {
    return select(c.alpha * t + (1.0 - c.alpha) * (1.0 - t), 1.0, c.alpha < 0.0);
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    let miss = t * sigmoid(-x) + (1.0 - t) * sigmoid(x);
    let root = power(miss, 0.5 * c.gamma);
    return balance(t, c) * silenced(root, silenced(root, softplus_sum(x, t, 1.0 - t)));
}

// The factor that gamma brings has the limit 0 where 1 - p_t is 0, though gamma - 1 may be negative.
fn gradient(x: f32, t: f32, c: Parameters) -> f32 {
    let yes = sigmoid(x);
    let no = sigmoid(-x);
    let miss = t * no + (1.0 - t) * yes;
    let plain = power(miss, c.gamma) * sigmoid_difference(x, t, 1.0);
    let by_miss = silenced(c.gamma, power(miss, c.gamma - 1.0));
    let by_power = by_miss * (1.0 - 2.0 * t) * yes * no;
    let entropy = softplus_sum(x, t, 1.0 - t);
    let focus = select(silenced(by_power, entropy), 0.0, miss == 0.0);
    return balance(t, c) * (plain + focus);
}
