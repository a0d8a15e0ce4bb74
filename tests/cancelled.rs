//! Evaluations that are cancelled.

use crate::common::catalogue::all_inputs;
use crate::common::{self, Random, backends};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use wgloss::{
    Batch, CrossEntropy, Ctc, DType, Error, Evaluator, Huber, LinearCrossEntropy, LogCosh, Loss,
    Mse, MultiLabelMargin, Output, Reduction, Request, Sink, Tensor, TensorKind, catalogue,
};

#[test]
fn nothing_is_computed_where_it_was_cancelled_before() {
    let cancel = AtomicBool::new(true);
    let mut random = Random(5);
    for loss in catalogue() {
        let inputs = all_inputs(loss.as_ref(), DType::F32, &mut random).remove(0);
        let batch = Batch { inputs: &inputs, cancel: Some(&cancel), ..Batch::default() };
        for (backend_name, backend) in backends() {
            let name = loss.definition().name;
            let mut taken = Taken { cancel: &cancel, begun: false, elements: 0 };
            let error = backend.evaluate_to_blocking(loss.as_ref(), &batch, &mut taken).err();
            assert_eq!(error, Some(Error::Cancelled), "{name} on {backend_name}");
            assert!(!taken.begun, "{name} on {backend_name}: the sink is spared");
        }
    }
    assert_eq!(Error::Cancelled.kind(), "cancelled");
    assert_eq!(Error::Cancelled.to_string(), "the evaluation was cancelled");
}

/// Inputs by name.
type Named<'a> = &'a [(&'static str, Tensor<'static>)];

/// Work that another thread cancels while it is done, in each loop of the CPU that can be long.
#[test]
fn another_thread_cancels() {
    let zeros = |shape: &[usize]| common::tensor(DType::F32, shape, &vec![0.0; size(shape)]);
    let classes =
        |shape: &[usize], class: f64| common::tensor(DType::I64, shape, &vec![class; size(shape)]);
    let (column, row) = (zeros(&[16384, 1]), zeros(&[1, 8192]));
    let broadcast = [("input", column), ("target", row)];
    let capped = CrossEntropy { softcap: 1.0, ..CrossEntropy::default() };
    let logits = [("input", zeros(&[8192, 2048])), ("target", classes(&[8192], 3.0))];
    let labels = [("input", zeros(&[256, 1000])), ("target", classes(&[256, 1000], 0.0))];
    let sequences = [
        ("log_probs", zeros(&[200, 1024, 32])),
        ("targets", classes(&[1024, 60], 1.0)),
        ("input_lengths", classes(&[1024], 200.0)),
        ("target_lengths", classes(&[1024], 60.0)),
    ];
    let linear = [
        ("input", zeros(&[4096, 256])),
        ("linear_weight", zeros(&[8192, 256])),
        ("target", classes(&[4096], 3.0)),
    ];
    let cases: &[(&dyn Loss, Named<'_>, &[&str])] = &[
        (&LogCosh, &broadcast, &[]),
        (&Huber::default(), &broadcast, &["input", "target"]),
        (&capped, &logits, &["input"]),
        (&MultiLabelMargin, &labels, &["input"]),
        (&Ctc::default(), &sequences, &["log_probs"]),
        (&LinearCrossEntropy::default(), &linear, &[]),
        (&LinearCrossEntropy::default(), &linear, &["input", "linear_weight"]),
    ];
    for (loss, inputs, gradients) in cases {
        let what = format!("{}, gradients {gradients:?}", loss.definition().name);
        let request = Request::with_gradients(gradients);
        let batch = Batch { inputs, request, ..Batch::default() };
        let start = Instant::now();
        Evaluator::Cpu.evaluate_blocking(*loss, &batch).expect(&what);
        let whole = start.elapsed();
        // A machine that is busy with other tests may begin or end a thread late.
        let in_time = (0..3).any(|_| {
            let (error, time) = cancelled_after(whole / 10, *loss, &batch);
            error == Some(Error::Cancelled) && time < whole * 3 / 4
        });
        assert!(in_time, "{what}, of {whole:?}");
    }
}

fn size(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// How an evaluation ends that is cancelled after a time, and when.
fn cancelled_after(
    wait: Duration,
    loss: &dyn Loss,
    batch: &Batch<'_>,
) -> (Option<Error>, Duration) {
    let cancel = AtomicBool::new(false);
    let batch = Batch { cancel: Some(&cancel), ..batch.clone() };
    thread::scope(|scope| {
        let start = Instant::now();
        scope.spawn(|| {
            thread::sleep(wait);
            cancel.store(true, Ordering::Relaxed);
        });
        let error = Evaluator::Cpu.evaluate_blocking(loss, &batch).err();
        (error, start.elapsed())
    })
}

/// Cancels as soon as it has taken something.
struct Taken<'a> {
    cancel: &'a AtomicBool,
    begun: bool,
    elements: usize,
}

impl Sink for Taken<'_> {
    fn begin(&mut self, _: &[(Output, TensorKind)]) -> io::Result<()> {
        self.begun = true;
        Ok(())
    }

    fn take(&mut self, _: Output, elements: &[u8]) -> io::Result<()> {
        self.elements += elements.len() / 4;
        self.cancel.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn what_was_taken_stays_taken() {
    const COUNT: usize = 1 << 23;
    let numbers = vec![1.0f32; COUNT];
    let all = Tensor::from_slice(&numbers, [COUNT]).expect("a tensor");
    let small = Evaluator::Gpu(common::gpu().with_memory(1 << 23));
    for (name, backend) in [("gpu", small), ("cpu", Evaluator::Cpu)] {
        let cancel = AtomicBool::new(false);
        let batch = Batch {
            inputs: &[("input", all.clone()), ("target", all.clone())],
            request: Request { reduction: Reduction::None, ..Request::default() },
            cancel: Some(&cancel),
            ..Batch::default()
        };
        let mut taken = Taken { cancel: &cancel, begun: false, elements: 0 };
        let error = backend.evaluate_to_blocking(&Mse, &batch, &mut taken).err();
        assert_eq!(error, Some(Error::Cancelled), "{name}");
        assert!((1..COUNT).contains(&taken.elements), "{name}: {}", taken.elements);
    }
}

/// A device goes on with what it was given, and nobody waits for it; the next evaluation does.
#[test]
fn what_a_device_is_at_is_left() {
    let zeros = |shape: &[usize]| common::tensor(DType::F32, shape, &vec![0.0; size(shape)]);
    let inputs = [
        ("input", zeros(&[1024, 64])),
        ("linear_weight", zeros(&[8192, 64])),
        ("target", common::tensor(DType::I64, &[1024], &[3.0; 1024])),
    ];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let loss = LinearCrossEntropy::default();
    let gpu = Evaluator::Gpu(common::gpu());
    let evaluate = |batch: &Batch<'_>| gpu.evaluate_blocking(&loss, batch);
    let expected = evaluate(&batch).expect("an evaluation").scalar();
    let start = Instant::now();
    evaluate(&batch).expect("an evaluation");
    let whole = start.elapsed();
    let in_time = (0..3).any(|_| {
        let cancel = AtomicBool::new(false);
        let batch = Batch { cancel: Some(&cancel), ..batch.clone() };
        let (error, time) = thread::scope(|scope| {
            let start = Instant::now();
            scope.spawn(|| {
                thread::sleep(whole / 4);
                cancel.store(true, Ordering::Relaxed);
            });
            (evaluate(&batch).err(), start.elapsed())
        });
        // It may be done before, on a device that is fast.
        error.is_none_or(|error| error == Error::Cancelled)
            && time < whole.max(Duration::from_millis(300))
    });
    assert!(in_time, "of {whole:?}");
    assert_eq!(evaluate(&batch).expect("an evaluation").scalar(), expected);
}
