mod cpu;
mod kernel;
mod plan;
mod reference;
mod shape;

use super::prelude::*;
use crate::cpu::{Results, Work};
use crate::definition::Shader;
use crate::dispatch::Builder;
use crate::error::Error;
use crate::kernel::{OPTIONS, WINDOW};
use crate::layout::Layout;
use crate::request::Resolved;
use crate::tensor::{DType, Tensor};
use crate::terms::Terms;

options! {
    /// RNN transducer: `-log p(target)`, summed over all alignments of a target with the time steps of a
    /// sequence.
    ///
    /// An alignment is a path through a lattice of time steps and labels: from step t with u labels
    /// emitted, the blank leads to the next step and label u to one label more, with the probabilities
    /// `softmax(logits[t, u])`; it ends with a blank at the last step behind the last label.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `logits` | `[B, T, U + 1, V]`, before log-softmax | differentiable |
    /// | `targets` | `[B, U]` | any integer type |
    /// | `logit_lengths` | `[B]` | any integer type, 1 to `T` |
    /// | `target_lengths` | `[B]` | any integer type, 0 to `U` |
    ///
    /// A term is a sequence; `mean` divides by their number `B`, not by lengths of targets.
    ///
    /// What lies behind the lengths is never read, and its gradient is 0. A target that no path of finite
    /// log-probabilities has, has loss inf and gradient NaN. A row of logits that holds NaN or inf, or
    /// only -inf, makes its sequence NaN. A target outside `0..V`, or the blank, within
    /// `target_lengths` is an error that names its place, and so are lengths that do not fit. torchaudio
    /// takes such targets and a length of 0 without a check, and asks for sequences as long as `T` and `U`.
    ///
    /// With `clamp`, gradients are not slopes. On a GPU it takes 32 bytes of scratch memory for each node of
    /// the lattice (16 without a gradient), whatever `V` is, and the gradient cannot be written over
    /// `logits`, which are read twice.
    ///
    /// Source: A. Graves, "Sequence Transduction with Recurrent Neural Networks", 2012; torchaudio's
    /// `functional.rnnt_loss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Rnnt {
        /// The class of the blank; below 0, counted from the end.
        pub blank: i64 = -1;
        /// If above 0, the size to which each number of a sequence's gradient is limited, before the
        /// upstream gradient multiplies it.
        pub clamp: f32 = -1.0, FINITE;
    }
}

inputs! {
    of Rnnt;
    differentiable {
        /// The logits of the classes at each step behind each label.
        logits: T = Own,
    }
    constant {
        /// The labels.
        targets: T = OwnIntegers,
        /// How many steps each sequence has.
        logit_lengths: T = OwnIntegers,
        /// How many labels each target has.
        target_lengths: T = OwnIntegers,
    }
}

static DEFINITION: Definition = Definition {
    name: "rnnt_loss",
    aliases: &["rnnt"],
    summary: "Negative log-likelihood of a target under an RNN transducer.",
    formula: "-log(sum over alignments of the product of softmax(logits[t, u]) along them)",
    inputs: INPUTS,
    arguments: &[
        "logits",
        "targets",
        "logit_lengths",
        "target_lengths",
        "blank",
        "clamp",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: false,
    shader: Shader::new(
        concat!(
            include_str!("../../shaders/scaled.wgsl"),
            include_str!("../../shaders/own/rnnt_loss.wgsl"),
        ),
        &[WINDOW, OPTIONS, kernel::CONTEXT],
    ),
};

impl Loss for Rnnt {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn sample(&self) -> Vec<Sample> {
        let blank = self.blank_of(3).unwrap_or(2);
        let label = (0..3).find(|class| *class != blank).unwrap_or_default();
        let label = i64::try_from(label).unwrap_or_default();
        vec![
            Sample::floats("logits", &[1, 2, 2, 3], &[0.0; 12]),
            Sample::integers("targets", &[1, 1], &[label], [0, 2]),
            Sample::integers("logit_lengths", &[1], &[2], [1, 2]),
            Sample::integers("target_lengths", &[1], &[1], [0, 1]),
        ]
    }

    fn family(&self) -> Box<dyn Family + '_> {
        Box::new(*self)
    }
}

impl Rnnt {
    /// The class of the blank among so many.
    fn blank_of(&self, classes: usize) -> Option<usize> {
        let classes_ = i64::try_from(classes).ok()?;
        let blank = if self.blank < 0 { self.blank.checked_add(classes_)? } else { self.blank };
        usize::try_from(blank).ok().filter(|blank| *blank < classes)
    }
}

impl Family for Rnnt {
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout> {
        shape::layout(self, inputs, reduction)
    }

    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        let integers = |shape: &[usize]| TensorKind::new(DType::I64, shape);
        vec![
            ("logits", TensorKind::new(DType::F32, [4, 20, 9, 28])),
            ("targets", integers(&[4, 8])),
            ("logit_lengths", integers(&[4])),
            ("target_lengths", integers(&[4])),
        ]
    }

    fn check(&self, resolved: &Resolved, inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        shape::Shape::of(resolved).check_lengths(inputs)
    }

    fn batch_axis(&self, _: &Resolved, _: usize) -> Option<usize> {
        Some(0)
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

/// A length or place that does not fit.
fn unfit(argument: &str, got: impl ToString, expected: String) -> Error {
    Error::argument(argument, got.to_string(), expected)
}
