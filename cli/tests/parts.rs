//! Rows of a batch, evaluated on their own and chunk by chunk, and the totals of parts.

use crate::common::{bytes, folder, names, npy, npy_f32, put, read_npy, run};
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, FixedSizeListArray, Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

const ROWS: usize = 90_000;
const CLASSES: usize = 5;

fn number(i: usize) -> f32 {
    f32::from(i.wrapping_mul(2_654_435_761).to_le_bytes()[1]) / 64.0 - 2.0
}

fn logits() -> Vec<f32> {
    (0..ROWS * CLASSES).map(number).collect()
}

/// Classes, of which some are ignored.
fn labels() -> Vec<i64> {
    let class =
        |i: usize| if i.is_multiple_of(11) { -100 } else { i64::from(i.to_le_bytes()[0] % 5) };
    (0..ROWS).map(class).collect()
}

/// The same rows as two arrays and as Parquet files of uneven sizes.
fn data(folder: &Path) {
    let (logits, labels) = (logits(), labels());
    put(folder, "x.npy", npy_f32(&format!("({ROWS}, {CLASSES})"), &logits));
    let other: Vec<f32> = logits.iter().rev().copied().collect();
    put(folder, "y.npy", npy_f32(&format!("({ROWS}, {CLASSES})"), &other));
    let classes = bytes(&labels, i64::to_le_bytes);
    put(folder, "t.npy", npy("'<i8'", false, &format!("({ROWS},)"), &classes));
    put(folder, "w.npy", npy_f32("(5,)", &[0.5, 1.0, 2.0, 0.25, 3.0]));
    fs::create_dir(folder.join("shards")).expect("a folder");
    let mut first = 0;
    for (place, count) in [13_001, 1, 50_000, 0, 26_998].into_iter().enumerate() {
        let lists = |data: &[f32]| -> ArrayRef {
            let rows = data[first * CLASSES..(first + count) * CLASSES].chunks(CLASSES);
            let rows = rows.map(|row| Some(row.iter().map(|&x| Some(x)).collect::<Vec<_>>()));
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows, 5))
        };
        let columns: [(&str, ArrayRef); 3] = [
            ("x", lists(&logits)),
            ("y", lists(&other)),
            ("t", Arc::new(Int64Array::from(labels[first..first + count].to_vec()))),
        ];
        let table = RecordBatch::try_from_iter(columns).expect("a table");
        let properties = WriterProperties::builder();
        let properties = properties.set_max_row_group_row_count(Some(9_000)).build();
        let writer = ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties));
        let mut writer = writer.expect("a writer");
        writer.write(&table).expect("its rows");
        put(folder, &format!("shards/{place}.parquet"), writer.into_inner().expect("a file"));
        first += count;
    }
    assert_eq!(first, ROWS);
}

const FILES: [&str; 2] = ["input=x.npy", "target=t.npy"];
const SHARDS: [&str; 2] = ["input=shards:x", "target=shards/*.parquet:t"];
const FLOATS: [&str; 2] = ["input=x.npy", "target=y.npy"];
const SHARDED_FLOATS: [&str; 2] = ["input=shards:x", "target=shards:y"];

/// What an evaluation on the CPU reports, in chunks of 1 MiB.
fn eval(folder: &Path, arguments: &[&[&str]]) -> Value {
    let arguments = [&["eval"], &arguments.concat()[..], &["--json", "--backend=cpu", "--chunk=1"]];
    run(folder, &arguments.concat()).json()
}

/// The value and the bytes of some outputs.
fn results(
    folder: &Path,
    loss: &[&str],
    inputs: &[&str],
    slopes: &[&str],
) -> (Value, Vec<Vec<u8>>) {
    let grads: Vec<String> =
        slopes.iter().map(|name| format!("--grad={name}={name}.npy")).collect();
    let grads: Vec<&str> = grads.iter().map(String::as_str).collect();
    let outputs = ["--out=o.npy", "--totals=t.json", "--histogram=h.svg"];
    let sum = loss.contains(&"--reduction=none");
    let outputs = if sum { &outputs[..1] } else { &outputs[..] };
    let report = eval(folder, &[loss, inputs, &grads, outputs]);
    let files = names(folder).into_iter().filter(|name| {
        ["o.npy", "t.json", "h.svg", "input.npy", "target.npy", "weight.npy"].contains(&&**name)
    });
    let read = |name: String| {
        let content = fs::read(folder.join(&name)).expect("an output");
        fs::remove_file(folder.join(name)).expect("it was there");
        content
    };
    (json!([report["value"], report["losses"]]), files.map(read).collect())
}

/// Chunk by chunk, everything has the bits of one array that is evaluated at once.
#[test]
fn chunks_have_the_bits_of_one_run() {
    let folder = folder();
    let at = folder.path();
    data(at);
    let weight = ["cross_entropy", "weight=w.npy"];
    let cases: [(&[&str], bool, &[&str]); 9] = [
        (&["mse"], true, &["input", "target"]),
        (&["mse", "--reduction=sum"], true, &["input"]),
        (&["mse", "--reduction=none"], true, &["input"]),
        (&["kl_div", "--reduction=batchmean"], true, &["input"]),
        (&["cross_entropy"], false, &["input"]),
        (&["cross_entropy", "--reduction=sum"], false, &["input"]),
        (&["cross_entropy", "z_loss=0.1"], false, &["input"]),
        (&weight, false, &["input"]),
        // What does not add up is evaluated at once.
        (&["cross_entropy", "weight=w.npy", "label_smoothing=0.1"], false, &["input"]),
    ];
    for (loss, floats, slopes) in cases {
        let (files, shards) = if floats { (FLOATS, SHARDED_FLOATS) } else { (FILES, SHARDS) };
        let whole = results(at, loss, &files, slopes);
        assert!(whole == results(at, loss, &shards, slopes), "{loss:?}");
    }
    let whole = eval(at, &[&weight, &["z_loss=0.1"], &FILES]);
    let chunks = eval(at, &[&weight, &["z_loss=0.1"], &SHARDS]);
    assert_eq!(whole["value"], chunks["value"]);
}

/// The same on a GPU, and for rows within the batch, which are a mean of their own.
#[test]
fn rows_and_chunks_have_the_same_bits() {
    let folder = folder();
    let at = folder.path();
    data(at);
    let cases: [(&[&str], [&str; 2], [&str; 2]); 3] = [
        (&["huber"], FLOATS, SHARDED_FLOATS),
        (&["nll"], FILES, SHARDS),
        (&["cross_entropy", "weight=w.npy"], FILES, SHARDS),
    ];
    for (loss, files, shards) in cases {
        for more in [
            &["--rows=4097..70000"][..],
            &["--rows=30000..40000"],
            &["--backend=gpu"],
            &["--backend=gpu", "--rows=3.."],
        ] {
            let report = |inputs: &[&str]| {
                let outputs = ["--grad=input=g.npy", "--totals=t.json", "--chunk=1", "--json"];
                let value = run(at, &[&["eval"], loss, inputs, &outputs, more].concat()).value();
                let [g, t] = ["g.npy", "t.json"].map(|name| fs::read(at.join(name)).expect("it"));
                (value, g, t)
            };
            assert!(report(&files) == report(&shards), "{loss:?} {more:?}");
        }
    }
}

#[test]
fn derivatives_of_custom_losses() {
    let folder = folder();
    let at = folder.path();
    data(at);
    let text = "fn value(p: f32, t: f32) -> f32 { return sqrt(1.0 + (p - t) * (p - t)); }";
    put(at, "c.wgsl", text);
    let report = |p: &str, t: &str| {
        let outputs = ["--second=p=s.npy", "--grad=t=g.npy"];
        let report = eval(at, &[&["--custom=c.wgsl", p, t], &outputs]);
        let [s, g] = ["s.npy", "g.npy"].map(|name| fs::read(at.join(name)).expect("an output"));
        (report["value"].clone(), s, g)
    };
    assert!(report("p=x.npy", "t=y.npy") == report("p=shards:x", "t=shards:y"));
}

/// Inputs that chunks share: a row that broadcasts, whose gradient is a sum over all rows.
#[test]
fn shared_inputs() {
    let folder = folder();
    let at = folder.path();
    data(at);
    put(at, "r.npy", npy_f32("(1, 5)", &[0.5, 1.0, 2.0, 0.25, 3.0]));
    for slopes in [&["input"][..], &["target"], &["input", "target"]] {
        let whole = results(at, &["l1"], &["input=x.npy", "target=r.npy"], slopes);
        assert!(whole == results(at, &["l1"], &["input=shards:x", "target=r.npy"], slopes));
    }
}

/// A loss over rows, which share the number of a class.
const ADJUSTED: &str = "
struct Item { prior: f32, input: f32 }
struct Row { target: i32 }
struct Parameters { ignore_index: i32 }
fn adjusted(item: Item) -> f32 { return item.input + log(item.prior); }
fn shifts(item: Item) -> f32 { return adjusted(item); }
fn sums(item: Item, shifts: f32) -> f32 { return exp(adjusted(item) - shifts); }
fn value(picked: Item, shifts: f32, sums: f32, c: Parameters) -> f32 {
    return log(sums) + (shifts - adjusted(picked));
}";

/// Cuts the batch at any rows, in any order, from arrays and from shards.
#[test]
fn rows_of_any_cut_have_the_bits_of_one_run() {
    let folder = folder();
    let at = folder.path();
    data(at);
    put(at, "adjusted.wgsl", ADJUSTED);
    let adjusted = ["--custom=adjusted.wgsl", "ignore_index=-100", "prior=w.npy"];
    let cases: [(&[&str], [&str; 2], [&str; 2]); 4] = [
        (&["mse"], FLOATS, SHARDED_FLOATS),
        (&["cross_entropy"], FILES, SHARDS),
        (&["cross_entropy", "weight=w.npy"], FILES, SHARDS),
        (&adjusted, FILES, SHARDS),
    ];
    for (loss, files, shards) in cases {
        let whole = eval(at, &[loss, &files, &["--grad=input=g.npy", "--totals=whole.json"]]);
        let gradient = read_npy(&at.join("g.npy")).1;
        let cuts = ["..1", "1..4096", "4096..20480", "20480..20481", "20481..77777", "77777.."];
        let mut parts = Vec::new();
        for (place, rows) in cuts.iter().enumerate() {
            let inputs = if place.is_multiple_of(2) { &files } else { &shards };
            let form = if place.is_multiple_of(3) { "json" } else { "totals" };
            let totals = format!("part{place}.{form}");
            let report = eval(at, &[loss, inputs, &["--rows", rows, "--totals", &totals]]);
            assert_eq!(report["rows"].as_array().map(Vec::len), Some(2));
            parts.insert(place / 2, totals);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let total = [&["total", "--json", "--out=joined.totals"], &parts[..]].concat();
        let total = run(at, &total).json();
        assert_eq!(total["value"], whole["value"], "{loss:?}");
        assert_eq!(total["whole"], true);

        // The gradients of the whole mean, and what the parts are of it.
        let (mut joined, mut share) = (Vec::new(), 0.0);
        for (place, rows) in cuts.iter().enumerate() {
            let inputs = if place.is_multiple_of(2) { &shards } else { &files };
            let outputs = ["--rows", rows, "--denominator=joined.totals", "--grad=input=p.npy"];
            share += eval(at, &[loss, inputs, &outputs])["value"].as_f64().expect("a share");
            joined.extend(read_npy(&at.join("p.npy")).1);
        }
        assert!((share / whole["value"].as_f64().expect("a loss") - 1.0).abs() < 1e-5);
        let bits = |numbers: &[f32]| bytes(numbers, f32::to_le_bytes);
        assert!(bits(&joined) == bits(&gradient), "{loss:?}");
        let beside = ["--denominator=joined.totals", "--out=o.npy", "--histogram=h.svg"];
        let share = |inputs| eval(at, &[loss, inputs, &beside]);
        assert_eq!(share(&files)["value"], share(&shards)["value"], "{loss:?}");
    }
}

#[test]
fn rows_that_are_none() {
    let folder = folder();
    let at = folder.path();
    data(at);
    let check = |loss: &str, inputs: &[&str], more: &[&str], message: &str| {
        let run = run(at, &[&["eval", loss], inputs, more].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert_eq!(run.err.lines().count(), 1, "{run:?}");
        assert!(run.err.contains(message), "{message}: {run:?}");
    };
    let past = "--rows: 5..90001 is not valid, expected one row at least, of the batch's 0..90000";
    check("mse", &FLOATS, &["--rows=5..90001"], past);
    check("mse", &SHARDED_FLOATS, &["--rows=5..90001"], past);
    check("mse", &FLOATS, &["--rows=5..5"], "--rows: 5..5 is not valid, expected one row at least");
    check("mse", &FLOATS, &["--rows=7"], "expected rows such as 100..200, 100.. or ..200");
    check("mse", &FLOATS, &["--rows=a..b"], "expected rows such as 100..200");
    put(at, "one.npy", npy_f32("()", &[1.0]));
    let scalars = ["input=one.npy", "target=one.npy"];
    check(
        "mse",
        &scalars,
        &["--rows=0..1"],
        "--rows: 0..1 is not valid, expected none: mse_loss of",
    );
    let unlike = ["cross_entropy", "z_loss=0.1", "weight=w.npy", "--totals=a.json"];
    check(unlike[0], &FILES, &[&unlike[1..], &["--rows=0..9"]].concat(), "the mean of the z terms");
    // Without totals, rows are a batch of their own.
    let rows = eval(at, &[&unlike[..3], &FILES, &["--rows=0..9"]]);
    assert_eq!(rows["value"], eval(at, &[&unlike[..3], &SHARDS, &["--rows=0..9"]])["value"]);
    put(at, "lp.npy", npy_f32("(4, 2, 3)", &[-1.0; 24]));
    put(at, "ts.npy", npy("'<i8'", false, "(2, 1)", &bytes(&[1i64, 2], |x| x.to_le_bytes())));
    put(at, "il.npy", npy("'<i8'", false, "(2,)", &bytes(&[4i64, 4], |x| x.to_le_bytes())));
    put(at, "tl.npy", npy("'<i8'", false, "(2,)", &bytes(&[1i64, 1], |x| x.to_le_bytes())));
    let ctc =
        ["log_probs=lp.npy", "targets=ts.npy", "input_lengths=il.npy", "target_lengths=tl.npy"];
    let axis =
        "--rows: 0..1 is not valid, expected none: the items of log_probs lie along its axis 1";
    check("ctc", &ctc, &["--rows=0..1"], axis);
}

/// A class that is none is named by its row of the whole batch.
#[test]
fn places_are_those_of_the_whole_batch() {
    let folder = folder();
    let at = folder.path();
    data(at);
    let mut classes = labels();
    classes[80_001] = 7;
    let classes = bytes(&classes, i64::to_le_bytes);
    put(at, "bad.npy", npy("'<i8'", false, &format!("({ROWS},)"), &classes));
    let mut logits = logits();
    logits[70_002 * CLASSES + 3] = f32::NAN;
    put(at, "nan.npy", npy_f32(&format!("({ROWS}, {CLASSES})"), &logits));
    for (input, more) in
        [("input=x.npy", &[][..]), ("input=x.npy", &["--rows=80000.."]), ("input=shards:x", &[])]
    {
        let arguments =
            ["eval", "cross_entropy", input, "target=bad.npy", "--chunk=1", "--backend=cpu"];
        let run = run(at, &[&arguments, more].concat());
        assert!(
            run.err.contains("target[80001] is 7, expected 0 to 4"),
            "{input} {more:?}: {run:?}"
        );
    }
    for target in ["target=y.npy", "target=shards:y"] {
        for more in [&[][..], &["--rows=70000.."]] {
            let report = eval(at, &[&["mse", "input=nan.npy", target], more]);
            assert_eq!(report["not_finite"]["first"], json!([70_002, 3]), "{target} {more:?}");
        }
    }
}

#[test]
fn a_batch_divides_among_workers() {
    let folder = folder();
    let at = folder.path();
    data(at);
    let parts = [&["parts", "cross_entropy"], &SHARDS[..], &["--workers", "4"]].concat();
    let json = run(at, &[&parts[..], &["--json"]].concat()).json();
    assert_eq!(json["rows"], ROWS);
    let text = run(at, &parts);
    assert_eq!((text.code, text.err.as_str()), (Some(0), ""));
    let mut files = Vec::new();
    for (place, (line, part)) in
        text.out.lines().zip(json["parts"].as_array().expect("parts")).enumerate()
    {
        let (option, told) = line.split_once("  # ").expect("what it has");
        assert!(told.contains("rows, ") && told.contains(" of input, "), "{line}");
        let totals = format!("{place}.totals");
        let option: Vec<&str> = option.split_whitespace().collect();
        eval(at, &[&["cross_entropy"], &SHARDS, &option, &["--totals", &totals]]);
        // Whole blocks leave no terms behind.
        let size = fs::metadata(at.join(&totals)).expect("totals").len();
        let is_last = place == 3;
        assert!(is_last || size < 1000, "{size}");
        assert_eq!(part["rows"][0].as_u64().expect("a row") % 4096, 0);
        files.push(totals);
    }
    assert_eq!(files.len(), 4);
    let total = run(at, &["total", "*.totals", "--json"]).json();
    assert_eq!(total["value"], eval(at, &[&["cross_entropy"], &FILES])["value"]);
    let many = run(at, &[&parts[..4], &["--workers=90001"]].concat());
    let expected =
        "--workers: 90001 is not valid, expected at most one for each of the batch's 90000";
    assert!(many.code == Some(2) && many.err.contains(expected), "{many:?}");
}
