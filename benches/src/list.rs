//! The one list of workloads.

use crate::workload::{Input, Numbers, Workload};
use wgloss::{
    Activation, BinaryCrossEntropyWithLogits, CosineEmbedding, CrossEntropy, Ctc, Dice, Dpo,
    GeneralizedBoxIou, GeneralizedJsd, InfoNce, KlDiv, LinearCrossEntropy, Loss, Mse, Reduction,
    Result, Rnnt, SmoothL1, TripletMargin,
};

/// The elements of the large pointwise workloads.
const LARGE: usize = 1 << 24;

/// Makes a workload.
pub type Make = fn() -> Workload;

/// The workloads' names, and what makes each: with value and gradients, but for `fwd`.
pub const WORKLOADS: [(&str, Make); 20] = [
    ("mse_fwd", || mse(LARGE).value_only()),
    ("mse_fwdbwd", || mse(LARGE)),
    ("smooth_l1_fwdbwd", || smooth_l1(LARGE)),
    ("bce_logits_fwdbwd", || bce_logits(LARGE)),
    ("kl_div_fwdbwd", || kl_div(4096, 1024)),
    ("ce_16384x1000_fwdbwd", || cross_entropy(16384, 1000)),
    ("ce_512x32000_fwdbwd", || cross_entropy(512, 32000)),
    ("ce_128x128256_fwdbwd", || cross_entropy(128, 128256)),
    ("ce_128x128256_fwd", || cross_entropy(128, 128256).value_only()),
    ("linear_ce_256x512x32000_fwdbwd", || linear(256, 512, 32000)),
    ("info_nce_4096x256_fwdbwd", || info_nce(4096, 256)),
    ("triplet_fwdbwd", || triplet(65536, 128)),
    ("cosine_embedding_fwdbwd", || cosine_embedding(65536, 128)),
    ("ctc_fwdbwd", || ctc(200, 16, 64, 50)),
    ("rnnt_fwdbwd", || rnnt(8, 100, 20, 256)),
    ("jsd_2048x32000_fwdbwd", || generalized_jsd(2048, 32000)),
    ("dice_16x4x128x128_fwdbwd", || dice(&[16, 4, 128, 128])),
    ("generalized_box_iou_fwdbwd", || generalized_box_iou(1 << 18)),
    ("dpo_fwdbwd", || dpo(1 << 20)),
    ("small_mse_fwdbwd", || mse(1024)),
];

/// The workload of this name.
///
/// # Errors
/// If there is none.
pub fn by_name(name: &str) -> Result<Workload> {
    let found = WORKLOADS.iter().find(|(known, _)| *known == name);
    let known = WORKLOADS.map(|(name, _)| name);
    let (name, make) = found.ok_or_else(|| wgloss::Error::unknown_name("workload", name, known))?;
    Ok(Workload { name, ..make() })
}

/// The mean squared error of so many elements.
pub fn mse(elements: usize) -> Workload {
    pointwise(Mse, elements, Numbers::Normal)
}

/// The smooth L1 loss of so many elements.
pub fn smooth_l1(elements: usize) -> Workload {
    pointwise(SmoothL1::default(), elements, Numbers::Normal)
}

/// Binary cross entropy of so many logits, with probabilities as targets.
pub fn bce_logits(elements: usize) -> Workload {
    pointwise(BinaryCrossEntropyWithLogits, elements, Numbers::Uniform)
}

/// Cross entropy of rows of logits, with class indices.
pub fn cross_entropy(rows: usize, classes: usize) -> Workload {
    of_classes(CrossEntropy::default(), rows, classes)
}

/// A loss of rows of logits, with class indices.
pub fn of_classes(loss: impl Loss + 'static, rows: usize, classes: usize) -> Workload {
    let inputs = [
        ("input", vec![rows, classes], Numbers::Normal),
        ("target", vec![rows], below(0, classes)),
    ];
    workload(loss, inputs, &["input"])
}

/// Cross entropy of a linear layer's logits, with class indices: `N` rows of `D` features and `V`
/// classes.
pub fn linear(rows: usize, features: usize, classes: usize) -> Workload {
    let inputs = [
        ("input", vec![rows, features], Numbers::Normal),
        ("linear_weight", vec![classes, features], Numbers::Weights(features)),
        ("target", vec![rows], below(0, classes)),
    ];
    workload(LinearCrossEntropy::default(), inputs, &["input", "linear_weight"])
}

/// The loss of so many queries among as many keys.
fn info_nce(pairs: usize, features: usize) -> Workload {
    let inputs =
        ["query", "key"].map(|name| (name, vec![pairs, features], Numbers::Weights(features)));
    workload(InfoNce::default(), inputs, &["query", "key"])
}

/// The triplet margin loss of rows of features.
pub fn triplet(rows: usize, features: usize) -> Workload {
    let names = ["anchor", "positive", "negative"];
    let inputs = names.map(|name| (name, vec![rows, features], Numbers::Normal));
    workload(TripletMargin::default(), inputs, &names)
}

/// The cosine embedding loss of rows of features.
pub fn cosine_embedding(rows: usize, features: usize) -> Workload {
    let inputs = [
        ("input1", vec![rows, features], Numbers::Normal),
        ("input2", vec![rows, features], Numbers::Normal),
        ("target", vec![rows], Numbers::Signs),
    ];
    workload(CosineEmbedding::default(), inputs, &["input1", "input2"])
}

fn ctc(steps: usize, batch: usize, classes: usize, target: usize) -> Workload {
    let inputs = [
        ("log_probs", vec![steps, batch, classes], Numbers::LogSoftmax),
        ("targets", vec![batch, target], below(1, classes)),
        ("input_lengths", vec![batch], Numbers::All(integer(steps))),
        ("target_lengths", vec![batch], Numbers::All(integer(target))),
    ];
    workload(Ctc::default(), inputs, &["log_probs"])
}

fn rnnt(batch: usize, steps: usize, target: usize, classes: usize) -> Workload {
    let inputs = [
        ("logits", vec![batch, steps, target + 1, classes], Numbers::Normal),
        // The last class is the blank.
        ("targets", vec![batch, target], below(0, classes - 1)),
        ("logit_lengths", vec![batch], Numbers::All(integer(steps))),
        ("target_lengths", vec![batch], Numbers::All(integer(target))),
    ];
    workload(Rnnt::default(), inputs, &["logits"])
}

/// The Dice loss of a softmax over the second dimension, with class indices.
fn dice(shape: &[usize]) -> Workload {
    let inputs = [
        ("input", shape.to_vec(), Numbers::Normal),
        ("target", [&shape[..1], &shape[2..]].concat(), below(0, shape[1])),
    ];
    let loss = Dice { activation: Activation::Softmax, ..Dice::default() };
    workload(loss, inputs, &["input"])
}

/// That of so many pairs of boxes.
fn generalized_box_iou(boxes: usize) -> Workload {
    let names = ["input", "target"];
    let inputs = names.map(|name| (name, vec![boxes, 4], Numbers::Boxes));
    workload(GeneralizedBoxIou::default(), inputs, &names)
}

/// The Jensen-Shannon divergence of rows of logits from a teacher's.
fn generalized_jsd(rows: usize, classes: usize) -> Workload {
    let inputs = ["input", "teacher"].map(|name| (name, vec![rows, classes], Numbers::Normal));
    workload(GeneralizedJsd::default(), inputs, &["input"])
}

/// Direct preference optimisation of so many pairs of answers, by the policy's log-probabilities.
fn dpo(pairs: usize) -> Workload {
    let loss = Dpo::default();
    let names = [0, 1, 2, 3].map(|i| loss.definition().inputs[i].name);
    let inputs = names.map(|name| (name, vec![pairs], Numbers::Normal));
    workload(loss, inputs, &names[..2])
}

/// The Kullback-Leibler divergence of rows of probabilities.
pub fn kl_div(rows: usize, classes: usize) -> Workload {
    let inputs = [
        ("input", vec![rows, classes], Numbers::LogSoftmax),
        ("target", vec![rows, classes], Numbers::Softmax),
    ];
    let mean = workload(KlDiv::default(), inputs, &["input"]);
    Workload { reduction: Reduction::BatchMean, ..mean }
}

/// A loss of two numbers, of so many normal ones and these, and its gradient by the first.
pub fn pointwise(loss: impl Loss + 'static, elements: usize, second: Numbers) -> Workload {
    let [first_name, second_name] = [0, 1].map(|i| loss.definition().inputs[i].name);
    let inputs =
        [(first_name, vec![elements], Numbers::Normal), (second_name, vec![elements], second)];
    workload(loss, inputs, &[first_name])
}

fn workload<const N: usize>(
    loss: impl Loss + 'static,
    inputs: [(&'static str, Vec<usize>, Numbers); N],
    gradients: &[&'static str],
) -> Workload {
    let inputs = inputs.into_iter().map(|(name, shape, numbers)| Input { name, shape, numbers });
    Workload {
        name: loss.definition().name,
        inputs: inputs.collect(),
        loss: Box::new(loss),
        gradients: gradients.to_vec(),
        reduction: Reduction::Mean,
    }
}

fn below(first: i64, end: usize) -> Numbers {
    Numbers::Within(first, integer(end))
}

fn integer(size: usize) -> i64 {
    i64::try_from(size).expect("the list's sizes are small")
}

impl Workload {
    fn value_only(self) -> Self {
        Self { gradients: Vec::new(), ..self }
    }
}
