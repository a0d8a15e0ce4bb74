// Likelihood loss of a list (ListMLE): -log of the probability that its items are drawn in their true order, the best
// one first, each with a probability of exp(input) over the sum of exp(input) of all that are left (Plackett and Luce).
//
// input: scores of the items of a list in ascending order of relevance, the worst one first.
// Scores that are 87 or more below the row's highest one are 0 in the sums: a row must not begin with them.
//
// Xia, Liu, Wang, Zhang, Li: Listwise approach to learning to rank, 2008.

struct Item {
    input: f32,
}

fn shifts(item: Item) -> f32 {
    return item.input;
}

// When an item is drawn, it and those before it are left.
fn running_sums(item: Item, shifts: f32) -> f32 {
    return exp(item.input - shifts);
}

fn second_sums(item: Item, shifts: f32, running_sums: f32) -> f32 {
    return log(running_sums) - (item.input - shifts);
}

fn value(second_sums: f32) -> f32 {
    return second_sums;
}
