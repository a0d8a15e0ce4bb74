//! The clipped policy gradient on the CPU: what the tokens of a sequence have in common first.

use super::{Grpo, LOG_PROBS, MASK, OLD, shape};
use crate::cpu::{Filled, Results, Units, Work, numeric};
use crate::error::Result;
use crate::reduction::{Divisor, Reduction};
use crate::request::{Slot, Upstream};
use crate::tensor::Tensor;
use rayon::prelude::*;
use std::ops::Range;

/// What the tokens of a sequence have in common.
#[derive(Clone, Copy, Default)]
struct Sequence {
    /// How many of them count.
    count: u64,
    /// The mean of their log-ratios.
    ratio: f32,
    /// The mean of their upstream gradients.
    factor: f32,
}

/// The inputs, and what is wanted of them.
struct Pass<'a> {
    loss: &'a Grpo,
    inputs: [Option<&'a Tensor<'a>>; 5],
    tokens: usize,
    /// Of each token.
    upstream: Option<&'a [f32]>,
    /// What all slopes are multiplied by.
    scale: f32,
    by_tokens: bool,
}

/// Numbers of an input, and room for those that do not lie as float32.
struct Read<'a> {
    tensor: Option<&'a Tensor<'a>>,
    room: Vec<f32>,
}

impl<'a> Read<'a> {
    fn new(tensor: Option<&'a Tensor<'a>>) -> Self {
        Self { tensor, room: Vec::new() }
    }

    /// Some of the numbers; none of an input that is absent.
    fn at(&mut self, places: Range<usize>) -> &[f32] {
        self.tensor.map_or(&[], |tensor| tensor.floats(places, &mut self.room))
    }
}

pub(super) fn evaluate(loss: &Grpo, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
    let resolved = work.resolved;
    let [sequences, tokens] = shape(resolved).map(|size| usize::try_from(size).unwrap_or(0));
    let by_term = resolved.upstream == Upstream::Terms;
    let upstream = work.upstream.as_deref();
    let common = upstream.filter(|_| !by_term).map_or(1.0, |upstream| upstream[0]);
    let mut pass = Pass {
        loss,
        inputs: std::array::from_fn(|i| work.inputs[i]),
        tokens,
        upstream: upstream.filter(|_| by_term),
        scale: common,
        by_tokens: loss.divides_by_tokens(resolved),
    };
    let counts = pass.by_tokens || resolved.layout.divisor == Divisor::Weights;
    let known: Vec<Sequence> = if counts || loss.is_of_sequences() {
        let sequence = |sequence: usize| {
            work.cancel.check()?;
            Ok(pass.sequence(sequence))
        };
        (0..sequences).into_par_iter().map(sequence).collect::<Result<_>>()?
    } else {
        Vec::new()
    };
    let all: u64 = known.iter().map(|sequence| sequence.count).sum();
    #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
    let divisor = crate::cpu::divisor(resolved, || all.max(1) as f32);
    pass.scale /= divisor;

    let reduces = resolved.reduction != Reduction::None;
    let unreduced = (!reduces && resolved.value).then(|| Filled::each(Slot::Value, tokens));
    let gradient = resolved.gradients.first().map(|&i| Filled::each(Slot::Gradient(i), tokens));
    let outputs: Vec<Filled> = unreduced.into_iter().chain(gradient).collect();
    let units = Units { count: sequences, numbers: tokens, step: 1 };
    let (mut sums, place) = (results.sums(), resolved.first_term());
    let mut room = Vec::new();
    // Enough tokens for a task to be worth its while.
    let step = (16_384 / tokens.max(1)).max(1);
    results.fill(&outputs, units, |window, mut places| {
        let losses = match unreduced {
            Some(_) => places.remove(0),
            None => {
                room.resize(window.len() * tokens, 0.0);
                &mut room[..]
            }
        };
        let mut gradients = places.pop().map(|gradient| gradient.chunks_mut(step * tokens.max(1)));
        let tasks: Vec<_> = losses
            .chunks_mut(step * tokens.max(1))
            .zip(window.clone().step_by(step))
            .map(|(losses, first)| (first, losses, gradients.as_mut().and_then(Iterator::next)))
            .collect();
        tasks.into_par_iter().try_for_each(|(first, losses, gradient)| {
            work.cancel.check()?;
            pass.run(first, &known, losses, gradient);
            Ok(())
        })?;
        if reduces {
            sums.add(place + (window.start * tokens) as u64, losses);
        }
        Ok(())
    })?;
    if reduces {
        results.put_sums(sums, divisor, &Default::default());
    }
    Ok(())
}

impl Pass<'_> {
    fn sequence(&self, sequence: usize) -> Sequence {
        let places = sequence * self.tokens..(sequence + 1) * self.tokens;
        let [mut log_probs, mut old, mut mask] =
            [LOG_PROBS, OLD, MASK].map(|i| Read::new(self.inputs[i]));
        let mask = mask.at(places.clone());
        let kept = |t: usize| mask.get(t).is_none_or(|&flag| flag != 0.0);
        let count = (0..self.tokens).filter(|&t| kept(t)).count() as u64;
        let mean = |number: &dyn Fn(usize) -> f32| {
            let all: f64 =
                (0..self.tokens).filter(|&t| kept(t)).map(|t| f64::from(number(t))).sum();
            #[expect(clippy::cast_precision_loss, reason = "far fewer tokens than 2^53")]
            let mean = all / count.max(1) as f64;
            #[expect(clippy::cast_possible_truncation, reason = "float32 is asked for")]
            let mean = mean as f32;
            mean
        };
        let (mut ratio, mut factor) = (0.0, 1.0);
        if self.loss.is_of_sequences() {
            if self.inputs[OLD].is_some() {
                let (x, old) = (log_probs.at(places.clone()), old.at(places.clone()));
                ratio = mean(&|t| x[t] - old[t]);
            }
            if let Some(upstream) = self.upstream {
                factor = mean(&|t| upstream[places.start + t]);
            }
        }
        Sequence { count, ratio, factor }
    }

    /// The losses of the tokens of some sequences, and their gradient.
    fn run(
        &self,
        first: usize,
        known: &[Sequence],
        losses: &mut [f32],
        mut gradient: Option<&mut [f32]>,
    ) {
        let [mut log_probs, mut advantages, mut old, mut reference, mut mask] =
            self.inputs.map(Read::new);
        for (i, losses) in losses.chunks_mut(self.tokens).enumerate() {
            let sequence = first + i;
            let places = sequence * self.tokens..(sequence + 1) * self.tokens;
            let own = known.get(sequence).copied().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
            let count = own.count.max(1) as f32;
            let row = Row {
                loss: self.loss,
                log_probs: log_probs.at(places.clone()),
                advantage: advantages.at(sequence..sequence + 1)[0],
                old: old.at(places.clone()),
                reference: reference.at(places.clone()),
                mask: mask.at(places.clone()),
                upstream: self.upstream.map_or(&[], |upstream| &upstream[places.clone()]),
                own,
                factor: if self.by_tokens { 1.0 / count } else { 1.0 },
            };
            let gradient = gradient.as_mut().map(|gradient| {
                let start = i * self.tokens;
                &mut gradient[start..start + self.tokens]
            });
            row.run(self.scale, losses, gradient);
        }
    }
}

/// A sequence's tokens; what is absent is empty.
struct Row<'a> {
    loss: &'a Grpo,
    log_probs: &'a [f32],
    advantage: f32,
    old: &'a [f32],
    reference: &'a [f32],
    mask: &'a [f32],
    upstream: &'a [f32],
    own: Sequence,
    /// What each token's loss is multiplied by.
    factor: f32,
}

impl Row<'_> {
    fn run(&self, scale: f32, losses: &mut [f32], mut gradient: Option<&mut [f32]>) {
        let of_sequences = self.loss.is_of_sequences();
        let common = policy(self.loss, self.own.ratio, self.advantage);
        for (t, loss) in losses.iter_mut().enumerate() {
            let kept = match self.mask.get(t) {
                None | Some(1.0) => 1.0,
                Some(0.0) => {
                    *loss = 0.0;
                    if let Some(gradient) = &mut gradient {
                        gradient[t] = 0.0;
                    }
                    continue;
                }
                Some(_) => f32::NAN,
            };
            let x = self.log_probs[t];
            let (own, by_ratio) = match self.old.get(t) {
                _ if of_sequences => common,
                Some(old) => policy(self.loss, x - old, self.advantage),
                None => policy(self.loss, 0.0, self.advantage),
            };
            let (divergence, by_x) = self
                .reference
                .get(t)
                .map_or((0.0, 0.0), |reference| divergence(self.loss.beta, x, *reference));
            let factor = kept * self.factor;
            *loss = factor * (own + divergence);
            if let Some(gradient) = &mut gradient {
                let upstream = self.upstream.get(t).copied().unwrap_or(1.0);
                let by_ratio = match of_sequences {
                    true => self.own.factor * by_ratio,
                    false => upstream * by_ratio,
                };
                gradient[t] = scale * factor * (by_ratio + upstream * by_x);
            }
        }
    }
}

/// The loss of a log-ratio, and its slope.
fn policy(loss: &Grpo, d: f32, advantage: f32) -> (f32, f32) {
    let ([low, high], cap, r) = (loss.clip(), loss.cap(), numeric::exp(d));
    let capped = numeric::silenced(advantage, numeric::min_nan(r, cap));
    let clamped = numeric::max_nan(numeric::min_nan(r, high), low);
    let clipped = numeric::silenced(advantage, clamped);
    let by_capped = if r <= cap { r } else { 0.0 };
    let by_clipped = if (low..=high).contains(&r) { r } else { 0.0 };
    let value = numeric::min_nan(capped, clipped);
    if value.is_nan() {
        return (value, value);
    }
    let slope = match () {
        () if capped < clipped => by_capped,
        () if capped > clipped => by_clipped,
        () => 0.5 * (by_capped + by_clipped),
    };
    (-value, -numeric::silenced(advantage, slope))
}

/// The divergence from the reference, and its slope by the token's log-probability.
fn divergence(beta: f32, log_prob: f32, reference: f32) -> (f32, f32) {
    if beta == 0.0 {
        return (0.0, 0.0);
    }
    let k = reference - log_prob;
    let power = numeric::exp_m1(k);
    (beta * (power - k), -beta * power)
}
