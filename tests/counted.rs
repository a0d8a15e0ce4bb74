//! Batches whose number of items is in a buffer.

use crate::common::buffers::{filled, kind};
use crate::common::recorded::{HELD, outputs};
use crate::common::{Random, gpu, inputs, limited};
use wgloss::{
    CrossEntropy, Ctc, DType, Evaluator, Loss, Mse, Plan, Reduction, Request, Tensor, TensorKind,
    by_name,
};

/// The items of a batch.
pub(crate) const MOST: usize = 1200;

fn float(shape: &[usize]) -> TensorKind {
    kind(DType::F32, shape)
}

pub(crate) type Shapes = fn(usize) -> Vec<(&'static str, TensorKind)>;

/// A loss, its inputs, and for each gradient whether it has the items.
type Case = (&'static str, Shapes, &'static [(&'static str, bool)]);

const CASES: [Case; 8] = [
    (
        "mse_loss",
        |n| vec![("input", float(&[n, 7])), ("target", float(&[n, 7])), ("weight", float(&[n, 7]))],
        &[("input", true), ("weight", true)],
    ),
    (
        "huber_loss",
        |n| vec![("input", float(&[n, 7])), ("target", float(&[7]))],
        &[("input", true), ("target", false)],
    ),
    (
        "cross_entropy",
        |n| {
            let target = kind(DType::I64, &[n, 3]);
            vec![("input", float(&[n, 5, 3])), ("target", target), ("weight", float(&[5]))]
        },
        &[("input", true)],
    ),
    (
        "multi_margin_loss",
        |n| {
            let target = kind(DType::I64, &[n]);
            vec![("input", float(&[n, 6])), ("target", target), ("weight", float(&[6]))]
        },
        &[("input", true)],
    ),
    (
        "kl_div",
        |n| vec![("input", float(&[n, 4])), ("target", float(&[n, 4]))],
        &[("input", true), ("target", true)],
    ),
    (
        "triplet_margin_loss",
        |n| ["anchor", "positive", "negative"].map(|name| (name, float(&[n, 4]))).to_vec(),
        &[("anchor", true), ("negative", true)],
    ),
    (
        "total_variation_loss",
        |n| {
            let labels = kind(DType::I64, &[n, 2]);
            vec![("input", float(&[n, 5, 2])), ("teacher", float(&[n, 5, 2])), ("labels", labels)]
        },
        &[("input", true), ("teacher", true)],
    ),
    (
        "ranking_softmax_loss",
        |n| ["input", "target", "mask"].map(|name| (name, float(&[n, 3]))).to_vec(),
        &[("input", true), ("target", true)],
    ),
];

/// The items that there are have the bits of a plan for as many, and the others are 0.
#[test]
fn items_past_the_count_are_left_out() {
    let mut random = Random(61);
    for (name, shapes, gradients) in CASES {
        let loss = by_name(name).expect("a loss");
        let kinds = shapes(MOST);
        let shaped: Vec<_> =
            kinds.iter().map(|(name, kind)| (*name, kind.dtype, &kind.shape[..])).collect();
        let tensors = inputs(&*loss, &shaped, 5, &mut random);
        assert_counts(name, &*loss, (shapes, &tensors), gradients);
    }
}

/// The items that a buffer counts have the bits of a plan for as many, and the others are 0; for each gradient it is
/// said whether it has the items.
#[track_caller]
pub(crate) fn assert_counts(
    name: &str,
    loss: &dyn Loss,
    (shapes, tensors): (Shapes, &[(&'static str, Tensor<'static>)]),
    gradients: &[(&'static str, bool)],
) {
    // In one piece, and in windows of few items.
    let Evaluator::Gpu(small) = limited(32 << 10, 65_535, 8) else { unreachable!("a GPU") };
    let names: Vec<&str> = gradients.iter().map(|(name, _)| *name).collect();
    let kinds = shapes(MOST);
    for gpu in &[gpu(), small] {
        let buffers: Vec<_> =
            kinds.iter().zip(tensors).map(|(k, (_, t))| (k.0, filled(gpu, t.bytes()))).collect();
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            let request = || Request { reduction, ..Request::with_gradients(&names) };
            let counted = Request { counted: true, ..request() };
            let plan = Plan::new(gpu, loss, &kinds, &counted).expect("a plan");
            for count in [1, 683, MOST, MOST + 5] {
                let there = count.min(MOST);
                let alone = Plan::new(gpu, loss, &shapes(there), &request()).expect("a plan");
                let want = outputs(gpu, &alone, &buffers, &names, None);
                let counted = u32::try_from(count).expect("a small number");
                let got = outputs(gpu, &plan, &buffers, &names, Some(counted));
                let items = [reduction == Reduction::None];
                let items = items.into_iter().chain(gradients.iter().map(|(_, items)| *items));
                for ((got, want), items) in got.iter().zip(&want).zip(items) {
                    let what = format!("{name}, {reduction}, {count} items");
                    let own = want.iter().take_while(|&&x| x != HELD).count();
                    let all = got.iter().take_while(|&&x| x != HELD).count();
                    assert!(got[..own] == want[..own], "{what}");
                    assert_eq!(
                        all * if items { there } else { 1 },
                        own * if items { MOST } else { 1 }
                    );
                    assert!(got[own..all].iter().all(|&x| x == 0.0), "{what}: the others");
                }
            }
        }
    }
}

/// A mean over nothing is NaN, as it is for empty inputs, and its gradients are 0.
#[test]
fn no_items_are_an_empty_batch() {
    let gpu = gpu();
    let kinds = [("input", float(&[9, 4])), ("target", float(&[9, 4]))];
    let request = Request { counted: true, ..Request::with_gradients(&["input"]) };
    let plan = Plan::new(&gpu, &Mse, &kinds, &request).expect("a plan");
    let buffers = kinds.map(|(name, _)| (name, filled(&gpu, &[1.5f32; 36])));
    let got = outputs(&gpu, &plan, &buffers, &["input"], Some(0));
    assert!(got[0][0].is_nan());
    assert!(got[1][..36].iter().all(|&x| x == 0.0));
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let gpu = gpu();
    let refused = |loss: &dyn Loss, kinds: &[(&str, TensorKind)], request: Request<'_>| {
        let plan = Plan::new(&gpu, loss, kinds, &Request { counted: true, ..request });
        plan.map(drop).expect_err("no count").to_string()
    };
    let not = |why: &str| format!("counted: true {why} is not valid, expected false");
    let two = [("input", float(&[9, 4])), ("target", float(&[9, 4]))];
    let totals = Request { totals: true, ..Request::default() };
    assert_eq!(refused(&Mse, &two, totals), not("with totals or a denominator"));
    let own = Ctc::default();
    let message = refused(&own, &own.example(), Request::default());
    assert_eq!(message, not("with a loss that has kernels of its own"));
    let row = [("input", float(&[4])), ("target", kind(DType::I64, &[]))];
    let message = refused(&CrossEntropy::default(), &row, Request::default());
    assert_eq!(message, not("without an axis of the batch"));
    let tensors = two.map(|(name, kind)| {
        (name, Tensor::from_bytes(kind.dtype, kind.shape, vec![0; 144]).expect("zeros"))
    });
    let request = Request { counted: true, ..Request::default() };
    let batch = wgloss::Batch { inputs: &tensors, request, ..wgloss::Batch::default() };
    let message = wgloss::Evaluator::Cpu.evaluate_blocking(&Mse, &batch).map(drop);
    let want =
        "counted: true is not valid, expected false: an evaluation has no buffers of the program's";
    assert_eq!(message.expect_err("no buffers").to_string(), want);
}
