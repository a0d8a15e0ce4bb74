//! Arrays in the bytes of files.

use bytes::Bytes;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use serde_json::json;
use std::io::{Cursor, Write};
use wgloss::{DType, Tensor, TensorKind};
use wgloss_kit::files::{Problem, list, npy, read};
use zip::CompressionMethod;

/// A file of NumPy's, of version 1.0.
fn array(dtype: &str, order: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).expect("a short header").to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), elements].concat()
}

fn archive(members: &[(&str, CompressionMethod, &[u8])]) -> Bytes {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, method, content) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(*method);
        writer.start_file(*name, options).expect("a member");
        writer.write_all(content).expect("its bytes");
    }
    writer.finish().expect("an archive").into_inner().into()
}

fn tensors() -> Bytes {
    let view = |dtype, shape: &[usize], bytes| {
        TensorView::new(dtype, shape.to_vec(), bytes).expect("as many bytes as it has")
    };
    let tensors = [
        ("logits", view(Dtype::BF16, &[2, 1], &[0x80, 0x3f, 0, 0x40])),
        ("bytes", view(Dtype::F8_E4M3, &[2], &[1, 2])),
    ];
    serialize(tensors, None).expect("a file").into()
}

fn told(name: &str, bytes: &Bytes) -> serde_json::Value {
    serde_json::to_value(list(name, bytes).expect("arrays")).expect("JSON")
}

#[test]
fn an_array_is_listed_and_read_in_row_major_order() {
    let elements: Vec<u8> = [1i16, 4, 2, 5, 3, 6].iter().flat_map(|x| x.to_be_bytes()).collect();
    let bytes = Bytes::from(array("'>i2'", "True", "(2, 3)", &elements));
    assert_eq!(told("t.NPY", &bytes), json!([{"member": null, "dtype": "int16", "shape": [2, 3]}]));
    let elements = read("t.NPY", &bytes, None).expect("an array");
    assert_eq!(elements.kind, TensorKind::new(DType::I16, [2, 3]));
    let tensor = elements.tensor().expect("its bytes");
    assert_eq!(tensor.to_integers(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn members_are_listed_and_read() {
    let floats: Vec<u8> = [0.5f32, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = archive(&[
        ("x.npy", CompressionMethod::Deflated, &array("'<f4'", "False", "(2,)", &floats)),
        ("y.npy", CompressionMethod::Stored, &array("'|b1'", "False", "()", &[1])),
        ("z.npy", CompressionMethod::Stored, &array("'<c8'", "False", "()", &[0; 8])),
    ]);
    let listed = told("a.npz", &bytes);
    assert_eq!(listed[0], json!({"member": "x", "dtype": "float32", "shape": [2]}));
    assert_eq!(listed[1], json!({"member": "y", "dtype": "uint8", "shape": []}));
    assert_eq!(listed[2]["member"], "z");
    assert!(listed[2]["problem"].to_string().contains("complex"), "{listed}");
    let x = read("a.npz", &bytes, Some("x")).expect("a member");
    assert_eq!(*x.tensor().expect("its bytes").to_f32(), [0.5, -1.0]);
    let y = read("a.npz", &bytes, Some("y.npy")).expect("a member");
    assert_eq!(y.tensor().expect("its bytes").to_integers(), [1]);
}

#[test]
fn tensors_are_listed_and_read() {
    let listed = told("m.safetensors", &tensors());
    assert_eq!(listed[0]["member"], "bytes");
    assert!(listed[0]["problem"].to_string().contains("F8_E4M3"), "{listed}");
    assert_eq!(listed[1], json!({"member": "logits", "dtype": "bfloat16", "shape": [2, 1]}));
    let logits = read("m.safetensors", &tensors(), Some("logits")).expect("a tensor");
    assert_eq!(*logits.tensor().expect("its bytes").to_f32(), [1.0, 2.0]);
}

#[test]
fn what_is_written_is_read() {
    let tensor = Tensor::from_slice(&[1.5f64, 2.5, -3.0, 4.0], [2, 2]).expect("a tensor");
    let bytes = Bytes::from(npy::file(&tensor).expect("a file"));
    let elements = read("gradient.npy", &bytes, None).expect("an array");
    assert_eq!(elements.kind, TensorKind::new(DType::F32, [2, 2]));
    assert_eq!(*elements.tensor().expect("its bytes").to_f32(), [1.5, 2.5, -3.0, 4.0]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let npy = Bytes::from(array("'<f4'", "False", "(2,)", &[0; 7]));
    let npz = archive(&[
        ("x.npy", CompressionMethod::Stored, &array("'<f4'", "False", "(1,)", &[0; 4])),
        ("y.npy", CompressionMethod::Stored, b"nothing"),
    ]);
    let cases: [(&str, &Bytes, Option<&str>, &[&str]); 6] = [
        ("a.txt", &npy, None, &["\"txt\"", ".npy, .npz or .safetensors"]),
        ("a.npy", &npy, None, &["cut short", "7 bytes", "expected 8"]),
        ("a.npz", &npz, None, &["2 members", "x, y"]),
        ("a.npz", &npz, Some("z"), &["member \"z\"", "x"]),
        ("a.npz", &npz, Some("y"), &["not an .npy array", "nothin"]),
        ("a.safetensors", &npy, None, &["not a whole .safetensors file"]),
    ];
    for (name, bytes, member, parts) in cases {
        let problem: Problem = read(name, bytes, member).expect_err("it cannot be read");
        for part in parts {
            assert!(problem.to_string().contains(part), "{part:?}: {problem}");
        }
    }
    for (name, bytes) in [("a.txt", &npy), ("a.npy", &npy), ("a.npz", &npy)] {
        list(name, bytes).expect_err("it cannot be read");
    }
    let listed = told("a.npz", &npz);
    assert!(listed[1]["problem"].to_string().contains("not an .npy array"), "{listed}");
}
