use super::cross_entropy::CrossEntropy;
use super::prelude::*;
use crate::definition::Sample;
use crate::families::pairs::{self, Partners, Setup};

options! {
    /// Cross entropy of each query's similarities to all keys, with its own key as the class: InfoNCE, and where it is
    /// symmetric CLIP's loss. The matrix of similarities is never held.
    ///
    /// With the similarities `s_ij = scale query_i . key_j`, where `scale` is `logit_scale` or else `1 / temperature`,
    /// and the positive key `y_i`, a query's loss is `logsumexp over j of s_ij - s_iy`. The symmetric loss is the mean
    /// of that and of `logsumexp over j of s_ji - s_ii`, of the key's similarities to all queries.
    ///
    /// | input | shape | |
    /// | --- | --- | --- |
    /// | `query` | `[N, D]` | differentiable |
    /// | `key` | `[M, D]`; `M >= N` without `target`, `M = N` where it is symmetric | differentiable |
    /// | `logit_scale` | `[]` or `[1]` | optional, differentiable |
    /// | `target` | `[N]`, any integer type | optional; the key of its own number without |
    ///
    /// The unreduced loss has the shape `[N]`; `mean` divides by the number of kept queries, so that the symmetric mean
    /// is that of open_clip. A query whose `target` is `ignore_index` has loss 0 and is never read; any other index
    /// outside `0..M` is an error. Keys that are alike are negatives of each other like any two. `logit_scale` is the
    /// multiplier itself, behind the `exp` that CLIP trains, and may be any number; beside it `temperature` stays at its
    /// default, and with `symmetric` there is no `target`.
    ///
    /// With `normalize`, vectors are divided by their lengths, without an epsilon: components of any size keep their
    /// digits, and a vector of zeros has similarity 0 with everything, and gradient 0 (PyTorch's `normalize` has
    /// gradients of 1e12 there).
    ///
    /// Parts of a batch add up to the whole with a `target`, which may name any of all keys, and not without.
    ///
    /// Memory: beside inputs and gradients a plan holds tiles of 32 MiB at most and a few numbers for each query and
    /// key. Products of more than 65,536 keys, and those of a symmetric loss that do not fit, are computed a second time
    /// for the gradients. The CPU backend holds a copy of the vectors where they are normalised. 16-bit gradients take
    /// float32 memory too, as do those of `normalize` that are added to what is there.
    ///
    /// Source: A. van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018; A. Radford et
    /// al., "Learning Transferable Visual Models From Natural Language Supervision", 2021; open_clip 3.3 `ClipLoss`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct InfoNce {
        /// What similarities are divided by where there is no `logit_scale`; above 0.
        pub temperature: f32 = TEMPERATURE, ABOVE_ZERO;
        /// Whether each term is the mean of a query's loss and its key's.
        pub symmetric: bool = false;
        /// Whether only the vectors' directions count.
        pub normalize: bool = false;
        /// The target that marks a query as ignored.
        pub ignore_index: i64 = -100;
    }
    parameters |_loss| {
        label_smoothing = 0.0;
        z_loss = 0.0;
        softcap = 0.0;
    }
}

const TEMPERATURE: f32 = 0.07;

/// The place of the target.
const TARGET: usize = 3;

inputs! {
    of InfoNce;
    differentiable {
        /// A vector for each query.
        query: T = Own,
        /// A vector for each key.
        key: T = Own,
        /// What similarities are multiplied by, instead of divided by `temperature`.
        logit_scale: Option<T> = Own,
    }
    constant {
        /// The positive key of each query; that of its own number if absent.
        target: Option<T> = OwnIntegers,
    }
}

static DEFINITION: Definition = Definition {
    name: "info_nce_loss",
    aliases: &["info_nce", "clip_loss"],
    summary: "Cross entropy of each query's similarities to all keys, which are never all held; symmetric it is CLIP's.",
    formula: "logsumexp over j of s_ij - s_iy, s_ij = scale query_i . key_j; symmetric: the mean of rows and columns",
    inputs: INPUTS,
    arguments: &[
        "query",
        "key",
        "target",
        "logit_scale",
        "temperature",
        "symmetric",
        "normalize",
        "ignore_index",
        "reduction",
    ],
    reductions: REDUCTIONS,
    weighted_mean: true,
    shader: rows::shader(include_str!("../../shaders/rows/cross_entropy.wgsl")),
};

impl Loss for InfoNce {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn ignore_index(&self) -> Option<i64> {
        Some(self.ignore_index)
    }

    fn sample(&self) -> Vec<Sample> {
        vec![
            Sample::floats("query", &[2, 2], &[0.4, 0.1, -0.2, 0.3]),
            Sample::floats("key", &[2, 2], &[0.3, 0.2, -0.3, 0.4]),
            Sample::floats("logit_scale", &[], &[10.0]),
            Sample::integers("target", &[2], &[0, 1], [0, 1]),
        ]
    }

    fn check_totals(&self, inputs: &[Option<TensorKind>]) -> Result<()> {
        let has_target = inputs.get(TARGET).is_some_and(Option::is_some);
        if has_target { Ok(()) } else { pairs::check_totals("info_nce_loss without target") }
    }

    fn family(&self) -> Box<dyn Family + '_> {
        let own = (self.temperature != TEMPERATURE).then_some(("temperature", self.temperature));
        let setup = Setup {
            left: 0,
            right: 1,
            square: false,
            normalize: self.normalize,
            factor: 1.0 / self.temperature,
            scale: Some(2),
            not_with_scale: own,
            bias: None,
            partners: Partners::Class(TARGET),
            symmetric: self.symmetric,
            margin: None,
        };
        pairs::family(self, CrossEntropy::default(), setup)
    }
}
