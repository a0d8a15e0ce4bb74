//! The same numbers give the same loss, whatever file they come in.

use crate::common::{self, bytes, folder, npy, npy_f32, put, run, safetensors, zip};
use ::safetensors::Dtype;
use half::{bf16, f16};
use std::path::Path;

/// Exact in every float type.
const X: [f32; 12] = [0.5, -1.0, 2.0, 3.5, 4.0, -0.25, 7.0, 1.5, -2.0, 0.0, 6.0, -3.0];
/// `X` of shape [3, 4], column by column.
const COLUMNS: [f32; 12] = [0.5, 4.0, -2.0, -1.0, -0.25, 0.0, 2.0, 7.0, 6.0, 3.5, 1.5, -3.0];
const Y: [f32; 12] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 1.0, 0.0, -1.0, 3.0, 5.0];

fn expected() -> f64 {
    X.iter().zip(&Y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>() / 12.0
}

fn mse(folder: &Path, file: &str) -> common::Run {
    put(folder, "y.npy", npy_f32("(3, 4)", &Y));
    let input = format!("input={file}");
    run(folder, &["eval", "mse", &input, "target=y.npy", "--backend", "cpu", "--json"])
}

fn check(name: &str, content: Vec<u8>, argument: &str, dtype: &str) {
    let folder = folder();
    put(folder.path(), name, content);
    let run = mse(folder.path(), argument);
    assert!((run.value() - expected()).abs() < 1e-4, "{argument}: {run:?}");
    assert_eq!(run.json()["inputs"]["input"]["dtype"], dtype, "{argument}");
    let notes = usize::from(dtype == "float64");
    assert_eq!(run.err.lines().count(), notes, "{argument}: {run:?}");
    assert_eq!(run.err.contains("input: ") && run.err.contains("float64"), notes == 1);
}

fn float_bytes(data: &[f32], descr: &str) -> Vec<u8> {
    let halves: Vec<_> = data.iter().map(|&x| f16::from_f32(x)).collect();
    let doubles: Vec<_> = data.iter().map(|&x| f64::from(x)).collect();
    match descr {
        "<f2" => bytes(&halves, f16::to_le_bytes),
        ">f2" => bytes(&halves, f16::to_be_bytes),
        "<f4" => bytes(data, f32::to_le_bytes),
        ">f4" => bytes(data, f32::to_be_bytes),
        "<f8" => bytes(&doubles, f64::to_le_bytes),
        ">f8" => bytes(&doubles, f64::to_be_bytes),
        other => panic!("{other}"),
    }
}

fn dtype(descr: &str) -> &'static str {
    match &descr[1..] {
        "f2" => "float16",
        "f4" => "float32",
        _ => "float64",
    }
}

#[test]
fn npy_of_every_float_type_and_byte_order() {
    for descr in ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"] {
        let quoted = format!("'{descr}'");
        let rows = npy(&quoted, false, "(3, 4)", &float_bytes(&X, descr));
        check("x.npy", rows, "x.npy", dtype(descr));
        let columns = npy(&quoted, true, "(3, 4)", &float_bytes(&COLUMNS, descr));
        check("x.npy", columns, "x.npy", dtype(descr));
    }
}

#[test]
fn fortran_order_of_three_axes() {
    let folder = folder();
    let mut columns = Vec::new();
    for k in 0..2 {
        for j in 0..3 {
            for i in 0..2 {
                columns.push(X[(i * 3 + j) * 2 + k]);
            }
        }
    }
    put(folder.path(), "x.npy", npy_f32("(2, 3, 2)", &X));
    let columns = npy("'<f4'", true, "(2, 3, 2)", &bytes(&columns, f32::to_le_bytes));
    put(folder.path(), "f.npy", columns);
    let eval = ["eval", "mse", "input=x.npy", "target=f.npy", "--json", "--backend", "cpu"];
    assert_eq!(run(folder.path(), &eval).json()["value"].as_f64(), Some(0.0));
}

#[test]
fn npz_stored_and_compressed() {
    let x = npy("'>f4'", true, "(3, 4)", &float_bytes(&COLUMNS, ">f4"));
    let plain = npy_f32("(3, 4)", &X);
    for compressed in [false, true] {
        let both = || zip(&[("other.npy", b"none of it"), ("x.y.npy", &x)], compressed);
        check("both.npz", both(), "both.npz:x.y", "float32");
        check("A=B:c.npz", both(), "A=B:c.npz:x.y", "float32");
        check("one.npz", zip(&[("x.npy", &plain)], compressed), "one.npz", "float32");
        check("one.npz", zip(&[("x.npy", &plain)], compressed), "one.npz:x", "float32");
        check("both.npz", both(), "both.npz:x.y.npy", "float32");
    }
}

#[test]
fn safetensors_of_every_float_type() {
    let brains: Vec<_> = X.iter().map(|&x| bf16::from_f32(x)).collect();
    let cases = [
        (Dtype::F16, "float16", float_bytes(&X, "<f2")),
        (Dtype::BF16, "bfloat16", bytes(&brains, bf16::to_le_bytes)),
        (Dtype::F32, "float32", float_bytes(&X, "<f4")),
        (Dtype::F64, "float64", float_bytes(&X, "<f8")),
    ];
    for (dtype, name, data) in cases {
        let one = || safetensors(&[("x", dtype, &[3, 4], &data)]);
        check("a.safetensors", one(), "a.safetensors", name);
        let two =
            || safetensors(&[("b", Dtype::U8, &[3], &[1, 2, 3]), ("x", dtype, &[3, 4], &data)]);
        check("b.safetensors", two(), "b.safetensors:x", name);
    }
}

#[test]
fn names_with_colons_and_equals_signs() {
    // On Windows a colon names a stream of a file.
    let colons: &[&str] = if cfg!(windows) { &[] } else { &["a:b.npy", "c.npz.d:e.npy"] };
    for name in colons.iter().chain(&["a=b.npy", "UPPER.NPY"]) {
        check(name, npy_f32("(3, 4)", &X), name, "float32");
    }
}

/// The loss with the classes 2, 0, 3 in a file.
fn nll(name: &str, content: Vec<u8>, argument: &str) -> f64 {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(3, 4)", &X));
    put(folder.path(), name, content);
    let target = format!("target={argument}");
    run(folder.path(), &["eval", "nll", "input=x.npy", &target, "--backend", "cpu", "--json"])
        .value()
}

#[test]
fn targets_of_every_integer_type() {
    macro_rules! each {
        ($($type:ty, $letters:literal, $tensor:ident;)*) => {$({
            let classes: [$type; 3] = [2, 0, 3];
            let (little, big) = (bytes(&classes, <$type>::to_le_bytes), bytes(&classes, <$type>::to_be_bytes));
            let mark = if size_of::<$type>() == 1 { ["|", "|"] } else { ["<", ">"] };
            for (mark, data) in mark.into_iter().zip([&little, &big]) {
                let descr = format!("'{mark}{}'", $letters);
                let file = npy(&descr, false, "(3,)", data);
                // -(2.0 + 4.0 - 3.0) / 3
                assert_eq!(nll("t.npy", file.clone(), "t.npy"), -1.0, "{descr}");
                assert_eq!(nll("t.npz", zip(&[("t.npy", &file)], true), "t.npz"), -1.0, "{descr}");
            }
            let file = safetensors(&[("t", Dtype::$tensor, &[3], &little)]);
            assert_eq!(nll("t.safetensors", file, "t.safetensors:t"), -1.0, $letters);
        })*};
    }
    each! {
        i8, "i1", I8; i16, "i2", I16; i32, "i4", I32; i64, "i8", I64;
        u8, "u1", U8; u16, "u2", U16; u32, "u4", U32; u64, "u8", U64;
    }
}

/// NumPy reads all of these; the first word is what it calls them.
#[test]
fn types_in_other_spellings() {
    let halves = float_bytes(&X, "<f2");
    let singles = float_bytes(&X, "<f4");
    let doubles = float_bytes(&X, "<f8");
    let cases: [(&str, &str, &[u8]); 15] = [
        ("float16", "e", &halves),
        ("float16", "=f2", &halves),
        ("float16", "half", &halves),
        ("float32", "f4", &singles),
        ("float32", "=f4", &singles),
        ("float32", "|f4", &singles),
        ("float32", "<f", &singles),
        ("float32", "float32", &singles),
        ("float32", "single", &singles),
        ("float64", "f8", &doubles),
        ("float64", "=f8", &doubles),
        ("float64", "d", &doubles),
        ("float64", "float64", &doubles),
        ("float64", "float", &doubles),
        ("float64", "double", &doubles),
    ];
    for (dtype, descr, data) in cases {
        check("x.npy", npy(&format!("'{descr}'"), false, "(3, 4)", data), "x.npy", dtype);
    }
    let big = float_bytes(&X, ">f4");
    check("x.npy", npy("'>f'", false, "(3, 4)", &big), "x.npy", "float32");
    macro_rules! classes {
        ($($type:ty: $($descr:literal)*;)*) => {$($({
            let data = bytes(&[2 as $type, 0, 3], <$type>::to_le_bytes);
            let file = npy(concat!("'", $descr, "'"), false, "(3,)", &data);
            assert_eq!(nll("t.npy", file, "t.npy"), -1.0, $descr);
        })*)*};
    }
    classes! {
        i8: "b" "int8" "i1" "=i1" "<i1" ">i1" "byte"; u8: "B" "uint8" "u1" "ubyte" "<u1";
        i16: "h" "int16" "i2" "=i2" "short"; u16: "H" "uint16" "u2" "|u2";
        i32: "i" "int32" "=i4" "intc"; u32: "I" "uint32" "=u4" "uintc";
        i64: "q" "int64" "=i8" "int" "longlong" "l" "p" "long"; u64: "Q" "uint64" "=u8" "uint" "L";
    }
}

#[test]
fn headers_as_other_writers_have_them() {
    let data = float_bytes(&X, "<f4");
    let file = |header: &str| {
        let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), &data].concat()
    };
    for header in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L), }\n",
        "{'shape': (3L,4L), 'fortran_order': False, 'descr': u'<f4'}",
        "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (3, 4)}   \n",
        "{u'descr':'=f4',\n u'fortran_order':\tFalse,\n 'shape':(3,\n4)}\n",
    ] {
        check("x.npy", file(header), "x.npy", "float32");
    }
}

/// False is 0 and True 1, as classes and as everything else that takes integers.
#[test]
fn bools_are_integers() {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(3, 4)", &X));
    for descr in ["'|b1'", "'?'", "'bool'", "'<b1'"] {
        let file = npy(descr, false, "(3,)", &[1, 0, 1]);
        // -(-1.0 + 4.0 + 0.0) / 3
        assert_eq!(nll("t.npy", file.clone(), "t.npy"), -1.0, "{descr}");
        assert_eq!(nll("t.npz", zip(&[("t.npy", &file)], true), "t.npz"), -1.0, "{descr}");
    }
    let file = safetensors(&[("t", Dtype::BOOL, &[3], &[1, 0, 1])]);
    assert_eq!(nll("t.safetensors", file, "t.safetensors"), -1.0);
}

#[test]
fn scalars_and_empty_arrays() {
    let folder = folder();
    put(folder.path(), "scalar.npy", npy_f32("()", &[2.5]));
    put(folder.path(), "empty.npy", npy("'<f4'", true, "(0, 3)", b""));
    let arguments =
        ["eval", "l1", "input=scalar.npy", "target=scalar.npy", "--json", "--backend", "cpu"];
    assert_eq!(run(folder.path(), &arguments).value(), 0.0);
    let arguments =
        ["eval", "l1", "input=empty.npy", "target=empty.npy", "--json", "--backend", "cpu"];
    assert_eq!(run(folder.path(), &arguments).json()["value"], "NaN");
}
