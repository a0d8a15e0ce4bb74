//! Plans for batches of any size.

use crate::common::buffers::{filled, kind};
use crate::common::recorded::outputs;
use crate::common::{Random, gpu, inputs};
use wgloss::{CrossEntropy, DType, Plan, Plans, Reduction, Request, Tensor, TensorKind, by_name};

/// The most items.
const MOST: usize = 1500;

/// The inputs of a loss for so many items.
type Shapes = fn(usize) -> Vec<(&'static str, TensorKind)>;

fn float(shape: &[usize]) -> TensorKind {
    kind(DType::F32, shape)
}

fn class(shape: &[usize]) -> TensorKind {
    kind(DType::I64, shape)
}

/// Losses of every family, with what broadcasts and what is no item's, and their gradients.
const CASES: [(&str, Shapes, &[&str]); 11] = [
    (
        "mse_loss",
        |n| vec![("input", float(&[n, 3])), ("target", float(&[n, 3])), ("weight", float(&[n, 3]))],
        &["input", "target", "weight"],
    ),
    (
        "huber_loss",
        |n| vec![("input", float(&[n, 3])), ("target", float(&[3]))],
        &["input", "target"],
    ),
    (
        "smooth_l1_loss",
        |n| vec![("input", float(&[n, 2, 3])), ("target", kind(DType::F16, &[1, 2, 1]))],
        &["target", "input"],
    ),
    (
        "gaussian_nll_loss",
        |n| vec![("input", float(&[n, 3])), ("target", float(&[n, 1])), ("var", float(&[n]))],
        &["input", "target", "var"],
    ),
    (
        "cross_entropy",
        |n| vec![("input", float(&[n, 7])), ("target", class(&[n])), ("weight", float(&[7]))],
        &["input"],
    ),
    (
        "cross_entropy",
        |n| vec![("input", float(&[n, 3, 5])), ("target", float(&[n, 3, 5]))],
        &["input", "target"],
    ),
    (
        "cosine_embedding_loss",
        |n| vec![("input1", float(&[n, 9])), ("input2", float(&[n, 9])), ("target", float(&[n]))],
        &["input1", "input2"],
    ),
    (
        "triplet_margin_loss",
        |n| ["anchor", "positive", "negative"].map(|name| (name, float(&[n, 4]))).to_vec(),
        &["anchor", "negative"],
    ),
    (
        "multilabel_margin_loss",
        |n| vec![("input", float(&[n, 5])), ("target", class(&[n, 5]))],
        &["input"],
    ),
    (
        "linear_cross_entropy",
        |n| {
            vec![
                ("input", float(&[n, 6])),
                ("linear_weight", float(&[11, 6])),
                ("target", class(&[n])),
                ("linear_bias", float(&[11])),
            ]
        },
        &["input", "linear_weight", "linear_bias"],
    ),
    (
        "ctc_loss",
        |n| {
            vec![
                ("log_probs", float(&[4, n, 5])),
                ("targets", class(&[n, 2])),
                ("input_lengths", class(&[n])),
                ("target_lengths", class(&[n])),
            ]
        },
        &["log_probs"],
    ),
];

/// Bit for bit.
fn same(a: &[Vec<f32>], b: &[Vec<f32>]) -> bool {
    let bits =
        |all: &[Vec<f32>]| -> Vec<u32> { all.iter().flatten().map(|x| x.to_bits()).collect() };
    bits(a) == bits(b)
}

fn padded(tensor: &Tensor<'_>) -> Vec<u8> {
    let mut bytes = tensor.bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Fewer items have the bits of a plan that is made for them, and nothing is written past them.
#[test]
fn fewer_items_are_as_if_planned_for_them() {
    let gpu = gpu();
    let mut random = Random(51);
    for (turn, (name, shapes, gradients)) in CASES.into_iter().enumerate() {
        let loss = by_name(name).expect("a loss");
        let kinds = shapes(MOST);
        let shaped: Vec<_> =
            kinds.iter().map(|(name, kind)| (*name, kind.dtype, &kind.shape[..])).collect();
        let tensors = inputs(&*loss, &shaped, 2, &mut random);
        let buffers: Vec<_> =
            kinds.iter().zip(&tensors).map(|(k, t)| (k.0, filled(&gpu, &padded(&t.1)))).collect();
        let reduction = [Reduction::Mean, Reduction::None][turn % 2];
        let request = Request { reduction, ..Request::with_gradients(gradients) };
        let plans = Plans::new(&gpu, by_name(name).expect("a loss"), &kinds, &request);
        let plans = plans.unwrap_or_else(|error| panic!("{name}: {error}"));
        for count in [1, 683, 1024, MOST - 1, MOST, 1, 0] {
            let plan = plans.of(count).unwrap_or_else(|error| panic!("{name}: {error}"));
            let alone = Plan::new(&gpu, &*loss, &shapes(count), &request).expect("a plan");
            assert_eq!(plan.output_shape(), alone.output_shape(), "{name}");
            let got = outputs(&gpu, &plan, &buffers, gradients, None);
            assert!(
                same(&got, &outputs(&gpu, &alone, &buffers, gradients, None)),
                "{name}, {count} items"
            );
        }
    }
}

#[test]
fn what_cannot_be_fewer_is_refused() {
    let gpu = gpu();
    let request = Request::default();
    let of = |n: usize| [("input", float(&[n, 3])), ("target", class(&[n]))];
    let plans = Plans::new(&gpu, CrossEntropy::default(), &of(8), &request).expect("a batch");
    let message = plans.of(9).map(drop).expect_err("more").to_string();
    assert_eq!(message, "count: size is 9, expected at most 8, for which it was planned");
    let row = [("input", float(&[3])), ("target", class(&[]))];
    let message = Plans::new(&gpu, CrossEntropy::default(), &row, &request).map(drop);
    let message = message.expect_err("one row").to_string();
    let want = "inputs: inputs without an axis of the batch is not valid, \
                expected a batch, of which there can be fewer items";
    assert_eq!(message, want);
}

/// All sizes write into the scratch memory of the largest, and sets of buffers are kept for each.
#[test]
fn sizes_share_their_memory() {
    let gpu = gpu();
    let of = |n: usize| [("input", float(&[n, 3])), ("target", class(&[n]))];
    let plans = Plans::new(&gpu, CrossEntropy::default(), &of(100_000), &Request::default());
    let plans = plans.expect("a batch").with_kept_sets(2);
    let most = plans.of(100_000).expect("the largest");
    let fewer = plans.of(10).expect("fewer");
    assert!(std::sync::Arc::ptr_eq(&fewer, &plans.of(10).expect("the same again")));
    assert!(most.scratch_bytes() >= 4 * 100_000);
    assert!(fewer.scratch_bytes() >= 4 * 100_000, "{}", fewer.scratch_bytes());
}
