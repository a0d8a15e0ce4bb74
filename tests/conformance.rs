//! Runs every conformance case on the CPU backend and on the GPU, as `conformance/FORMAT.md` says.

use crate::common;
use safetensors::SafeTensors;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wgloss::definition::Setting;
use wgloss::{Batch, DType, Error, Evaluator, Loss, Reduction, Request, Tensor, losses};

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    unsupported: BTreeMap<String, usize>,
}

fn directory() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    std::env::var_os("WGLOSS_CONFORMANCE").map_or(own, PathBuf::from)
}

#[test]
fn conformance() {
    let mut tally = Tally::default();
    let directory = directory();
    let entries = std::fs::read_dir(&directory).expect("the conformance directory is readable");
    let mut sets: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    sets.sort();
    assert!(!sets.is_empty(), "no sets in {}", directory.display());
    for set in sets {
        run_set(&set, &mut tally);
    }
    for (what, count) in &tally.unsupported {
        println!("unsupported: {what} ({count} cases)");
    }
    let failed = tally.failed + tally.unsupported.values().sum::<usize>();
    println!("{} passed, {failed} failed", tally.passed);
    assert!(tally.passed > 0, "no case was run");
    assert_eq!(failed, 0, "cases disagree or are not supported");
}

fn run_set(path: &Path, tally: &mut Tally) {
    let text = std::fs::read_to_string(path).expect("a readable set");
    let set: Value = serde_json::from_str(&text).expect("a set of JSON");
    let bytes = std::fs::read(path.with_extension("safetensors")).expect("a set's tensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("a set's tensors are safetensors");
    for case in set["cases"].as_array().expect("a set has cases") {
        let op = case["op"].as_str().expect("a case has an op");
        let id = case["id"].as_str().expect("a case has an id");
        match configured(op, &case["options"]) {
            Err(Configured::Unsupported(what)) => *tally.unsupported.entry(what).or_default() += 1,
            loss => {
                let loss = loss.map_err(Configured::error);
                for (name, backend) in common::backends() {
                    match run_case(&backend, &loss, case, &tensors) {
                        Ok(()) => tally.passed += 1,
                        Err(problem) => {
                            println!("{id} on {name}: {problem}");
                            tally.failed += 1;
                        }
                    }
                }
            }
        }
    }
}

enum Configured {
    /// The loss, or an option of it, is not built.
    Unsupported(String),
    Invalid(Error),
}

impl Configured {
    fn error(self) -> Error {
        match self {
            Self::Invalid(error) => error,
            Self::Unsupported(what) => unreachable!("{what} was counted"),
        }
    }
}

/// The loss with a case's options.
fn configured(op: &str, options: &Value) -> Result<(Box<dyn Loss>, Reduction), Configured> {
    let Ok(mut loss) = losses::by_name(op) else {
        return Err(Configured::Unsupported(op.to_string()));
    };
    let mut reduction = loss.definition().reductions[0].name().to_string();
    for (name, value) in options.as_object().unwrap_or(&Map::new()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        if name == "reduction" {
            reduction = text;
            continue;
        }
        let mut settings = loss.options();
        let Some((_, setting)) = settings.iter_mut().find(|(known, _)| known == name) else {
            return Err(Configured::Unsupported(format!("{op} with {name}")));
        };
        // JSON writes whole numbers as such, and integers may come as 1.0.
        let text = match setting {
            Setting::Integer(_) | Setting::OptionalInteger(_) => {
                text.trim_end_matches(".0").to_string()
            }
            _ => text,
        };
        setting.set(name, &text).map_err(Configured::Invalid)?;
    }
    Ok((loss, reduction.parse().map_err(Configured::Invalid)?))
}

fn tensor<'a>(tensors: &'a SafeTensors<'a>, name: &Value) -> Tensor<'a> {
    let name = name.as_str().expect("a tensor's name");
    let view = tensors.tensor(name).expect("a tensor of the set");
    let dtype = match view.dtype() {
        safetensors::Dtype::F32 => DType::F32,
        safetensors::Dtype::F64 => DType::F64,
        safetensors::Dtype::I64 => DType::I64,
        other => panic!("{name} is {other:?}"),
    };
    Tensor::from_bytes(dtype, view.shape(), view.data()).expect("a valid tensor")
}

fn run_case(
    backend: &Evaluator,
    loss: &Result<(Box<dyn Loss>, Reduction), Error>,
    case: &Value,
    tensors: &SafeTensors<'_>,
) -> Result<(), String> {
    let named = case["inputs"].as_object().expect("a case has inputs");
    let inputs: Vec<(&str, Tensor<'_>)> =
        named.iter().map(|(name, place)| (name.as_str(), tensor(tensors, place))).collect();
    let empty = Map::new();
    let grads = case["grads"].as_object().unwrap_or(&empty);
    let gradients: Vec<&str> = grads.keys().map(String::as_str).collect();
    let upstream = case.get("grad_output").map(|name| float32(&tensor(tensors, name)));
    let result = loss.as_ref().map_err(Error::clone).and_then(|(loss, reduction)| {
        backend.evaluate_blocking(
            loss.as_ref(),
            &Batch {
                inputs: &inputs,
                upstream,
                request: Request {
                    reduction: *reduction,
                    gradients: &gradients,
                    ..Request::default()
                },
                ..Batch::default()
            },
        )
    });
    if case.get("error").is_some() {
        return match result {
            Err(error) => refused(&error, case),
            Ok(answer) => Err(format!("not refused, but {:?}", answer.value)),
        };
    }
    let answer = result.map_err(|error| error.to_string())?;
    let value = answer.value.ok_or("no value")?;
    let scale = case["loss_scale"].as_f64().unwrap_or(0.0);
    compare("loss", &value, &tensor(tensors, &case["loss"]), scale)?;
    for ((_, got), (name, place)) in answer.gradients.iter().zip(grads) {
        let want = tensor(tensors, place);
        let largest = want.to_f64().into_iter().map(f64::abs).fold(0.0, f64::max);
        compare(&format!("gradient of {name}"), got, &want, largest)?;
    }
    Ok(())
}

/// A refusal names an input or option of the case; what wgpu or the adapter refuses is a failure.
fn refused(error: &Error, case: &Value) -> Result<(), String> {
    let message = error.to_string();
    let names = ["inputs", "options"].into_iter().filter_map(|part| case[part].as_object());
    let named = names.flat_map(Map::keys).any(|name| message.contains(name.as_str()));
    let ours = !matches!(
        error,
        Error::Refused { .. } | Error::DeviceLost { .. } | Error::NoAdapter { .. }
    );
    if named && ours { Ok(()) } else { Err(format!("refused as {message:?}")) }
}

fn float32(tensor: &Tensor<'_>) -> Tensor<'static> {
    let bytes = bytemuck::cast_slice(&tensor.to_f32()).to_vec();
    Tensor::from_bytes(DType::F32, tensor.shape(), bytes).expect("the same shape")
}

fn compare(what: &str, got: &Tensor<'_>, want: &Tensor<'_>, scale: f64) -> Result<(), String> {
    if got.shape() != want.shape() {
        return Err(format!("{what}: shape {:?}, want {:?}", got.shape(), want.shape()));
    }
    let excess = |got: f64, want: f64| {
        if got == want || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        let tolerance = 1e-5 * want.abs() + 1e-6 * scale;
        if !want.is_finite() || !got.is_finite() {
            f64::INFINITY
        } else {
            (got - want).abs() / tolerance
        }
    };
    let pairs = got.to_f64().into_iter().zip(want.to_f64());
    let worst = pairs.max_by(|a, b| excess(a.0, a.1).total_cmp(&excess(b.0, b.1)));
    match worst {
        Some((got, want)) if excess(got, want) > 1.0 => {
            Err(format!("{what}: worst element {got:e}, want {want:e}, scale {scale:e}"))
        }
        _ => Ok(()),
    }
}
