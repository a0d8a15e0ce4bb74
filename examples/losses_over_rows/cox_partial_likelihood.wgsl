// Cox's partial likelihood: the mean over events of -log of the probability that it was this subject's, exp(input) over
// the sum of exp(input) of all who were at risk at that time.
//
// A row is a batch of subjects in descending order of time: who is at risk at the time of one are it and those before.
// input: logarithms of hazards. event: 1 where the end was seen, 0 where it was censored. Of equal times each has its own
// place in the order.
// Hazards that are 87 or more below the row's highest one are 0 in the sums: a row must not begin with them.
//
// Cox: Regression models and life-tables, 1972; Katzman, Shaham, Cloninger, Bates, Jiang, Kluger: DeepSurv, 2018.

struct Item {
    input: f32,
    event: f32,
}

fn shifts(item: Item) -> f32 {
    return item.input;
}

fn running_sums(item: Item, shifts: f32) -> f32 {
    return exp(item.input - shifts);
}

fn second_sums(item: Item, shifts: f32, running_sums: f32) -> vec2<f32> {
    let log_at_risk = shifts + log(running_sums);
    return vec2(item.event * (log_at_risk - item.input), item.event);
}

fn value(second_sums: vec2<f32>) -> f32 {
    return second_sums.x / max(second_sums.y, 1.0);
}
