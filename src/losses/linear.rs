use super::prelude::*;
use crate::definition::{Input, Options, Parameter, Role, Sample, Setting};
use crate::families::products;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A loss over rows of logits, of the logits `input linear_weight^T + linear_bias` of a linear layer, which are never
/// all held: `Linear(MultiMargin::default())` is `linear_multi_margin_loss`. Its options are those of the loss.
///
/// | input | shape | |
/// | --- | --- | --- |
/// | `input` | `[N, D]` or `[D]` | differentiable |
/// | `linear_weight` | `[V, D]`, or `[V, d1..., D]` with a batched input | differentiable |
/// | `target`, class indices | `[]`, `[N]` or `[N, d1...]`, any integer type | |
/// | `target`, probabilities, where the loss takes them | `[V]`, `[N, V]` or `[N, V, d1...]`, a float type | differentiable |
/// | `linear_bias` | `[V]` or `[V, d1...]` | optional, differentiable |
/// | `weight`, where the loss has one | `[V]` | optional factor of each class |
///
/// Memory and precision: as [`LinearCrossEntropy`](super::LinearCrossEntropy).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Linear<L>(
    /// The loss of the logits.
    pub L,
);

inputs! {
    of Linear<L>;
    differentiable {
        /// The features of each row.
        input: T = Own,
        /// The features of each class.
        linear_weight: T = Own,
        /// The class index of each row, or where the loss takes it a number for each of its classes.
        target: T = IndexOrRows,
        /// What is added to the logits of each class.
        linear_bias: Option<T> = Own,
    }
    constant {
        /// A factor of each class, where the loss has one.
        weight: Option<T> = Classes in NonNegative,
    }
}

/// What [`Linear`] takes: a loss whose inputs are `input`, `target` and perhaps `weight`.
pub(super) trait OfLogits: Loss + Options + rows::Formula + Copy {}

impl<L: Loss + Options + rows::Formula + Copy> OfLogits for L {}

/// The definition for the loss of logits, made once.
fn definition(of: &'static Definition) -> &'static Definition {
    static KNOWN: Mutex<BTreeMap<&str, &Definition>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(of.name).or_insert_with(|| Box::leak(Box::new(made(of))))
}

fn made(of: &'static Definition) -> Definition {
    let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let as_own = |input: &Input| match of.inputs.iter().find(|own| own.name == input.name) {
        Some(own) if input.name != "input" => *own,
        _ => *input,
    };
    let mut inputs: Vec<Input> = INPUTS.iter().map(as_own).collect();
    let mut arguments = vec!["input", "linear_weight", "target", "*", "linear_bias", "weight"];
    if of.input("weight").is_err() {
        inputs.pop();
        arguments.pop();
    }
    let others = of.arguments.iter().copied().filter(|name| !arguments.contains(name));
    let others: Vec<&str> = others.collect();
    arguments.extend(others);
    let summary = of.summary.trim_end_matches('.');
    Definition {
        name: text(format!("linear_{}", of.name)),
        aliases: &[],
        summary: text(format!(
            "{summary}: of the logits of a linear layer, which are never all held."
        )),
        formula: text(format!("{}, input = features linear_weight^T + linear_bias", of.formula)),
        inputs: inputs.leak(),
        arguments: arguments.leak(),
        ..*of
    }
}

impl<L: OfLogits> Options for Linear<L> {
    fn documentation(&self) -> String {
        let name = self.0.definition().name;
        format!(
            "`{name}` of the logits `input linear_weight^T + linear_bias` of a linear layer, which are never all held.

| input | shape | |
| --- | --- | --- |
| `input` | `[N, D]` or `[D]` | differentiable |
| `linear_weight` | `[V, D]`, or `[V, d1..., D]` with a batched input | differentiable |
| `target` | as that of `{name}` for logits `[N, V, d1...]` | |
| `linear_bias` | `[V]` or `[V, d1...]` | optional, differentiable |
| `weight`, where `{name}` has one | `[V]` | optional factor of each class |

Memory and precision: as `linear_cross_entropy`. Of the logits, `{name}` says:

{}",
            self.0.documentation()
        )
    }

    fn options(&mut self) -> Vec<(&'static str, Setting<'_>)> {
        self.0.options()
    }

    fn validate(&self) -> Result<()> {
        self.0.validate()
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        self.0.values()
    }

    fn valid(&self) -> Vec<(&'static str, &'static str)> {
        self.0.valid()
    }

    fn described(&self) -> Vec<(&'static str, String)> {
        self.0.described()
    }

    fn parameters(&self) -> Vec<(&'static str, Parameter)> {
        self.0.parameters()
    }
}

impl<L: OfLogits> Loss for Linear<L> {
    fn definition(&self) -> &'static Definition {
        definition(self.0.definition())
    }

    fn ignore_index(&self) -> Option<i64> {
        self.0.ignore_index()
    }

    fn sample(&self) -> Vec<Sample> {
        let takes_rows = self.definition().inputs[2].role == Role::IndexOrRows;
        let mut all = products::sample();
        let has = |name: &str| self.definition().input(name).is_ok();
        all.retain(|sample| {
            has(sample.input) && (sample.input != "target" || takes_rows || sample.shape.is_empty())
        });
        all
    }

    fn check_totals(&self, inputs: &[Option<TensorKind>]) -> Result<()> {
        let of = |i: usize| inputs.get(i).cloned().flatten();
        self.0.check_totals(&[of(0), of(2), of(4)])
    }

    fn family(&self) -> Box<dyn Family + '_> {
        products::family(self, self.0)
    }
}
