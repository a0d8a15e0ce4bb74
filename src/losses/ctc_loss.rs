mod cpu;
mod kernel;
mod plan;
mod reference;
mod shape;

use super::prelude::*;
use crate::cpu::{Results, Work};
use crate::definition::{Sample, Shader};
use crate::dispatch::Builder;
use crate::error::Error;
use crate::kernel::{OPTIONS, WINDOW};
use crate::layout::Layout;
use crate::request::Resolved;
use crate::tensor::{DType, Tensor};
use crate::terms::Terms;

options! {
    /// Connectionist temporal classification: `-log p(target)`, summed over all alignments of a
    /// target with the time steps of a sequence.
    ///
    /// An alignment gives each step a label or the blank; without repetitions and then without
    /// blanks it reads as the target. Its probability is the product of its steps'
    /// `exp(log_probs)`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `log_probs` | `[T, N, C]` or `[T, C]`, after log-softmax | differentiable |
    /// | `targets` | `[N, S]`, or all targets one after the other, `[sum of target_lengths]` | any integer type |
    /// | `input_lengths` | `[N]`, or `[]` for all | any integer type, 0 to `T` |
    /// | `target_lengths` | `[N]`, or `[]` for all | any integer type, 0 to `S` |
    ///
    /// `none` gives `[N]` (`[]` for `[T, C]`). `mean` divides each loss by its target's length (by
    /// 1 for an empty target) and takes the mean over the sequences; `sum` does not divide by
    /// lengths.
    ///
    /// The gradient is PyTorch's, `exp(log_probs) - posterior` of each class at each step: that
    /// with respect to the logits if `log_probs` is their log-softmax, not the plain derivative,
    /// which is `-posterior`. Steps from `input_length` on have gradient 0, whatever they hold.
    ///
    /// A target that no alignment has (it needs a step for each label and one more between equal
    /// neighbours) has loss inf and gradient NaN, or 0 and 0 with `zero_infinity`. A
    /// log-probability of -inf is an impossibility too; where the loss is finite its gradient is 0,
    /// where PyTorch has NaN. So is anything below -6.9e37. No sequence reads what `targets` has
    /// beyond `target_length`. A target outside `0..C`, or the blank, which PyTorch takes without a
    /// check, is an error that names its place in `targets`; loss and gradient of its
    /// sequence are NaN. So are they for lengths that do not fit; evaluation from host memory
    /// refuses them. Padded targets are faster than concatenated ones, whose longest one the shapes
    /// do not tell. The gradient cannot be written over `log_probs`, which are read several times.
    ///
    /// Source: A. Graves et al., "Connectionist Temporal Classification", ICML 2006; PyTorch's
    /// `torch.nn.functional.ctc_loss`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Ctc {
        /// The class of the blank.
        pub blank: i64 = 0;
        /// Whether infinite losses and their gradients count as 0.
        pub zero_infinity: bool = false;
    }
}

inputs! {
    of Ctc;
    differentiable {
        /// The log-probabilities of the classes at each step.
        log_probs: T = Own,
    }
    constant {
        /// The labels.
        targets: T = OwnIntegers,
        /// How many steps each sequence has.
        input_lengths: T = OwnIntegers,
        /// How many labels each target has.
        target_lengths: T = OwnIntegers,
    }
}

static DEFINITION: Definition = Definition {
    name: "ctc_loss",
    aliases: &["ctc"],
    summary: "Negative log-likelihood of a target over all its alignments with a sequence.",
    formula: "-log(sum over alignments of the product over t of exp(log_probs[t, alignment[t]]))",
    inputs: INPUTS,
    arguments: &[
        "log_probs",
        "targets",
        "input_lengths",
        "target_lengths",
        "blank",
        "reduction",
        "zero_infinity",
    ],
    reductions: &[Reduction::Mean, Reduction::Sum, Reduction::None],
    weighted_mean: false,
    shader: Shader::new(
        concat!(
            include_str!("../../shaders/scaled.wgsl"),
            include_str!("../../shaders/own/ctc_loss.wgsl"),
        ),
        &[WINDOW, OPTIONS, kernel::LENGTHS],
    ),
};

impl Loss for Ctc {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn sample(&self) -> Vec<Sample> {
        let labels: Vec<i64> = (0..3).filter(|class| *class != self.blank).take(2).collect();
        vec![
            Sample::logits("log_probs", &[4, 3], &[0.0; 12]),
            Sample::integers("targets", &[2], &labels, [0, 2]),
            Sample::integers("input_lengths", &[], &[4], [0, 4]),
            Sample::integers("target_lengths", &[], &[2], [0, 2]),
        ]
    }

    fn family(&self) -> Box<dyn Family + '_> {
        Box::new(*self)
    }
}

impl Family for Ctc {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        shape::layout(self, inputs, reduction)
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let integers = |shape: &[usize]| TensorKind::new(DType::I64, shape);
        vec![
            ("log_probs", TensorKind::new(DType::F32, [50, 16, 20])),
            ("targets", integers(&[16, 30])),
            ("input_lengths", integers(&[16])),
            ("target_lengths", integers(&[16])),
        ]
    }

    fn check(&self, resolved: &Resolved, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        shape::Shape::of(resolved).check_lengths(inputs)
    }

    fn batch_axis(&self, resolved: &Resolved, input: usize) -> Option<usize> {
        // Concatenated targets have no axis of the batch.
        let padded = resolved.inputs[1].as_ref().is_some_and(|targets| targets.shape.len() == 2);
        let rank = resolved.inputs[input].as_ref()?.shape.len();
        match (input, rank) {
            _ if !padded => None,
            (0, 3) => Some(1),
            (1, _) | (_, 1) => Some(0),
            _ => None,
        }
    }

    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()> {
        plan::build(builder)
    }

    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
        cpu::evaluate(self, work, results)
    }

    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
        reference::terms(self, resolved, inputs)
    }
}

/// What the mean divides a loss by before it is summed.
#[expect(clippy::cast_precision_loss, reason = "lengths of targets are far below 2^24")]
fn length_divisor(resolved: &Resolved, labels: usize) -> f32 {
    if resolved.reduction == Reduction::Mean { labels.max(1) as f32 } else { 1.0 }
}

/// A length or place that does not fit.
fn unfit(argument: &str, got: impl ToString, expected: String) -> Error {
    Error::argument(argument, got.to_string(), expected)
}
