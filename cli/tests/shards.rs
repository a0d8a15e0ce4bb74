//! Folders and patterns of files as one batch.

use crate::common::{bytes, folder, npy, npy_f32, put, run, safetensors, zip};
use ::safetensors::Dtype;
use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, FixedSizeListArray, RecordBatch};
use arrow_ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const COLUMNS: usize = 3;

/// The numbers of some rows.
fn rows(first: usize, count: usize) -> Vec<f32> {
    let number = |i: usize| f32::from(i.wrapping_mul(2_654_435_761).to_le_bytes()[1]) / 64.0 - 2.0;
    (first * COLUMNS..(first + count) * COLUMNS).map(number).collect()
}

fn shape(count: usize) -> String {
    format!("({count}, {COLUMNS})")
}

fn table(data: &[f32]) -> RecordBatch {
    let lists = data.chunks(COLUMNS).map(|row| Some(row.iter().map(|&x| Some(x))));
    let lists = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(lists, 3);
    RecordBatch::try_from_iter([("x", Arc::new(lists) as ArrayRef)]).expect("a table")
}

fn content(format: &str, first: usize, count: usize) -> Vec<u8> {
    let data = rows(first, count);
    let written = || npy_f32(&shape(count), &data);
    match format {
        "npy" => written(),
        "npz" => zip(&[("x.npy", &written()), ("other.npy", b"none of it")], true),
        "safetensors" => {
            let data = bytes(&data, f32::to_le_bytes);
            safetensors(&[("x", Dtype::F32, &[count, COLUMNS], &data)])
        }
        "parquet" => {
            let table = table(&data);
            let mut writer = ArrowWriter::try_new(Vec::new(), table.schema(), None).expect("it");
            writer.write(&table).expect("its rows");
            writer.into_inner().expect("a file")
        }
        _ => {
            let table = table(&data);
            let mut writer = FileWriter::try_new(Vec::new(), &table.schema()).expect("a writer");
            writer.write(&table).expect("its rows");
            writer.into_inner().expect("a file")
        }
    }
}

/// Shards of 700, 0, 1 and 1299 rows in a folder `data`, and the same 2000 rows in `whole.npy`.
fn shards(folder: &Path, format: &str) {
    fs::create_dir_all(folder.join("data")).expect("a folder");
    // In the order of bytes 10 comes before 9.
    let parts = [("10", 0, 700), ("11", 700, 0), ("8", 700, 1), ("9", 701, 1299)];
    for (name, first, count) in parts {
        let content = content(format, first, count);
        put(folder, &format!("data/p{name}.{format}"), content);
    }
    put(folder, "data/_SUCCESS", "");
    put(folder, "data/.part.crc", "none");
    put(folder, "whole.npy", npy_f32(&shape(2000), &rows(0, 2000)));
    put(folder, "y.npy", npy_f32(&shape(2000), &rows(5, 2000)));
}

/// The loss and the bytes of the gradient and of the unreduced losses.
fn results(folder: &Path, input: &str) -> (f64, Vec<u8>, Vec<u8>) {
    let input = format!("input={input}");
    let outputs = ["--grad=input=g.npy", "--out=o.npy", "--json", "--backend=cpu"];
    let run = run(folder, &[&["eval", "mse", &input, "target=y.npy"][..], &outputs].concat());
    assert_eq!(run.err, "", "{input}");
    assert_eq!(run.json()["inputs"]["input"]["shape"], serde_json::json!([2000, COLUMNS]));
    let read = |name: &str| fs::read(folder.join(name)).expect("an output");
    (run.value(), read("g.npy"), read("o.npy"))
}

#[test]
fn folders_and_patterns_are_one_batch() {
    for format in ["npy", "npz", "safetensors", "parquet", "arrow"] {
        let folder = folder();
        let at = folder.path();
        shards(at, format);
        let whole = results(at, "whole.npy");
        let member = if format == "npy" { "" } else { ":x" };
        let given = [
            format!("data{member}"),
            format!("data/{member}"),
            format!("data/p*.{format}{member}"),
            format!("da*/p*{member}"),
            format!("data/p[189]*.{format}{member}"),
        ];
        for input in given {
            assert!(results(at, &input) == whole, "{input}");
        }
    }
}

#[test]
fn a_file_whose_name_looks_like_a_pattern_is_that_file() {
    let folder = folder();
    shards(folder.path(), "npy");
    let whole = fs::read(folder.path().join("whole.npy")).expect("a file");
    put(folder.path(), "whole[1].npy", &whole);
    put(folder.path(), "whole1.npy", "another");
    assert!(results(folder.path(), "whole[1].npy") == results(folder.path(), "whole.npy"));
}

fn refuse(folder: &Path, input: &str, message: &str) {
    let input = format!("input={input}");
    let run = run(folder, &["eval", "mse", &input, "target=y.npy", "--backend", "cpu"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    assert_eq!(run.err.lines().count(), 1, "{run:?}");
    assert!(run.err.contains(message), "{message}: {run:?}");
}

#[test]
fn what_is_no_batch_is_refused() {
    let folder = folder();
    let at = folder.path();
    shards(at, "npy");
    refuse(at, "data/*.npz:x", "input: data/*.npz: no file matches the pattern");
    refuse(at, "data/***", "input: data/***: no pattern: ");
    fs::create_dir(at.join("empty")).expect("a folder");
    put(at, "empty/_SUCCESS", "");
    refuse(at, "empty", "input: empty: an empty folder");
    refuse(at, "nowhere", "input: nowhere: ");

    put(at, "data/p9x.npy", npy_f32("(5, 4)", &[0.0; 20]));
    let rows =
        "input: data/p9x.npy: rows of float32 [4], expected rows of float32 [3] as in data/p10.npy";
    refuse(at, "data", rows);
    put(at, "data/p9x.npy", npy("'<f8'", false, "(1, 3)", &[0; 24]));
    let rows =
        "input: data/p9x.npy: rows of float64 [3], expected rows of float32 [3] as in data/p10.npy";
    refuse(at, "data/*.npy", rows);
    put(at, "data/p9x.npy", npy_f32("()", &[0.0]));
    refuse(at, "data", "input: data/p9x.npy: one number without rows, expected rows");
    put(at, "data/p9x.npy", "none");
    refuse(at, "data", "input: data/p9x.npy: not an .npy array");
    fs::remove_file(at.join("data/p9x.npy")).expect("it was there");
    put(at, "data/readme.txt", "none");
    refuse(at, "data", "input: data/readme.txt: the name ends in \"txt\", expected .npy, ");
    fs::create_dir(at.join("data/more")).expect("a folder");
    refuse(at, "data", "input: data: holds the folder more, expected files alone");
}

/// A gradient is not written over a shard.
#[test]
fn shards_are_not_written_over() {
    let folder = folder();
    shards(folder.path(), "npy");
    let grad = ["eval", "mse", "input=data", "target=y.npy", "--grad", "input=data/p9.npy"];
    let run = run(folder.path(), &grad);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("also the file of the input input"), "{run:?}");
}
