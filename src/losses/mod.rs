//! The losses, one file each, under the names that PyTorch users know.

mod boxes;
mod choices;
mod derived;
mod inputs;
/// Losses of the logits of a linear layer, with their inputs and gradients by name.
pub mod linear;
/// Losses of pairs of answers whose logits are those of a linear layer, with their inputs and gradients by name.
pub mod linear_preference;
mod options;
mod regions;
mod scaled;
mod softmax;

use crate::error::{Error, Result, plain};
use crate::family::Loss;

/// What a loss's file needs.
mod prelude {
    pub(super) use super::choices::run_each;
    pub(super) use super::inputs::inputs;
    pub(super) use super::options::{ABOVE_ZERO, FINITE, FROM_ZERO, Valid, ZERO_TO_ONE, options};
    pub(super) use crate::cpu::numeric;
    pub(super) use crate::definition::{Definition, Sample, choices};
    pub(super) use crate::error::Result;
    pub(super) use crate::families::regions::{self, Activation, Common, Textbook, Voxel};
    pub(super) use crate::families::rows::{Item, Loops, Row, RowLoss, TextbookRow};
    pub(super) use crate::families::{pointwise, rows};
    pub(super) use crate::family::{Family, Loss};
    pub(super) use crate::reduction::Reduction;
    pub(super) use crate::tensor::TensorKind;
    pub(super) use crate::terms::{log_softmax, product, softplus};

    pub(super) const REDUCTIONS: &[Reduction] = &[Reduction::Mean, Reduction::Sum, Reduction::None];
}

/// Each line is a file of this folder and the loss in it. The file is a public module too, for the
/// loss's inputs and gradients by name. The losses behind `linear` are there of a linear layer's logits too; those of
/// pairs behind `preference` of the sums, or the means, of the log-probabilities that such logits give tokens.
macro_rules! catalogue {
    (
        $($file:ident: $loss:ident),*
        => linear: $($of:ident),*
        => preference: $($pair:ident of $worth:ident),* $(,)?
    ) => {
        $(
            #[doc = concat!("The inputs and gradients of [`", stringify!($loss), "`] by name.")]
            pub mod $file;
            #[doc(inline)]
            pub use $file::$loss;
        )*

        $(impl linear::OfLogits for $of {})*

        $(impl linear_preference::OfAnswers for $pair {
            const WORTH: linear_preference::Worth = linear_preference::Worth::$worth;
        })*

        /// Every loss with its default options, in alphabetical order.
        pub fn catalogue() -> Vec<Box<dyn Loss>> {
            let mut all: Vec<Box<dyn Loss>> = vec![
                $(Box::new($loss::default()),)*
                $(Box::new(Linear($of::default())),)*
                $(Box::new(LinearPreference::<$pair>::default()),)*
            ];
            all.sort_by_key(|loss| loss.definition().name);
            all
        }
    };
}

catalogue! {
    arc_face_loss: ArcFace,
    binary_cross_entropy: BinaryCrossEntropy,
    binary_cross_entropy_with_logits: BinaryCrossEntropyWithLogits,
    complete_box_iou_loss: CompleteBoxIou,
    cos_face_loss: CosFace,
    cosine_embedding_loss: CosineEmbedding,
    cpo_loss: Cpo,
    cross_entropy: CrossEntropy,
    ctc_loss: Ctc,
    dice_loss: Dice,
    distance_box_iou_loss: DistanceBoxIou,
    dpo_loss: Dpo,
    focal_tversky_loss: FocalTversky,
    gaussian_nll_loss: GaussianNll,
    generalized_box_iou_loss: GeneralizedBoxIou,
    generalized_dice_loss: GeneralizedDice,
    generalized_jsd_loss: GeneralizedJsd,
    grpo_loss: Grpo,
    hinge_embedding_loss: HingeEmbedding,
    huber_loss: Huber,
    info_nce_loss: InfoNce,
    kl_div: KlDiv,
    kto_loss: Kto,
    l1_loss: L1,
    linear_cross_entropy: LinearCrossEntropy,
    log_cosh_loss: LogCosh,
    margin_ranking_loss: MarginRanking,
    mse_loss: Mse,
    multi_margin_loss: MultiMargin,
    multilabel_margin_loss: MultiLabelMargin,
    multilabel_soft_margin_loss: MultiLabelSoftMargin,
    nll_loss: Nll,
    nt_xent_loss: NtXent,
    orpo_loss: Orpo,
    poisson_nll_loss: PoissonNll,
    poly1_cross_entropy: Poly1CrossEntropy,
    quantile_loss: Quantile,
    ranking_softmax_loss: RankingSoftmax,
    rnnt_loss: Rnnt,
    sigmoid_contrastive_loss: SigmoidContrastive,
    sigmoid_focal_loss: SigmoidFocal,
    simpo_loss: Simpo,
    smooth_l1_loss: SmoothL1,
    soft_margin_loss: SoftMargin,
    softmax_entropy: SoftmaxEntropy,
    softmax_focal_loss: SoftmaxFocal,
    sup_con_loss: SupCon,
    token_log_probs: TokenLogProbs,
    top_k_distillation_loss: TopKDistillation,
    total_variation_loss: TotalVariation,
    triplet_margin_loss: TripletMargin,
    triplet_margin_with_distance_loss: TripletMarginWithDistance,
    tversky_loss: Tversky
    => linear: MultiMargin, Poly1CrossEntropy, SoftmaxEntropy, SoftmaxFocal, TokenLogProbs
    => preference: Cpo of Sums, Dpo of Sums, Orpo of Means, Simpo of Means
}

#[doc(inline)]
pub use linear::Linear;
#[doc(inline)]
pub use linear_preference::LinearPreference;

#[doc(inline)]
pub use crate::families::regions::Activation;
#[doc(inline)]
pub use cpo_loss::CpoType;
#[doc(inline)]
pub use dpo_loss::DpoType;
#[doc(inline)]
pub use generalized_dice_loss::RegionWeight;
#[doc(inline)]
pub use grpo_loss::{GrpoType, ImportanceSampling};
#[doc(inline)]
pub use triplet_margin_with_distance_loss::Distance;

/// The modules of PyTorch that a loss's name may be given with.
const MODULES: [&str; 6] = ["torch", "nn", "functional", "F", "torchvision", "ops"];

/// The loss of this name or alias, with its default options.
///
/// Names are compared in lower case, without `_`, `-` and spaces, without PyTorch's modules before
/// them and without `loss` at their end: `cross_entropy`, `cross-entropy`, `CrossEntropy`,
/// `nn.CrossEntropyLoss` and `F.cross_entropy` are one loss.
///
/// # Errors
/// If there is none, or more than one.
///
/// ```
/// for name in ["bce_with_logits", "nn.BCEWithLogitsLoss", "F.binary_cross_entropy_with_logits"] {
///     let loss = wgloss::by_name(name)?;
///     assert_eq!(loss.definition().name, "binary_cross_entropy_with_logits");
/// }
/// # Ok::<(), wgloss::Error>(())
/// ```
pub fn by_name(name: &str) -> Result<Box<dyn Loss>> {
    let wanted = plain(without_modules(name));
    let mut found = catalogue();
    found.retain(|loss| loss.definition().names().any(|own| plain(own) == wanted));
    let [loss] = <[_; 1]>::try_from(found).map_err(|_| {
        let known: Vec<&str> =
            catalogue().iter().flat_map(|loss| loss.definition().names()).collect();
        Error::unknown_name("loss", name, known)
    })?;
    Ok(loss)
}

/// What follows the modules before a name.
fn without_modules(name: &str) -> &str {
    match name.split_once('.') {
        Some((module, rest)) if MODULES.contains(&module) => without_modules(rest),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_documented() {
        for mut loss in catalogue() {
            let definition = loss.definition();
            let text = loss.documentation();
            assert!(text.contains("\nSource: "), "{}: {text}", definition.name);
            let options: Vec<_> = loss.options().into_iter().map(|(name, _)| name).collect();
            let described: Vec<_> = loss.described().into_iter().map(|(name, _)| name).collect();
            assert_eq!(described, options, "{}", definition.name);
            let inputs = definition.inputs.iter().map(|input| (input.name, input.documentation()));
            for (name, text) in inputs.chain(loss.described()) {
                let is_sentence = text.ends_with('.') && !text.starts_with([' ', '.']);
                assert!(is_sentence, "{} {name}: {text:?}", definition.name);
            }
        }
    }

    /// Each argument stands once, and Python takes the signature.
    #[test]
    fn arguments_are_a_signature() {
        for loss in catalogue() {
            let definition = loss.definition();
            let inputs = definition.inputs.iter().map(|input| input.name);
            let options = loss.values().into_iter().map(|(name, _)| name);
            let mut expected: Vec<_> = inputs.chain(options).chain(["reduction"]).collect();
            let mut parts = definition.arguments.split(|name| *name == "*");
            let placed = parts.next().unwrap_or_default();
            let by_name = parts.next();
            assert!(parts.next().is_none(), "{}: one *", definition.name);
            assert_ne!(by_name, Some(&[][..]), "{}: something behind the *", definition.name);
            let mut arguments = [placed, by_name.unwrap_or_default()].concat();
            expected.sort_unstable();
            arguments.sort_unstable();
            assert_eq!(arguments, expected, "{}", definition.name);
            let is_required =
                |name: &&str| definition.input(name).is_ok_and(|i| !definition.inputs[i].optional);
            let required = placed.iter().take_while(|name| is_required(name)).count();
            assert!(!placed[required..].iter().any(is_required), "{placed:?}");
        }
    }
}
