use super::derived::{self, Own};
use super::prelude::*;
use crate::definition::{Input, Options, Parameter, Role, Sample, Setting};
use crate::families::products;

/// A loss over rows of logits, of the logits `input linear_weight^T + linear_bias` of a linear layer, which are never
/// all held: `Linear(MultiMargin::default())` is `linear_multi_margin_loss`. Its options are those of the loss.
///
/// | input | shape | |
/// | --- | --- | --- |
/// | `input` | `[N, D]` or `[D]` | differentiable |
/// | `linear_weight` | `[V, D]`, or `[V, d1..., D]` with a batched input | differentiable |
/// | `target`, class indices, where the loss has it | `[]`, `[N]` or `[N, d1...]`, any integer type | |
/// | `target`, probabilities, where the loss takes them | `[V]`, `[N, V]` or `[N, V, d1...]`, a float type | differentiable |
/// | `linear_bias` | `[V]` or `[V, d1...]` | optional, differentiable |
/// | `weight`, where the loss has one | `[V]` | optional factor of each class |
/// | `labels`, where the loss has them | `[]`, `[N]` or `[N, d1...]`, any integer type | optional: tells which rows are ignored |
///
/// A loss has either `target` or `labels`.
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
        /// Where the loss has a target: the class index of each row, or where it takes it a number for each of its classes.
        target: Option<T> = IndexOrRows,
        /// What is added to the logits of each class.
        linear_bias: Option<T> = Own,
    }
    constant {
        /// A factor of each class, where the loss has one.
        weight: Option<T> = Classes in NonNegative,
        /// Where the loss has no target: a number for each row, which is ignored where that is `ignore_index`.
        labels: Option<T> = Marks,
    }
}

/// What [`Linear`] takes: a loss whose inputs are `input`, then `target` or `labels`, and perhaps `weight`.
pub(super) trait OfLogits: Loss + Options + rows::Formula + Copy {}

fn own(of: &'static Definition) -> Own {
    let ours = |name: &str| INPUTS.iter().find(|input| input.name == name);
    let its = |name: &str| of.inputs.iter().find(|input| input.name == name);
    let of_rows = its("target").or_else(|| its("labels"));
    let inputs =
        [ours("input"), ours("linear_weight"), of_rows, ours("linear_bias"), its("weight")];
    let inputs: Vec<Input> = inputs.into_iter().flatten().copied().collect();
    let mut arguments: Vec<&str> = inputs.iter().map(|input| input.name).collect();
    arguments.insert(3, "*");
    let others = of.arguments.iter().copied().filter(|name| !arguments.contains(name));
    let others: Vec<&str> = others.collect();
    arguments.extend(others);
    Own {
        summary: "of the logits of a linear layer, which are never all held.",
        formula: "input = features linear_weight^T + linear_bias",
        inputs,
        arguments,
        shader: of.shader,
    }
}

impl<L: OfLogits> Options for Linear<L> {
    fn documentation(&self) -> String {
        let name = self.0.definition().name;
        let of_rows = self.definition().inputs[2].name;
        format!(
            "`{name}` of the logits `input linear_weight^T + linear_bias` of a linear layer, which are never all held.

| input | shape | |
| --- | --- | --- |
| `input` | `[N, D]` or `[D]` | differentiable |
| `linear_weight` | `[V, D]`, or `[V, d1..., D]` with a batched input | differentiable |
| `{of_rows}` | as that of `{name}` for logits `[N, V, d1...]` | |
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
        derived::linear(self.0.definition(), own)
    }

    fn ignore_index(&self) -> Option<i64> {
        self.0.ignore_index()
    }

    fn sample(&self) -> Vec<Sample> {
        let takes_rows = self.definition().inputs[2].role == Role::IndexOrRows;
        let mut all = products::sample(self.definition());
        all.retain(|sample| sample.input != "target" || takes_rows || sample.shape.is_empty());
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
