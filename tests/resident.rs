//! Batches whose tensors stay on the device.

use wgloss::{
    Batch, CrossEntropy, DType, Error, Evaluator, Gpu, Mse, Part, Reduction, Request, Resident,
    Tensor, TensorKind,
};

const ROWS: usize = 37;
const CLASSES: usize = 10;

fn logits(seed: u32) -> Vec<f64> {
    let numbers = (0..ROWS * CLASSES).map(|i| u32::try_from(i).unwrap_or(0));
    numbers.map(|i| f64::from((i * 7919 + seed * 104_729) % 1013) / 100.0 - 5.0).collect()
}

fn kinds() -> Vec<(&'static str, TensorKind)> {
    vec![
        ("input", TensorKind::new(DType::F64, [ROWS, CLASSES])),
        ("target", TensorKind::new(DType::U8, [ROWS])),
    ]
}

/// Runs that change one input have the bits of evaluations of the whole.
#[test]
fn runs_are_evaluations() -> Result<(), Error> {
    let gpu = Gpu::new_blocking()?;
    let labels: Vec<u8> = (0..ROWS).map(|i| u8::try_from(i * 3 % CLASSES).unwrap_or(0)).collect();
    let target = Tensor::from_slice(&labels, [ROWS])?;
    for reduction in [Reduction::Mean, Reduction::None] {
        let terms: Vec<f32> = (0u8..).take(ROWS).map(|i| f32::from(i) / 8.0).collect();
        let upstream = match reduction {
            Reduction::None => Tensor::from_slice(&terms, [ROWS])?,
            _ => Tensor::from_slice(&[0.5f32], [])?,
        };
        let request = Request {
            reduction,
            gradients: &["input"],
            upstream: true,
            totals: reduction == Reduction::Mean,
            ..Request::default()
        };
        let loss = CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() };
        let mut resident = Resident::new(&gpu, &loss, &kinds(), &request)?;
        resident.upload("target", &target)?;
        resident.upload("upstream", &upstream)?;
        for step in 0..3 {
            let input = logits(step);
            let input = Tensor::from_slice(&input, [ROWS, CLASSES])?;
            resident.upload("input", &input)?;
            resident.run_blocking(step + 1, None)?;
            let got = resident.read_blocking()?;
            let batch = Batch {
                inputs: &[("input", input), ("target", target.clone())],
                request: request.clone(),
                upstream: Some(upstream.clone()),
                ..Batch::default()
            };
            let expected = Evaluator::Gpu(gpu.clone()).evaluate_blocking(&loss, &batch)?;
            let bytes = |tensor: &Option<Tensor<'_>>| tensor.as_ref().map(|t| t.bytes().to_vec());
            assert_eq!(bytes(&got.value), bytes(&expected.value), "{reduction} {step}");
            assert_eq!(got.gradients[0].1.bytes(), expected.gradients[0].1.bytes(), "{step}");
            let whole = Part { first: 0, of: Some(ROWS as u64) };
            let placed = got.totals.map(|totals| totals.at(whole)).transpose()?;
            assert_eq!(placed, expected.totals);
            assert!(got.timings.kernels > std::time::Duration::ZERO);
        }
    }
    Ok(())
}

/// A run that is cancelled is left to the device; the next one has its results.
#[test]
fn a_cancelled_run_leaves_the_batch_usable() -> Result<(), Error> {
    let gpu = Gpu::new_blocking()?;
    let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, [2])));
    let mut resident = Resident::new(&gpu, &Mse, &kinds, &Request::default())?;
    for (name, numbers) in [("input", [3.0f32, 1.0]), ("target", [0.0, 0.0])] {
        resident.upload(name, &Tensor::from_slice(&numbers, [2])?)?;
    }
    let cancel = std::sync::atomic::AtomicBool::new(true);
    // It may be done before anybody asks.
    let error = resident.run_blocking(1, Some(&cancel)).err();
    assert!(error.is_none_or(|error| error == Error::Cancelled));
    resident.run_blocking(1, None)?;
    assert_eq!(resident.read_blocking()?.scalar(), Some(5.0));
    Ok(())
}

/// A bad class index is told by the run that met it, and by no later one.
#[test]
fn a_bad_index_is_forgotten_with_the_next_run() -> Result<(), Error> {
    let gpu = Gpu::new_blocking()?;
    let loss = CrossEntropy::default();
    let mut resident = Resident::new(&gpu, &loss, &kinds(), &Request::default())?;
    resident.upload("input", &Tensor::from_slice(&logits(1), [ROWS, CLASSES])?)?;
    let mut labels = [1u8; ROWS];
    labels[5] = 99;
    resident.upload("target", &Tensor::from_slice(&labels, [ROWS])?)?;
    resident.run_blocking(1, None)?;
    let error = resident.read_blocking().expect_err("a class that there is not").to_string();
    assert_eq!(error, "target[5] is 99, expected 0 to 9 or -100, which is ignored");
    resident.upload("target", &Tensor::from_slice(&[1u8; ROWS], [ROWS])?)?;
    resident.run_blocking(1, None)?;
    assert!(resident.read_blocking()?.scalar().is_some_and(f32::is_finite));
    Ok(())
}

#[test]
fn what_does_not_fit_is_refused() -> Result<(), Error> {
    let gpu = Gpu::new_blocking()?;
    let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, [2])));
    let mut resident = Resident::new(&gpu, &Mse, &kinds, &Request::default())?;
    let refused = |result: Result<(), Error>| result.expect_err("it does not fit").to_string();
    let input = [1.0f32, 2.0, 3.0];
    let three = Tensor::from_slice(&input, [3])?;
    let unfit = "input: shape [3] does not fit, expected [2], as planned";
    assert_eq!(refused(resident.upload("input", &three)), unfit);
    let integers = Tensor::from_slice(&[1i32, 2], [2])?;
    let unfit = "input: element type int32 does not fit, expected float32, as planned";
    assert_eq!(refused(resident.upload("input", &integers)), unfit);
    let unknown = "input \"inputs\" is not known; did you mean input?";
    let two = Tensor::from_slice(&input[..2], [2])?;
    assert!(refused(resident.upload("inputs", &two)).starts_with(&unknown[..28]));
    resident.upload("input", &two)?;
    let missing = "target: nothing is not valid, expected its data, uploaded before the run";
    assert_eq!(refused(resident.run_blocking(1, None)), missing);
    resident.upload("target", &two)?;
    let early = "read: nothing is not valid, expected a run before";
    assert_eq!(refused(resident.read_blocking().map(drop)), early);
    let none = "times: 0 is not valid, expected 1 or more";
    assert_eq!(refused(resident.run_blocking(0, None)), none);
    resident.run_blocking(1000, None)?;
    assert_eq!(resident.read_blocking()?.scalar(), Some(0.0));
    let counted = Request { counted: true, ..Request::default() };
    let refusal = Resident::new(&gpu, &Mse, &kinds, &counted).map(drop);
    assert!(refused(refusal).starts_with("counted: true is not valid"));
    Ok(())
}
