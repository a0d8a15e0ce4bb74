// Ordinal regression with a cumulative logit link: the classes 0 to 4 are what is between thresholds on a
// line, and class t has the probability sigmoid(above - x) - sigmoid(below - x), with the thresholds
// above and below it.
//
// x: any number. t: classes from 0 to 4, integers of any type. thresholds: four numbers, each larger than
// the one before it.
// The difference is sigmoid(above - x) sigmoid(x - below) (1 - exp(below - above)), which does not cancel.
//
// McCullagh: Regression models for ordinal data, 1980.
//
// Plot: t=2 thresholds=-1.5,-0.5,0.5,1.5

const LAST: i32 = 4;

struct Parameters {
    thresholds: array<f32, 4>,
}

fn value(x: f32, t: i32, c: Parameters) -> f32 {
    if (t <= 0) {
        return softplus(x - c.thresholds[0]);
    }
    let below = c.thresholds[t - 1];
    if (t >= LAST) {
        return softplus(below - x);
    }
    let above = c.thresholds[t];
    let between = softplus(x - above) + softplus(below - x);
    return between - log(-exponential_minus_one(below - above));
}
