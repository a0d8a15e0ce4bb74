// Beta divergence of a target from a prediction, for a whole beta: half the squared error at 2, the
// Kullback-Leibler divergence t log(t / p) - t + p at 1, Itakura and Saito's
// t / p - log(t / p) - 1 at 0, else
// (t^beta + (beta - 1) p^beta - beta t p^(beta - 1)) / (beta (beta - 1)).
//
// p > 0. t > 0, and from beta = 1 on t >= 0. beta: 0 suits spectra of sound, 1 counts.
//
// Fevotte, Idier: Algorithms for nonnegative matrix factorization with the beta-divergence, 2011;
// scikit-learn's beta_loss.
//
// Plot: t=1 beta=1 from=0.05 to=4

struct Parameters {
    beta: i32,
}

fn kullback_leibler(p: f32, t: f32) -> f32 {
    if (t == 0.0) {
        return p;
    }
    return t * log(t / p) - t + p;
}

fn value(p: f32, t: f32, c: Parameters) -> f32 {
    switch c.beta {
        case 0: {
            let ratio = t / p;
            return ratio - log(ratio) - 1.0;
        }
        case 1: {
            return kullback_leibler(p, t);
        }
        case 2: {
            return 0.5 * (p - t) * (p - t);
        }
        default: {
            let beta = f32(c.beta);
            let crossed = beta * t * pow(p, beta - 1.0);
            return (pow(t, beta) + (beta - 1.0) * pow(p, beta) - crossed) / (beta * (beta - 1.0));
        }
    }
}
