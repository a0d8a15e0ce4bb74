//! The textbook's clipped policy gradient, in float64.

use super::{ADVANTAGES, Grpo, LOG_PROBS, MASK, OLD, REFERENCE, shape};
use crate::request::Resolved;
use crate::terms::{Terms, product};

pub(super) fn terms(loss: &Grpo, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
    let [_, tokens] = shape(resolved).map(|size| usize::try_from(size).unwrap_or(0));
    let input = |i: usize| inputs[i].as_deref();
    let log_probs = input(LOG_PROBS).unwrap_or_default();
    let advantages = input(ADVANTAGES).unwrap_or_default();
    let beta = f64::from(loss.beta);
    let mut terms = Terms::new(inputs.len());
    for (sequence, &advantage) in advantages.iter().enumerate() {
        let all = sequence * tokens..(sequence + 1) * tokens;
        let mask = |t: usize| input(MASK).map_or(1.0, |mask| mask[t]);
        let ratio = |t: usize| input(OLD).map_or(0.0, |old| log_probs[t] - old[t]);
        let kept: Vec<usize> = all.clone().filter(|&t| mask(t) != 0.0).collect();
        #[expect(clippy::cast_precision_loss, reason = "far fewer tokens than 2^53")]
        let count = kept.len().max(1) as f64;
        let mean = kept.iter().map(|&t| ratio(t)).sum::<f64>() / count;
        let factor = if loss.divides_by_tokens(resolved) { 1.0 / count } else { 1.0 };
        #[expect(clippy::cast_precision_loss, reason = "far fewer tokens than 2^53")]
        let weight = kept.len() as f64;
        terms.weight += weight;
        for t in all {
            if mask(t) == 0.0 {
                terms.values.push(0.0);
                terms.sizes.push(0.0);
                continue;
            }
            let factor = if mask(t) == 1.0 { factor } else { f64::NAN };
            let of_sequences = loss.is_of_sequences();
            let d = if of_sequences { mean } else { ratio(t) };
            let (own, by_ratio) = policy(loss, d, advantage);
            let k = input(REFERENCE).filter(|_| beta > 0.0).map_or(0.0, |r| r[t] - log_probs[t]);
            let divergence = beta * (k.exp_m1() - k);
            terms.values.push(factor * (own + divergence));
            terms.sizes.push(factor * (own.abs() + divergence.abs()));
            let slopes = &mut terms.slopes[LOG_PROBS];
            slopes.push((t, t, -factor * beta * k.exp_m1()));
            if of_sequences {
                slopes.extend(kept.iter().map(|&other| (t, other, factor * by_ratio / count)));
            } else {
                slopes.push((t, t, factor * by_ratio));
            }
        }
    }
    terms.weight = terms.weight.max(1.0);
    terms
}

/// The loss of a log-ratio, and its derivative.
fn policy(loss: &Grpo, d: f64, advantage: f64) -> (f64, f64) {
    let [low, high] = loss.clip().map(f64::from);
    let (r, cap) = (d.exp(), f64::from(loss.cap()));
    let (capped, clipped) =
        (product(advantage, r.min(cap)), product(advantage, r.clamp(low, high)));
    let by_capped = if r <= cap { r } else { 0.0 };
    let by_clipped = if (low..=high).contains(&r) { r } else { 0.0 };
    if r.is_nan() || advantage.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    let slope = match () {
        () if capped < clipped => by_capped,
        () if capped > clipped => by_clipped,
        () => 0.5 * (by_capped + by_clipped),
    };
    (-capped.min(clipped), -product(advantage, slope))
}
