mod cpu;
mod plan;
mod reference;

use super::prelude::*;
use crate::cpu::{Results, Work};
use crate::definition::{Sample, Shader};
use crate::dispatch::Builder;
use crate::error::Error;
use crate::layout::{Layout, Summed, Weights};
use crate::reduction::Divisor;
use crate::request::Resolved;
use crate::tensor::{DType, elements};
use crate::terms::Terms;

choices! {
    /// What the mean of [`Grpo`] is of. The loss of a token is the same.
    pub enum GrpoType {
        /// The sum over all tokens that count, divided by `num_items`, or without it by their number.
        Dapo = "dapo",
        /// The mean over the sequences of the mean over each one's tokens that count.
        Grpo = "grpo",
        /// The mean over all tokens that count.
        Bnpo = "bnpo",
        /// The sum over all tokens that count, divided by the sequences times `max_completion_length`.
        DrGrpo = "dr_grpo",
    }
}

choices! {
    /// What the ratios of [`Grpo`] are of.
    pub enum ImportanceSampling {
        /// Of each token.
        Token = "token",
        /// Of each sequence, by the mean of its tokens' log-ratios (GSPO).
        Sequence = "sequence",
    }
}

options! {
    /// Clipped policy gradient with the advantages of a group: with the ratio `r` of the policy's probability of a token
    /// to the old policy's, and the advantage `A` of its sequence, `-min(min(r, delta) A, clip(r, 1 - epsilon_low, 1 +
    /// epsilon_high) A)`, and `beta (exp(k) - k - 1)` with `k = reference_log_probs - log_probs`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `log_probs` | `[B, T]`: sequences, tokens | differentiable |
    /// | `advantages` | `[B]` | |
    /// | `old_log_probs` | `[B, T]`; `log_probs` as a constant if absent | |
    /// | `reference_log_probs` | `[B, T]`; needed where `beta` is above 0 | |
    /// | `mask` | `[B, T]`, 0 or 1, of any type; 1 if absent | |
    ///
    /// The losses are those of the tokens, `[B, T]`, and 0 where `mask` is 0: what is there is not read, and has gradient
    /// 0. `mean` divides as [`loss_type`](super::GrpoType) says, by counts that are at least 1, so that an empty mask
    /// gives 0; an empty sequence adds 0 and is one of those that `grpo` and `dr_grpo` divide by. A mask that is neither
    /// 0 nor 1 is refused; in buffers, where it is a float and nobody looks for it, its tokens are NaN.
    ///
    /// Without old log-probabilities every ratio is 1 and the gradient `-A`. Where the first argument of the minimum is
    /// taken the gradient is that of `-r A`, or 0 past `delta`, and else 0 outside the clip, whose ends pass it on. An
    /// infinite ratio with an advantage below 0 is infinite, which `delta` prevents; with one above 0 the clip holds.
    /// The divergence is per token for ratios of sequences too.
    ///
    /// Option names and defaults are TRL's; Liger's default of `beta` is 0.04, and it takes the policy for a reference
    /// that is absent. Totals of parts are not made: divide sums by the `num_items` of all of them.
    ///
    /// Source: Z. Shao et al., "DeepSeekMath", 2024 (GRPO); Q. Yu et al., "DAPO", 2025; Z. Liu et al., "Understanding
    /// R1-Zero-Like Training", 2025 (Dr. GRPO); C. Zheng et al., "Group Sequence Policy Optimization", 2025; TRL 1.16
    /// `GRPOTrainer`; Liger `chunked_loss.grpo_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Grpo {
        /// How far below 1 a ratio is followed; 0 to 1.
        pub epsilon_low: f32 = 0.2, ZERO_TO_ONE;
        /// How far above 1 a ratio is followed; 0 or more.
        pub epsilon_high: f32 = 0.2, FROM_ZERO;
        /// The weight of the divergence from the reference; 0 or more.
        pub beta: f32 = 0.0, FROM_ZERO;
        /// The largest ratio, whatever the advantage; above 0, or none.
        pub delta: Option<f32> = None,
            Valid("a finite number above 0, or none", |x: Option<f32>| {
                x.is_none_or(|x| x.is_finite() && x > 0.0)
            });
        /// What the mean is of.
        pub loss_type: GrpoType = GrpoType::Dapo;
        /// Whether ratios are of tokens or of sequences.
        pub importance_sampling_level: ImportanceSampling = ImportanceSampling::Token;
        /// What the mean of `dapo` divides by: the tokens that count in all parts of a step; 0 or more, or none for those
        /// of the batch.
        pub num_items: Option<i64> = None,
            Valid("a whole number, 0 or more, or none", |x: Option<i64>| x.is_none_or(|x| x >= 0));
        /// The tokens of a sequence by which the mean of `dr_grpo` divides; 1 or more, or none for those of the inputs.
        pub max_completion_length: Option<i64> = None,
            Valid("a whole number, 1 or more, or none", |x: Option<i64>| x.is_none_or(|x| x >= 1));
    }
    parameters |loss| {
        low = loss.clip()[0];
        high = loss.clip()[1];
        cap = loss.cap();
    }
}

inputs! {
    of Grpo;
    differentiable {
        /// The policy's log-probability of each token.
        log_probs: T = Own,
    }
    constant {
        /// How much better each sequence is than the others of its group.
        advantages: T = Own,
        /// The log-probability of each token by the policy that has made it.
        old_log_probs: Option<T> = Own,
        /// The log-probability of each token by the reference.
        reference_log_probs: Option<T> = Own,
        /// 1 where a token counts, 0 where it does not.
        mask: Option<T> = Own in Binary,
    }
}

/// The places of the inputs.
const LOG_PROBS: usize = 0;
const ADVANTAGES: usize = 1;
const OLD: usize = 2;
const REFERENCE: usize = 3;
const MASK: usize = 4;

static DEFINITION: Definition = Definition {
    name: "grpo_loss",
    aliases: &["grpo"],
    summary: "Clipped policy gradient of tokens with the advantages of a group.",
    formula: "-min(min(r, delta) A, clip(r, 1 - epsilon_low, 1 + epsilon_high) A) + beta (exp(k) - k - 1)",
    inputs: INPUTS,
    arguments: &[
        "log_probs",
        "advantages",
        "old_log_probs",
        "reference_log_probs",
        "mask",
        "epsilon_low",
        "epsilon_high",
        "beta",
        "delta",
        "loss_type",
        "importance_sampling_level",
        "num_items",
        "max_completion_length",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: Shader::new(include_str!("../../shaders/own/grpo_loss.wgsl"), &[]),
};

impl Loss for Grpo {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn sample(&self) -> Vec<Sample> {
        let old = [-1.0, -0.5, -1.5, -1.0, -0.5, -2.0];
        vec![
            Sample::floats("log_probs", &[2, 3], &[-1.0; 6]),
            Sample::floats("advantages", &[2], &[1.0, -1.0]),
            Sample::floats("old_log_probs", &[2, 3], &old),
            Sample::floats("reference_log_probs", &[2, 3], &old),
            Sample::floats("mask", &[2, 3], &[1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        ]
    }

    fn check_totals(&self, _: &[Option<TensorKind>]) -> Result<()> {
        let expected = "false: give num_items, and add up the values of all parts";
        Err(Error::argument("totals", "true with grpo_loss", expected))
    }

    fn family(&self) -> Box<dyn Family + '_> {
        Box::new(*self)
    }
}

impl Family for Grpo {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        let shape = |i: usize| inputs[i].as_ref().map(|kind| &kind.shape[..]);
        let output = shape(LOG_PROBS).unwrap_or_default();
        let [sequences, tokens] = output[..] else {
            return Err(Error::shape(INPUTS[LOG_PROBS].name, output, "[B, T]"));
        };
        for (i, input) in INPUTS.iter().enumerate().skip(1) {
            let (wanted, what) = match i {
                ADVANTAGES => (&output[..1], "one number for each sequence"),
                _ => (output, "the shape of log_probs"),
            };
            if let Some(got) = shape(i).filter(|got| *got != wanted) {
                return Err(Error::shape(input.name, got, format!("{wanted:?}, {what}")));
            }
        }
        if self.beta > 0.0 && inputs[REFERENCE].is_none() {
            let got = format!("{} without reference_log_probs", self.beta);
            return Err(Error::argument("beta", got, "0, or reference_log_probs beside it"));
        }
        let terms = elements(output).unwrap_or(u64::MAX);
        let has_mask = inputs[MASK].is_some() && terms > 0;
        let divisor = match reduction {
            Reduction::Mean => self.divisor(sequences as u64, tokens as u64, has_mask),
            _ => Divisor::Count(1),
        };
        Ok(Layout {
            output: output.to_vec(),
            terms,
            divisor,
            weights: Weights::None,
            indices: None,
            summed: Summed::Blocks,
        })
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let kind = |shape: &[usize]| TensorKind::new(DType::F32, shape);
        vec![("log_probs", kind(&[64, 128])), ("advantages", kind(&[64]))]
    }

    fn batch_axis(&self, _: &Resolved, _: usize) -> Option<usize> {
        Some(0)
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        plan::build(self, builder)
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        cpu::evaluate(self, work, results)
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        reference::terms(self, resolved, inputs)
    }
}

impl Grpo {
    /// The ratios that are followed.
    fn clip(&self) -> [f32; 2] {
        [1.0 - self.epsilon_low, 1.0 + self.epsilon_high]
    }

    fn cap(&self) -> f32 {
        self.delta.unwrap_or(f32::INFINITY)
    }

    /// What the mean divides by, where a mask is not counted before.
    fn divisor(&self, sequences: u64, tokens: u64, has_mask: bool) -> Divisor {
        let given = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let count = match (self.loss_type, given(self.num_items)) {
            (GrpoType::Grpo, _) => sequences,
            (GrpoType::DrGrpo, _) => {
                sequences.saturating_mul(given(self.max_completion_length).unwrap_or(tokens))
            }
            (GrpoType::Dapo, Some(items)) => items,
            _ if has_mask => return Divisor::Weights,
            _ => sequences.saturating_mul(tokens),
        };
        Divisor::Count(count.max(1))
    }

    /// Whether the loss of a token is divided by the number of its sequence's tokens.
    fn divides_by_tokens(&self, resolved: &Resolved) -> bool {
        resolved.reduction == Reduction::Mean && self.loss_type == GrpoType::Grpo
    }

    fn is_of_sequences(&self) -> bool {
        self.importance_sampling_level == ImportanceSampling::Sequence
    }
}

/// The sequences, and the tokens of each.
fn shape(resolved: &Resolved) -> [u64; 2] {
    let size = |axis: usize| resolved.layout.output.get(axis).map_or(1, |&size| size as u64);
    [size(0), size(1)]
}
