//! Outputs that are taken as they are computed, and inputs of every type, read where they lie.

use crate::common::catalogue::{Inputs, all_inputs};
use crate::common::{self, FLOATS, INTEGERS, Random, bits, differentiable, tensor};
use std::io;
use wgloss::definition::Role;
use wgloss::{
    Batch, Broadcast, CrossEntropy, DType, Error, Evaluation, Evaluator, GradientType, Loss,
    MarginRanking, Mse, MultiMargin, Output, Reduction, Request, Sink, Tensor, TensorKind,
};

/// Puts what comes together again.
#[derive(Default)]
struct Collected {
    outputs: Vec<(Output, TensorKind, Vec<u8>)>,
    most: usize,
    /// Whether all terms have been told of.
    done: bool,
}

impl Sink for Collected {
    fn begin(&mut self, outputs: &[(Output, TensorKind)]) -> io::Result<()> {
        assert!(self.outputs.is_empty(), "it begins once");
        let outputs = outputs.iter().map(|(output, kind)| (*output, kind.clone(), Vec::new()));
        self.outputs = outputs.collect();
        Ok(())
    }

    fn take(&mut self, output: Output, elements: &[u8]) -> io::Result<()> {
        let own = self.outputs.iter_mut().find(|own| own.0 == output).expect("it was announced");
        own.2.extend_from_slice(elements);
        self.most = self.most.max(elements.len());
        Ok(())
    }

    fn progress(&mut self, done: u64, all: u64) {
        assert!(done <= all, "{done} of {all}");
        self.done = done == all;
    }
}

/// The same evaluation with what was collected.
fn together(evaluation: Evaluation, collected: Collected) -> Evaluation {
    let mut whole = evaluation;
    for (output, kind, bytes) in collected.outputs {
        let what = format!("{output} of {kind:?}");
        let tensor = Tensor::from_bytes(kind.dtype, kind.shape, bytes).expect(&what);
        match output {
            Output::Value => whole.value = Some(tensor),
            Output::Gradient(name) => whole.gradients.push((name, tensor)),
        }
    }
    whole
}

/// A sink gets the bits that memory does. The most bytes that it was given at once.
#[track_caller]
pub(crate) fn assert_same(backend: &Evaluator, loss: &dyn Loss, batch: &Batch<'_>) -> usize {
    let what = format!("{} on {backend:?}, {:?}", loss.definition().name, batch.request);
    let want = backend.evaluate_blocking(loss, batch).expect(&what);
    let mut collected = Collected::default();
    let got = backend.evaluate_to_blocking(loss, batch, &mut collected).expect(&what);
    assert!(got.gradients.is_empty(), "{what}: they went to the sink");
    let most = collected.most;
    assert!(collected.done || most < 1 << 20, "{what}: the last window is told of");
    let got = together(got, collected);
    assert_eq!(bits(&got), bits(&want), "{what}");
    assert_eq!(got.totals, want.totals, "{what}");
    let shapes = |evaluation: &Evaluation| -> Vec<Vec<usize>> {
        let gradients = evaluation.gradients.iter().map(|(_, tensor)| tensor);
        gradients.chain(&evaluation.value).map(|tensor| tensor.shape().to_vec()).collect()
    };
    assert_eq!(shapes(&got), shapes(&want), "{what}");
    most
}

#[test]
fn every_loss_gives_a_sink_what_it_gives_memory() {
    let mut random = Random(51);
    for (i, loss) in wgloss::catalogue().iter().enumerate() {
        for (j, inputs) in all_inputs(loss.as_ref(), DType::F16, &mut random).iter().enumerate() {
            let gradients = differentiable(loss.as_ref(), inputs);
            let reductions = [Reduction::None, loss.definition().reductions[0]];
            let gradient_type = [GradientType::Float32, GradientType::Input][j % 2];
            for reduction in reductions {
                let request = Request { reduction, gradient_type, ..Request::default() };
                let request = Request { gradients: &gradients, ..request };
                let batch = Batch { inputs, request, ..Batch::default() };
                assert_same(&Evaluator::Cpu, loss.as_ref(), &batch);
                // Kernels take long to compile.
                if (i + j) % 4 == 0 && reduction == Reduction::None {
                    assert_same(&Evaluator::Gpu(common::gpu()), loss.as_ref(), &batch);
                }
            }
        }
    }
}

/// Batches of several windows and pieces: dense, gathered, with a weight, with classes apart.
fn large() -> Vec<(Box<dyn Loss>, Inputs)> {
    let mut random = Random(52);
    let mut numbers = |dtype, shape: &[usize]| {
        let count = shape.iter().product();
        tensor(dtype, shape, &(0..count).map(|_| random.unit()).collect::<Vec<_>>())
    };
    let (f, h) = (DType::F32, DType::F16);
    let count = 1_300_001;
    let indices = |rows: usize, shape: &[usize]| {
        let classes: Vec<f64> = (0..rows).map(|i| [0.0, 2.0, -100.0, 1.0][i * 7 % 4]).collect();
        tensor(DType::I16, shape, &classes)
    };
    let mse = || Box::new(Mse);
    let entropy = || Box::new(CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() });
    vec![
        (mse(), vec![("input", numbers(f, &[count])), ("target", numbers(h, &[count]))]),
        // What kernels do not read is rounded as it is uploaded.
        (
            mse(),
            vec![("input", numbers(DType::F64, &[count])), ("target", indices(count, &[count]))],
        ),
        (
            mse(),
            vec![
                ("input", numbers(f, &[700, 1501])),
                ("target", numbers(h, &[1501])),
                ("weight", numbers(f, &[700, 1501])),
            ],
        ),
        (mse(), vec![("input", numbers(f, &[700, 1, 3])), ("target", numbers(f, &[500, 3]))]),
        (
            entropy(),
            vec![
                ("input", numbers(f, &[400_000, 3])),
                ("target", indices(400_000, &[400_000])),
                ("weight", numbers(f, &[3])),
            ],
        ),
        (
            entropy(),
            vec![
                ("input", numbers(h, &[300, 3, 37, 31])),
                ("target", indices(300 * 37 * 31, &[300, 37, 31])),
            ],
        ),
        (entropy(), vec![("input", numbers(f, &[9, 150_000])), ("target", indices(9, &[9]))]),
        (
            Box::new(MultiMargin::default()),
            vec![("input", numbers(f, &[3000, 400])), ("target", numbers(DType::U8, &[3000]))],
        ),
    ]
}

#[test]
fn windows_and_pieces_have_the_bits_of_the_whole() {
    for (loss, inputs) in large() {
        let gradients = differentiable(loss.as_ref(), &inputs);
        for reduction in [Reduction::Mean, Reduction::None] {
            let request = Request { reduction, gradients: &gradients, ..Request::default() };
            let totals = reduction != Reduction::None;
            let request = Request { totals: totals && inputs.len() < 3, ..request };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let most = assert_same(&Evaluator::Cpu, loss.as_ref(), &batch);
            assert!(most <= 8 << 20, "{most} bytes at once");
            let whole = Evaluator::Gpu(common::gpu());
            let want = whole.evaluate_blocking(loss.as_ref(), &batch).expect("valid inputs");
            let pieces = Evaluator::Gpu(common::gpu().with_memory(8 << 20));
            let got = pieces.evaluate_blocking(loss.as_ref(), &batch).expect("valid inputs");
            let what = format!("{}, {reduction}, {inputs:?}", loss.definition().name);
            assert_eq!(bits(&got), bits(&want), "{what}");
            assert_eq!(got.totals, want.totals, "{what}");
            assert_same(&pieces, loss.as_ref(), &batch);
        }
    }
}

/// Numbers that all types have, in memory of any alignment.
fn numbers_of(dtype: DType, shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    let aligned = tensor(dtype, shape, numbers);
    // A leaked byte before them: only so a tensor is borrowed from an odd address.
    let bytes = [&[0][..], aligned.bytes()].concat();
    Tensor::from_bytes(dtype, shape, &bytes.leak()[1..]).expect("as many as the shape has")
}

/// What takes numbers takes integers too, as PyTorch does: labels of 0 and 1, of 1 and -1, counts.
#[test]
fn inputs_of_every_type_are_the_numbers_that_they_hold() {
    let mut random = Random(53);
    let shape = [37, 5];
    let numbers = |random: &mut Random, count: usize| -> Vec<f64> {
        (0..count).map(|_| if random.unit() < 0.5 { 0.0 } else { 1.0 }).collect()
    };
    for loss in wgloss::catalogue() {
        let own = all_inputs(loss.as_ref(), DType::F32, &mut random).swap_remove(1);
        for (place, dtype) in FLOATS.into_iter().chain(INTEGERS).enumerate() {
            let mut plain: Vec<(&str, Tensor<'_>)> = Vec::new();
            let mut typed = plain.clone();
            for (name, one) in &own {
                if one.dtype() != DType::F32 {
                    plain.push((name, one.clone()));
                    typed.push((name, one.clone()));
                    continue;
                }
                let numbers = numbers(&mut random, one.len());
                plain.push((name, tensor(DType::F32, one.shape(), &numbers)));
                typed.push((name, numbers_of(dtype, one.shape(), &numbers)));
            }
            let name = loss.definition().name;
            let run = |backend: &Evaluator, inputs: &[(&str, Tensor<'_>)]| {
                backend.evaluate_blocking(loss.as_ref(), &Batch { inputs, ..Batch::default() })
            };
            // A target of integers may be something else: class indices.
            let index = |(_, tensor): &(&str, Tensor<'_>)| !tensor.dtype().is_float();
            let takes_no_integers = common::takes_vectors(loss.as_ref());
            if takes_no_integers && !dtype.is_float() {
                continue;
            }
            let inputs = loss.definition().inputs;
            let takes_classes = inputs.iter().any(|input| input.role == Role::IndexOrRows);
            if takes_classes && typed.iter().any(index) && !plain.iter().any(index) {
                continue;
            }
            let want = run(&Evaluator::Cpu, &plain).expect("valid inputs");
            let got = run(&Evaluator::Cpu, &typed).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(bits(&got), bits(&want), "{name} of {dtype}");
            if place % 4 == name.len() % 4 {
                let gpu = Evaluator::Gpu(common::gpu());
                let want = run(&gpu, &plain).expect("valid inputs");
                let got = run(&gpu, &typed).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(bits(&got), bits(&want), "{name} of {dtype} on the GPU");
            }
        }
    }
    // There is no gradient by integers.
    let inputs = ["input1", "input2", "target"].map(|name| {
        let ones = vec![1.0; 185];
        (name, tensor(if name == "target" { DType::I64 } else { DType::F32 }, &shape, &ones))
    });
    let request = Request::with_gradients(&["target"]);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in common::backends() {
        let error = backend.evaluate_blocking(&MarginRanking::default(), &batch);
        let error = error.expect_err("no gradient").to_string();
        assert!(error.contains("target of int64"), "{name}: {error}");
    }
}

/// Says no where it is told to.
struct Full {
    at: Option<Output>,
    left: usize,
}

impl Sink for Full {
    fn begin(&mut self, _: &[(Output, TensorKind)]) -> io::Result<()> {
        if self.at.is_none() { Err(io::Error::other("no room at all")) } else { Ok(()) }
    }

    fn take(&mut self, output: Output, _: &[u8]) -> io::Result<()> {
        self.left = self.left.saturating_sub(1);
        if Some(output) == self.at && self.left == 0 {
            return Err(io::Error::other("no room left"));
        }
        Ok(())
    }
}

#[test]
fn a_sink_that_takes_no_more_is_an_error() {
    let (loss, inputs) = large().swap_remove(0);
    let request = Request::with_gradients(&["input"]);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let backends = [
        Evaluator::Cpu,
        Evaluator::Gpu(common::gpu()),
        Evaluator::Gpu(common::gpu().with_memory(1)),
    ];
    for backend in backends {
        let run = |sink: &mut Full| backend.evaluate_to_blocking(loss.as_ref(), &batch, sink);
        let gradient = Output::Gradient("input");
        let error = run(&mut Full { at: Some(gradient), left: 1 }).expect_err("it is full");
        let (argument, reason) = ("gradient input".into(), "no room left".into());
        assert_eq!(error, Error::Sink { argument, reason }, "{backend:?}");
        let error = run(&mut Full { at: None, left: 0 }).expect_err("it is full");
        let (argument, reason) = ("outputs".into(), "no room at all".into());
        assert_eq!(error, Error::Sink { argument, reason }, "{backend:?}");
        assert!(run(&mut Full { at: Some(Output::Value), left: 0 }).is_ok(), "{backend:?}");
    }
}

/// A column against a row makes a square, as in PyTorch, which is told.
#[test]
fn broadcasts_that_are_seldom_meant_are_told() {
    let of = |shape: &[usize]| tensor(DType::F32, shape, &vec![1.0; shape.iter().product()]);
    for (_, backend) in common::backends() {
        let run = |input: &[usize], target: &[usize]| {
            let inputs = [("input", of(input)), ("target", of(target))];
            let batch = Batch { inputs: &inputs, ..Batch::default() };
            backend.evaluate_blocking(&Mse, &batch).expect("valid inputs").broadcast
        };
        let inputs = vec![("input", vec![8, 1]), ("target", vec![8])];
        assert_eq!(run(&[8, 1], &[8]), Some(Broadcast { inputs, terms: vec![8, 8] }));
        assert_eq!(run(&[8, 3], &[3]), None);
        assert_eq!(run(&[8], &[]), None);
        assert_eq!(run(&[0, 1], &[3]), None);
    }
}

/// What cannot be had is an error that names the output and its size, and nothing is lost.
#[test]
fn a_result_that_does_not_fit_into_memory_is_an_error() {
    // A column against a row: no address space has room for the losses.
    let bytes = vec![1u8; 1 << 24];
    let column = Tensor::from_slice(&bytes, [1 << 24, 1]).expect("the size");
    let row = Tensor::from_slice(&bytes, [1 << 24]).expect("the size");
    let inputs = [("input", column), ("target", row)];
    let request = Request { reduction: Reduction::None, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let error = Evaluator::Cpu.evaluate_blocking(&Mse, &batch).expect_err("2^50 bytes");
    assert!(
        matches!(&error, Error::Memory { argument, bytes: 0x4_0000_0000_0000, .. } if argument == "value"),
        "{error}"
    );
    let told = error.to_string();
    assert!(told.starts_with("value: needs 1125899906842624 bytes of memory"), "{told}");
}
