//! Batches of sequences for CTC.

use super::{Random, assert_agrees, tensor};
use wgloss::{Batch, Ctc, DType, Error, Evaluation, Evaluator, Reduction, Request, Tensor};

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

/// A batch before it is made tensors.
#[derive(Clone)]
pub(crate) struct Case {
    /// `[T, N, C]` or `[T, C]`.
    pub(crate) shape: Vec<usize>,
    pub(crate) log_probs: Vec<f64>,
    /// A target for each sequence.
    pub(crate) targets: Vec<Vec<usize>>,
    pub(crate) input_lengths: Vec<usize>,
}

impl Case {
    /// Log-softmax of random numbers; labels other than the blank, now and then repeated.
    pub(crate) fn new(
        shape: &[usize],
        blank: usize,
        labels: &[usize],
        spread: f64,
        random: &mut Random,
    ) -> Self {
        let classes = *shape.last().expect("a shape");
        let rows = shape.iter().rev().skip(1).product();
        let mut log_probs = Vec::new();
        for _ in 0..rows {
            let row: Vec<f64> = (0..classes).map(|_| spread * random.unit()).collect();
            // float64 is rounded to float32 by the backends: give numbers that are both.
            #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
            let rounded = |x: f64| f64::from(x as f32);
            log_probs.extend(log_softmax(&row).into_iter().map(rounded));
        }
        let mut label = |previous: Option<usize>| match previous {
            Some(previous) if random.below(4) == 0 => previous,
            _ => (blank + 1 + random.below(classes - 1)) % classes,
        };
        let mut target = |&length: &usize| {
            (0..length).fold(Vec::new(), |mut target, _| {
                target.push(label(target.last().copied()));
                target
            })
        };
        let targets = labels.iter().map(&mut target).collect();
        let input_lengths = vec![shape[0]; labels.len()];
        Self { shape: shape.to_vec(), log_probs, targets, input_lengths }
    }

    /// The inputs, padded to the longest target or concatenated.
    pub(crate) fn inputs(
        &self,
        float: DType,
        integer: DType,
        padded: bool,
    ) -> Vec<(&'static str, Tensor<'static>)> {
        #[allow(clippy::cast_precision_loss, reason = "small")]
        let floats = |numbers: &[usize]| numbers.iter().map(|&n| n as f64).collect::<Vec<_>>();
        let lengths: Vec<usize> = self.targets.iter().map(Vec::len).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let (batch, mut numbers) = (lengths.len(), self.targets.concat());
        let mut shape = vec![numbers.len()];
        if padded {
            // 99 is no class: padding is not looked at.
            let row = |t: &Vec<usize>| [&t[..], &vec![99; longest - t.len()]].concat();
            numbers = self.targets.iter().flat_map(row).collect();
            shape = vec![batch, longest];
        }
        let of_batch = if self.shape.len() == 3 { vec![batch] } else { vec![] };
        vec![
            ("log_probs", tensor(float, &self.shape, &self.log_probs)),
            ("targets", tensor(integer, &shape, &floats(&numbers))),
            ("input_lengths", tensor(integer, &of_batch, &floats(&self.input_lengths))),
            ("target_lengths", tensor(integer, &of_batch, &floats(&lengths))),
        ]
    }

    #[track_caller]
    pub(crate) fn check(&self, what: &str, loss: &Ctc, random: &mut Random) {
        for padded in [true, false] {
            let inputs = self.inputs(DType::F32, DType::I64, padded);
            for reduction in REDUCTIONS {
                let what = format!("{what}, padded {padded}, {reduction}");
                check(&what, loss, &inputs, reduction, random);
            }
        }
    }
}

/// Value and gradient with an upstream gradient, and the value alone.
#[track_caller]
pub(crate) fn check(
    what: &str,
    loss: &Ctc,
    inputs: &[(&str, Tensor<'_>)],
    reduction: Reduction,
    random: &mut Random,
) {
    let terms = match (reduction, inputs[0].1.shape()) {
        (Reduction::None, &[_, batch, _]) => vec![batch],
        _ => vec![],
    };
    let numbers: Vec<f64> =
        (0..terms.iter().product()).map(|_| 2.0 * random.unit() - 1.0).collect();
    let upstream = Some(tensor(DType::F32, &terms, &numbers));
    let batch = Batch {
        inputs,
        upstream,
        request: Request { reduction, gradients: &["log_probs"], ..Request::default() },
        ..Batch::default()
    };
    assert_agrees(what, loss, &batch);
    assert_agrees(
        &format!("{what}, value"),
        loss,
        &Batch { inputs, request: Request { reduction, ..Request::default() }, ..Batch::default() },
    );
}

/// The unreduced losses and the gradient.
pub(crate) fn evaluated(
    backend: &Evaluator,
    loss: &Ctc,
    inputs: &[(&str, Tensor<'_>)],
) -> Result<Evaluation, Error> {
    let batch = Batch {
        inputs,
        request: Request {
            reduction: Reduction::None,
            gradients: &["log_probs"],
            ..Request::default()
        },
        ..Batch::default()
    };
    backend.evaluate_blocking(loss, &batch)
}

/// `log(softmax(x))`.
pub(crate) fn log_softmax(x: &[f64]) -> Vec<f64> {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
    x.iter().map(|x| (x - largest) - log_sum).collect()
}
