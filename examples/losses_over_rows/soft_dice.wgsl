// Dice loss of a row: 1 - (2 sum of p t + smoothing) / (sum of p + sum of t + smoothing).
//
// p: probabilities. t: the mask, 0 to 1. smoothing: 1 in most programs.
//
// Milletari, Navab, Ahmadi: V-Net, 2016.

struct Item {
    p: f32,
    t: f32,
}

struct Parameters {
    smoothing: f32,
}

struct Sums {
    both: f32,
    all: f32,
}

fn sums(item: Item) -> Sums {
    return Sums(item.p * item.t, item.p + item.t);
}

fn value(sums: Sums, c: Parameters) -> f32 {
    return 1.0 - (2.0 * sums.both + c.smoothing) / (sums.all + c.smoothing);
}
