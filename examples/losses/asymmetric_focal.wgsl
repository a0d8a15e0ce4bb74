// Asymmetric loss of a logit: with q = sigmoid(x), (1 - q)^gamma_pos (-log q) where the label is 1
// and q_m^gamma_neg (-log(1 - q_m)), q_m = max(q - clip, 0), where it is 0: easy negatives count
// little, and those below the clip not at all.
//
// x: any number, but below 87 where clip is 0. t: 1 or 0. gamma_pos, gamma_neg: 0 or from 1 on,
// usually 0 and 4. clip in [0, 1): usually 0.05.
// 1 - q_m is sigmoid(-x) + clip, which keeps its digits where q is near 1.
//
// Ridnik, Ben-Baruch, Zamir, Noy, Friedman, Protter, Zelnik-Manor: Asymmetric loss for multi-label
// classification, ICCV 2021.
//
// Plot: t=0 gamma_pos=0 gamma_neg=4 clip=0.05 from=-6 to=6

struct Parameters {
    gamma_pos: f32,
    gamma_neg: f32,
    clip: f32,
}

fn positive(x: f32, c: Parameters) -> f32 {
    return -pow(sigmoid(-x), c.gamma_pos) * log_sigmoid(x);
}

fn negative(x: f32, c: Parameters) -> f32 {
    let hit = max(sigmoid(x) - c.clip, 0.0);
    let miss = min(sigmoid(-x) + c.clip, 1.0);
    return -pow(hit, c.gamma_neg) * log(miss);
}

fn value(x: f32, t: f32, c: Parameters) -> f32 {
    if (t > 0.5) {
        return positive(x, c);
    } else {
        return negative(x, c);
    }
}
