// Cross entropy of a softmax whose logits are adjusted by the logarithms of how frequent the classes are, so that rare
// ones get a larger margin: -log softmax(x + tau log prior) at the target class.
//
// input: logits, a row for each example. prior: the share of each class among the examples, one row for all. target:
// the class of each row. tau: 1 in the paper.
//
// Menon, Jayasumana, Rawat, Jain, Veit, Kumar: Long-tail learning via logit adjustment, 2021.

struct Item {
    input: f32,
    prior: f32,
}

struct Row {
    target: i32,
}

struct Parameters {
    tau: f32,
}

fn adjusted(item: Item, c: Parameters) -> f32 {
    return item.input + c.tau * log(item.prior);
}

fn shifts(item: Item, c: Parameters) -> f32 {
    return adjusted(item, c);
}

fn sums(item: Item, shifts: f32, c: Parameters) -> f32 {
    return exp(adjusted(item, c) - shifts);
}

fn value(picked: Item, shifts: f32, sums: f32, c: Parameters) -> f32 {
    return log(sums) + (shifts - adjusted(picked, c));
}
