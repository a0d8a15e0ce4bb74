use super::TokenLogProbs;
use super::derived::{self, Own};
use super::prelude::*;
use crate::definition::{Input, Options, Parameter, Setting};
use crate::families::products::{self, Sequences};

/// A preference between two answers of a language model, from what the model's last layer takes in: the logits `input
/// linear_weight^T + linear_bias` of its head are never all held. `LinearPreference::<Dpo>::default()` is
/// `linear_dpo_loss`; its options are those of [`Dpo`](super::Dpo), and two more.
///
/// An answer's log-probability is the sum over its tokens of `log softmax(logits)[target]`, or their mean; of those of
/// the chosen answer and the rejected one, the loss of this pair is that of the loss it is of.
///
/// | input | shape | |
/// | --- | --- | --- |
/// | `input` | `[2 B, T, D]`, the B chosen answers before the B rejected ones | differentiable |
/// | `linear_weight` | `[V, D]` | differentiable |
/// | `target` | `[2 B, T]`, the tokens' class indices, any integer type | |
/// | `linear_bias` | `[V]` | optional, differentiable |
/// | `reference_chosen`, `reference_rejected`, where the loss has them | `[B]` | what the reference says of the answers |
///
/// The unreduced loss is `[B]`; `mean` divides by the number of pairs. Tokens whose target is `ignore_index` (prompts,
/// padding) are left out, whatever `input` holds there; any other index outside `0..V` is an error. Targets are those of
/// the same place: who predicts the next token shifts them. An answer without tokens is worth 0, and its mean NaN, as in
/// TRL and Liger. What the reference says are constants, from a pass of its own: with `linear_token_log_probs`.
///
/// The negative log-likelihood that CPO and ORPO add is the caller's: `linear_cross_entropy` of the first half.
///
/// Memory and time: as [`LinearCrossEntropy`](super::LinearCrossEntropy), and 32 bytes for each token. All answers are
/// read before the first gradient is known: where the logits of a chunk of tokens are not those of all, they are computed
/// once more.
///
/// Source: Liger Kernel, `chunked_loss` (`LigerFusedLinearPreferenceBase`); TRL's trainers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearPreference<L> {
    /// The loss of the answers' log-probabilities.
    pub loss: L,
    /// Whether an answer's log-probability is the mean over its tokens instead of their sum: the default of the losses
    /// that are meant for means, SimPO and ORPO.
    pub average_log_prob: bool,
    /// The class index that marks a token that is left out.
    pub ignore_index: i64,
}

inputs! {
    of LinearPreference<L>;
    differentiable {
        /// The features of each token, of the chosen answers before the rejected ones.
        input: T = Own,
        /// The features of each class.
        linear_weight: T = Own,
        /// What is added to the logits of each class.
        linear_bias: Option<T> = Own,
    }
    constant {
        /// The class index of each token.
        target: T = Index,
        /// The reference's log-probability of the answer that was chosen, where the loss has one.
        reference_chosen: Option<T> = Own,
        /// The reference's log-probability of the answer that was rejected, where the loss has one.
        reference_rejected: Option<T> = Own,
    }
}

/// Of which log-probabilities of tokens a loss is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    Sums,
    Means,
}

/// What [`LinearPreference`] takes: a loss of two answers' log-probabilities, and perhaps a reference's.
pub(super) trait OfAnswers: Loss + Options + pointwise::Formula + Copy + Default {
    const WORTH: Worth;
}

impl<L: OfAnswers> Default for LinearPreference<L> {
    fn default() -> Self {
        let average_log_prob = L::WORTH == Worth::Means;
        Self { loss: L::default(), average_log_prob, ignore_index: -100 }
    }
}

fn own(of: &'static Definition) -> Own {
    let first = ["input", "linear_weight", "target", "linear_bias"];
    let constants = of.inputs[2..].iter().map(|input| input.name);
    let ours = |name: &str| INPUTS.iter().find(|input| input.name == name).copied();
    let names = first.into_iter().chain(constants.clone());
    let mut inputs: Vec<Input> = names.filter_map(ours).collect();
    // All that it has must be given.
    inputs[first.len()..].iter_mut().for_each(|input| input.optional = false);
    let answers: Vec<&str> = of.inputs.iter().map(|input| input.name).collect();
    let others = of.arguments.iter().copied().filter(|name| !answers.contains(name));
    let (reduction, options): (Vec<&str>, Vec<&str>) =
        others.partition(|name| *name == "reduction");
    let mut arguments = first[..3].to_vec();
    arguments.extend(constants);
    arguments.extend(["*", "linear_bias"]);
    arguments.extend(options);
    arguments.extend(["average_log_prob", "ignore_index"]);
    arguments.extend(reduction);
    Own {
        summary: "of answers whose tokens' logits are those of a linear layer, which are never all held.",
        formula: "of sums of log softmax(input linear_weight^T + linear_bias)[target]",
        inputs,
        arguments,
        shader: TokenLogProbs::default().definition().shader,
    }
}

impl<L: OfAnswers> Options for LinearPreference<L> {
    fn documentation(&self) -> String {
        let definition = self.definition();
        let name = self.loss.definition().name;
        let mut constants = String::new();
        for input in &definition.inputs[4..] {
            constants += &format!("| `{}` | `[B]` | a constant of each pair |\n", input.name);
        }
        format!(
            "`{name}` of the log-probabilities of answers, whose tokens' logits `input linear_weight^T + linear_bias` \
             are those of a language model's head, which are never all held.

| input | shape | |
| --- | --- | --- |
| `input` | `[2 B, T, D]`, the B chosen answers before the B rejected ones | differentiable |
| `linear_weight` | `[V, D]` | differentiable |
| `target` | `[2 B, T]`, any integer type | |
| `linear_bias` | `[V]` | optional, differentiable |
{constants}
An answer's log-probability is the sum over its tokens of `log softmax(logits)[target]`, or with `average_log_prob` \
their mean, which is NaN of no tokens. Tokens whose target is `ignore_index` are left out, whatever `input` holds there. \
Targets are those of the same place: who predicts the next token shifts them. `mean` divides by the number of pairs.

Memory: as `linear_cross_entropy`, and 32 bytes for each token. Source: Liger Kernel, `chunked_loss`; TRL's trainers. Of \
the answers' log-probabilities, `{name}` says:

{}",
            self.loss.documentation()
        )
    }

    fn options(&mut self) -> Vec<(&'static str, Setting<'_>)> {
        let mut all = self.loss.options();
        all.push(("average_log_prob", (&mut self.average_log_prob).into()));
        all.push(("ignore_index", (&mut self.ignore_index).into()));
        all
    }

    fn validate(&self) -> Result<()> {
        self.loss.validate()
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let mut all = self.loss.values();
        all.push(("average_log_prob", self.average_log_prob.to_string()));
        all.push(("ignore_index", self.ignore_index.to_string()));
        all
    }

    fn valid(&self) -> Vec<(&'static str, &'static str)> {
        self.loss.valid()
    }

    fn described(&self) -> Vec<(&'static str, String)> {
        let mut all = self.loss.described();
        let average =
            "Whether an answer's log-probability is the mean over its tokens instead of their sum.";
        all.push(("average_log_prob", average.into()));
        all.push(("ignore_index", "The class index that marks a token that is left out.".into()));
        all
    }

    fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        let mut all = self.loss.parameters();
        all.extend(TokenLogProbs::default().parameters());
        all
    }
}

impl<L: OfAnswers> Loss for LinearPreference<L> {
    fn definition(&self) -> &'static Definition {
        derived::linear(self.loss.definition(), own)
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn sample(&self) -> Vec<Sample> {
        let mut all = vec![
            Sample::floats("input", &[2, 1, 2], &[1.0, 0.5, 0.5, 1.0]),
            Sample::floats("linear_weight", &[3, 2], &[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]),
            Sample::integers("target", &[2, 1], &[0, 0], [0, 2]),
            Sample::floats("linear_bias", &[3], &[0.0; 3]),
            Sample::floats("reference_chosen", &[1], &[-1.0]),
            Sample::floats("reference_rejected", &[1], &[-1.0]),
        ];
        all.retain(|sample| self.definition().input(sample.input).is_ok());
        all
    }

    fn family(&self) -> Box<dyn Family + '_> {
        let rows = TokenLogProbs { ignore_index: self.ignore_index, ..TokenLogProbs::default() };
        products::of_sequences(self, rows, Sequences::new(&self.loss, self.average_log_prob))
    }
}
