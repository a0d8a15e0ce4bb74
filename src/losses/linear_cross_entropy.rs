use super::cross_entropy::{CrossEntropy, check_z_totals};
use super::prelude::*;
use crate::definition::Sample;
use crate::families::products;

options! {
    /// Cross entropy of the logits `input linear_weight^T + linear_bias`, which are never all held.
    ///
    /// With the logits `x_c = sum over d of input_d linear_weight_cd + linear_bias_c`, bounded to
    /// `softcap tanh(x_c / softcap)` where `softcap` is above 0, and the share `s_c = weight_c ((1
    /// - label_smoothing) q_c + label_smoothing / V)` of class `c`, where `q` is the target (1 at a
    /// class index, 0 elsewhere), a row's loss is `sum of s_c (logsumexp(x) - x_c) + z_loss
    /// logsumexp(x)^2`.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `input` | `[N, D]` or `[D]` | differentiable |
    /// | `linear_weight` | `[V, D]`, or `[V, d1..., D]` with a batched input | differentiable |
    /// | `target`, class indices | `[]`, `[N]` or `[N, d1...]`, any integer type | |
    /// | `target`, probabilities | `[V]`, `[N, V]` or `[N, V, d1...]`, a float type | differentiable |
    /// | `linear_bias` | `[V]` or `[V, d1...]` | optional, differentiable |
    /// | `weight` | `[V]` | optional factor of each class |
    ///
    /// The unreduced loss has the shape of class indices. With these, `mean` divides by the sum of
    /// the kept rows' `weight[target]` (their number without `weight`); with probabilities, by the
    /// number of rows. The mean of the `z_loss` terms is over the number of kept rows in either
    /// case.
    ///
    /// Memory: a plan never holds all logits of a large batch. With gradients it holds those of as many rows at
    /// once as fit 64 MiB, `4 min(N, 4096) V` bytes at most; where not even 128 rows do (`V` above 131,072), or
    /// without gradients, a tile of `4 min(N, 4096) min(V, 2048)` bytes, and with gradients logits are then
    /// computed twice. On top come 32 bytes for each of these rows and 4 for each row of the batch where the loss
    /// is reduced. A 16-bit gradient ([`GradientType::Input`](crate::GradientType)) that tiles add up takes
    /// float32 memory too: that of `input` `4 D` bytes for each of the rows where V > 2048 or there are `d1...`;
    /// with those of `linear_weight` and `linear_bias` there are tiles unless the logits of all rows fit, and they
    /// take 4 bytes an element where N > 4096. Tiles are smaller where a row of them reads more than 32 KiB.
    /// `linear_weight` and its gradient may be larger than a binding, if `2^17` elements of `d1... D` are not
    /// passed. No gradient can be written over its input, which every tile reads again.
    ///
    /// Logits are sums of float32 products: where they are about 100, they are rounded by about 1e-5,
    /// and probabilities by as much of themselves.
    ///
    /// A row whose target is `ignore_index` has loss 0 and contributes 0 to every gradient,
    /// whatever it holds; if every row is ignored, `mean` is NaN and the gradients 0. Any other
    /// index outside `0..V` is an error that names its place and value; its loss is NaN, and so
    /// are the gradients that it enters. A class of share 0 contributes 0 even where its logit is
    /// -inf.
    ///
    /// Source: PyTorch's `torch.nn.functional.linear_cross_entropy`; P. Hsu et al., "Liger Kernel:
    /// Efficient Triton Kernels for LLM Training", 2024 (`z_loss`, `softcap`); E. Wijmans et al.,
    /// "Cut Your Losses in Large-Vocabulary Language Models", 2024.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LinearCrossEntropy {
        /// The class index that marks a row as ignored.
        pub ignore_index: i64 = -100;
        /// The part of the target that is spread evenly over the classes, from 0 to 1.
        pub label_smoothing: f32 = 0.0, ZERO_TO_ONE;
        /// The factor of the squared `logsumexp`, 0 or more.
        pub z_loss: f32 = 0.0, FROM_ZERO;
        /// The bound of the logits; 0 for none.
        pub softcap: f32 = 0.0, FROM_ZERO;
    }
}

inputs! {
    of LinearCrossEntropy;
    differentiable {
        /// The features of each row.
        input: T = Own,
        /// The features of each class.
        linear_weight: T = Own,
        /// The class index of each row, or a probability for each of its classes.
        target: T = IndexOrRows in Unit,
        /// What is added to the logits of each class.
        linear_bias: Option<T> = Own,
    }
    constant {
        /// A factor of each class.
        weight: Option<T> = Classes in NonNegative,
    }
}

static DEFINITION: Definition = Definition {
    name: "linear_cross_entropy",
    aliases: &[],
    summary: "Cross entropy of the logits input linear_weight^T + linear_bias, which are never all \
              held.",
    formula: "sum over c of s_c (logsumexp(x) - x_c) + z_loss logsumexp(x)^2, \
              x = input linear_weight^T + linear_bias, \
              s_c = weight_c ((1 - label_smoothing) target_c + label_smoothing / V)",
    inputs: INPUTS,
    arguments: &[
        "input",
        "linear_weight",
        "target",
        "*",
        "linear_bias",
        "weight",
        "reduction",
        "ignore_index",
        "label_smoothing",
        "z_loss",
        "softcap",
    ],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(include_str!("../../shaders/rows/cross_entropy.wgsl")),
};

impl Loss for LinearCrossEntropy {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn sample(&self) -> Vec<Sample> {
        products::sample(&DEFINITION)
    }

    fn check_totals(&self, inputs: &[Option<TensorKind>]) -> Result<()> {
        check_z_totals(self.z_loss, inputs.get(4))
    }

    fn family(&self) -> Box<dyn Family + '_> {
        let Self { ignore_index, label_smoothing, z_loss, softcap } = *self;
        products::family(self, CrossEntropy { ignore_index, label_smoothing, z_loss, softcap })
    }
}
