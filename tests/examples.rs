//! The examples do what they say. `cargo test` builds them; with `--test main`, build them first.

use std::path::Path;
use std::process::Command;

/// What an example prints.
fn run(name: &str, arguments: &[&str]) -> String {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.parent().and_then(Path::parent).expect("the profile's folder");
    let example = folder.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(example.exists(), "{}: build the examples first", example.display());
    let output = Command::new(example).args(arguments).output().expect("the example starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{name}: {}\n{out}\n{err}", output.status);
    out
}

/// The numbers after a word at the start of a line.
fn numbers(out: &str, word: &str) -> Vec<f64> {
    let lines = out.lines().filter_map(|line| line.strip_prefix(word));
    let number = |line: &str| line.split_whitespace().next().and_then(|word| word.parse().ok());
    lines.map(|line| number(line).unwrap_or_else(|| panic!("no number: {line}"))).collect()
}

#[test]
fn embed() {
    let loss = numbers(&run("embed", &[]), "loss ");
    assert!(loss.len() == 1 && (loss[0] - 0.621_627_1).abs() < 1e-6, "{loss:?}");
}

#[test]
fn train_digits() {
    for hidden in [&[][..], &["16"]] {
        let out = run("train_digits", hidden);
        let losses: Vec<f64> = out
            .lines()
            .filter_map(|line| line.split_once("loss "))
            .map(|(_, loss)| loss.parse().expect("a loss"))
            .collect();
        assert_eq!(losses.len(), 6, "{out}");
        assert!(losses.is_sorted_by(|a, b| a > b), "the loss falls: {out}");
        let accuracy = numbers(&out, "accuracy ");
        assert!(accuracy.len() == 1 && accuracy[0] >= 0.94, "{out}");
    }
}

#[test]
fn async_readback() {
    let out = run("async_readback", &[]);
    let lines: Vec<&str> = out.lines().collect();
    // Others were under way before the first one ended: it did not hold the thread.
    let started = lines.iter().take_while(|line| line.starts_with("started ")).count();
    assert!(started > 1, "{out}");
    assert_eq!(numbers(&out, "started ").len(), 4, "{out}");
    let mut finished = numbers(&out, "finished ");
    finished.sort_by(f64::total_cmp);
    assert_eq!(finished, [1.0, 4.0, 9.0, 16.0], "{out}");
}

#[test]
fn micro_batches() {
    let out = run("micro_batches", &[]);
    let loss = |line: &str| Some(line.split_once("loss ")?.1.split(',').next()?.to_string());
    let losses: Vec<String> = out.lines().filter_map(loss).collect();
    // The large batch, whole blocks of it, and parts that are none.
    let [large, blocks, more, parts] = &losses[..] else { panic!("{out}") };
    assert!(large == blocks && large == more, "{out}");
    let [large, parts] = [large, parts].map(|loss| loss.parse::<f64>().expect("a loss"));
    assert!((large - parts).abs() <= 1e-6 * large, "{out}");
    for line in out.lines().filter_map(|line| line.split_once("within ")) {
        let within: f64 = line.1.parse().expect("a number");
        assert!(within <= 1e-5, "{out}");
    }
}

#[test]
fn two_losses() {
    let out = run("two_losses", &[]);
    let losses: Vec<f64> = out
        .lines()
        .filter_map(|line| line.split_once("loss "))
        .map(|(_, loss)| loss.parse().expect("a loss"))
        .collect();
    assert_eq!(losses.len(), 5, "{out}");
    assert!(losses.is_sorted_by(|a, b| a > b) && losses[4] < 0.5 * losses[0], "{out}");
}

#[test]
fn background() {
    let loss = numbers(&run("background", &[]), "loss ");
    assert!(loss.len() == 1 && (loss[0] - 1000f64.ln()).abs() < 1e-5, "{loss:?}");
}
