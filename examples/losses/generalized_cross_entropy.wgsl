// Generalized cross entropy: (1 - p^q) / q of the probability p that is given to the true class:
// cross entropy in the limit q = 0, the absolute error at q = 1, and robust to wrong labels
// between.
//
// p in [0, 1]; at 0 the gradient is infinite. q in (0, 1]: 0.7 in the paper.
//
// Zhang, Sabuncu: Generalized cross entropy loss for training deep neural networks with noisy
// labels, NeurIPS 2018.
//
// Plot: q=0.7 from=0 to=1

struct Parameters {
    q: f32,
}

fn value(p: f32, c: Parameters) -> f32 {
    return (1.0 - pow(p, c.q)) / c.q;
}
