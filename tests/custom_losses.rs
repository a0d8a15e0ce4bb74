//! The losses of `examples/losses` agree with PyTorch's float64 answers in `tests/custom`, which
//! `cases.py` there writes: values, gradients, and second derivatives by the first argument. One file
//! in each of the two folders is all that a loss needs.

use crate::common::{self, assert_close, tensor};
use crate::custom::case::leave;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wgloss::definition::{Options, Role};
use wgloss::{Batch, Custom, DType, Evaluator, Loss, Reduction, Request, Tensor};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The names of the files with an extension, without it.
fn names(directory: &Path, extension: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).expect("a readable folder");
    let paths = entries.map(|entry| entry.expect("a directory entry").path());
    let chosen = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    let stem = |path: PathBuf| path.file_stem().and_then(|stem| stem.to_str()).map(str::to_string);
    chosen.map(|path| stem(path).expect("a name in UTF-8")).collect()
}

#[test]
fn published_losses() {
    check_all(&folder("examples/losses"), &folder("tests/custom"));
}

#[test]
fn published_losses_over_rows() {
    check_all(&folder("examples/losses_over_rows"), &folder("tests/custom/rows"));
}

fn check_all(shaders: &Path, answers: &Path) {
    let losses = names(shaders, "wgsl");
    assert_eq!(losses, names(answers, "json"), "the losses, and those with answers");
    assert!(!losses.is_empty(), "no losses in {}", shaders.display());
    for name in losses {
        let read = |path: PathBuf| std::fs::read_to_string(path).expect("a readable file");
        let source = read(shaders.join(format!("{name}.wgsl")));
        let answers = read(answers.join(format!("{name}.json")));
        let cases: Vec<Map<String, Value>> =
            serde_json::from_str(&answers).unwrap_or_else(|e| panic!("{name}.json: {e}"));
        assert!(!cases.is_empty(), "{name}.json has no cases");
        for (i, case) in cases.iter().enumerate() {
            let loss = configured(&name, &source, case);
            let first_line = source.lines().next().and_then(|line| line.strip_prefix("// "));
            assert_eq!(loss.documentation().lines().next(), first_line, "{name}");
            let what = format!("{name}, case {i}");
            let (inputs, gradients) = (inputs_of(&what, &loss, case), gradients_of(case));
            leave(&what, &loss, &inputs, &gradients);
            for (backend_name, backend) in common::backends() {
                check(&format!("{name}, case {i} on {backend_name}"), &backend, &loss, case);
            }
        }
    }
}

/// The loss with a case's parameters.
fn configured(name: &str, source: &str, case: &Map<String, Value>) -> Custom {
    let mut loss = Custom::new(source).unwrap_or_else(|e| panic!("{name}: {e}"));
    for (parameter, number) in object(case, "parameters") {
        let set = match number.as_f64() {
            Some(number) => loss.set(parameter, number),
            None => loss.set_table(parameter, &numbers(number)),
        };
        set.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    loss
}

fn inputs_of(
    what: &str,
    loss: &Custom,
    case: &Map<String, Value>,
) -> Vec<(&'static str, Tensor<'static>)> {
    let role = |name: &str| {
        let place = loss.definition().input(name).unwrap_or_else(|e| panic!("{what}: {e}"));
        loss.definition().inputs[place].role
    };
    let input = |(name, column): (&'static str, &Value)| {
        let (numbers, count) = (numbers(column), column.as_array().map_or(0, Vec::len));
        let (dtype, shape) = match role(name) {
            Role::ElementVectors(size) => (DType::F32, vec![count, size.into()]),
            Role::Signed => (DType::I64, vec![count]),
            Role::Flags => (DType::U8, vec![count]),
            // One row may be that of all.
            Role::RowsOrClasses if column[0].is_number() => (DType::F32, vec![count]),
            Role::RowsOrClasses => {
                let dtype = if column[0][0].is_i64() { DType::I64 } else { DType::F32 };
                (dtype, vec![count, numbers.len() / count])
            }
            Role::Index => (DType::I64, vec![count]),
            _ => (DType::F32, vec![count]),
        };
        (name, tensor(dtype, &shape, &numbers))
    };
    let names = loss.definition().inputs.iter().map(|input| input.name);
    let columns = names.filter_map(|name| Some((name, object(case, "inputs").get(name)?)));
    columns.map(input).collect()
}

fn gradients_of(case: &Map<String, Value>) -> Vec<&str> {
    object(case, "gradients").keys().map(String::as_str).collect()
}

fn check(what: &str, backend: &Evaluator, loss: &Custom, case: &Map<String, Value>) {
    let (inputs, gradients) = (inputs_of(what, loss, case), gradients_of(case));
    let slopes = object(case, "gradients");
    let evaluated = |loss: &Custom, gradients: &[&str]| {
        let batch = Batch {
            inputs: &inputs,
            request: Request { reduction: Reduction::None, gradients, ..Request::default() },
            ..Batch::default()
        };
        backend.evaluate_blocking(loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"))
    };
    let got = evaluated(loss, &gradients);
    assert_agrees(&format!("{what}: value"), got.value.as_ref(), &case["value"]);
    // Whatever else is asked for.
    let (with, without) = (got.value.as_ref(), evaluated(loss, &[]).value);
    assert_eq!(with.map(Tensor::bytes), without.as_ref().map(Tensor::bytes), "{what}: bits");
    assert_eq!(got.gradients.len(), slopes.len(), "{what}: gradients");
    for ((_, got), (name, want)) in got.gradients.iter().zip(slopes) {
        assert_agrees(&format!("{what}: gradient of {name}"), Some(got), want);
    }
    // By the first argument only, and left out where its terms cancel.
    for (name, second) in case.get("second").and_then(Value::as_object).into_iter().flatten() {
        let slope = loss.derivative(name).unwrap_or_else(|e| panic!("{what}: {e}"));
        let got = evaluated(&slope, &[name.as_str()]);
        assert_agrees(&format!("{what}: derivative by {name}"), got.value.as_ref(), &slopes[name]);
        let gradient = got.gradients.first().map(|(_, gradient)| gradient);
        assert_agrees(&format!("{what}: second derivative by {name}"), gradient, second);
    }
}

#[track_caller]
fn assert_agrees(what: &str, got: Option<&Tensor<'_>>, want: &Value) {
    let got = got.unwrap_or_else(|| panic!("{what}: is missing"));
    let want = numbers(want);
    let finite = want.iter().copied().filter(|x| x.is_finite());
    let scale = finite.map(f64::abs).fold(0.0, f64::max);
    assert_close(what, &got.to_f32(), &want, scale);
}

fn object<'a>(case: &'a Map<String, Value>, name: &str) -> &'a Map<String, Value> {
    case[name].as_object().expect("a part of a case")
}

/// The numbers of a column, vectors one after the other. JSON has no infinities: they are strings.
fn numbers(column: &Value) -> Vec<f64> {
    match column {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        Value::Bool(flag) => vec![f64::from(u8::from(*flag))],
        x => vec![x.as_f64().or_else(|| x.as_str()?.parse().ok()).expect("a number of a case")],
    }
}
