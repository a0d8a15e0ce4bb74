// Squared earth mover's distance of a softmax to a distribution over ordered classes: the sum of the squares of the
// differences of their cumulative sums. Divided by the number of classes, its root is the loss of ratings in the paper.
//
// input: logits of the classes, in order. expected: probabilities.
//
// Hou, Yu, Samaras: Squared earth mover's distance-based loss, 2016; Talebi, Milanfar: NIMA, 2018.

struct Item {
    input: f32,
    expected: f32,
}

fn shifts(item: Item) -> f32 {
    return item.input;
}

fn sums(item: Item, shifts: f32) -> f32 {
    return exp(item.input - shifts);
}

fn running_sums(item: Item, shifts: f32, sums: f32) -> f32 {
    return exp(item.input - shifts) / sums - item.expected;
}

fn second_sums(running_sums: f32) -> f32 {
    return running_sums * running_sums;
}

fn value(second_sums: f32) -> f32 {
    return second_sums;
}
