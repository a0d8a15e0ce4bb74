//! Tables: constant arrays that are read at a computed index, from a buffer.

use crate::common::{backends, gpu, tensor};
use crate::shared_buffers::assert_same_bits;
use std::fmt::Write;
use std::time::Instant;
use wgloss::{Batch, Custom, DType, Loss, Reduction, Request};

/// `value` of p and an index: a table's element times p.
fn source(count: usize, offset: f32) -> String {
    let mut numbers = String::new();
    for i in 0..count {
        write!(numbers, "{:?}, ", offset + 0.5 * i as f32).expect("a string");
    }
    format!(
        "const numbers = array<f32, {count}>({numbers});
        fn value(p: f32, t: f32) -> f32 {{ return p * numbers[i32(t)]; }}"
    )
}

#[test]
fn tables_of_any_size_are_read() {
    for (count, offset) in [(8, 0.0), (100, 1.0), (100, 2.0), (65_536, -7.0)] {
        let start = Instant::now();
        let loss = Custom::new(&source(count, offset)).expect("a loss");
        let made = start.elapsed().as_secs_f64();
        assert!(loss.derived().contains("table_words["), "{}", loss.derived());
        let places = [0, 1, 7, count / 2, count - 1];
        let t: Vec<f64> = places.iter().map(|&place| place as f64).chain([-3.0, 1e6]).collect();
        let p: Vec<f64> = (1..=t.len()).map(|i| i as f64).collect();
        let inputs =
            [("p", tensor(DType::F32, &[p.len()], &p)), ("t", tensor(DType::F32, &[t.len()], &t))];
        let request =
            Request { reduction: Reduction::None, gradients: &["p"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        for (name, backend) in backends() {
            let start = Instant::now();
            let got = backend.evaluate_blocking(&loss, &batch).expect("an evaluation");
            let seconds = start.elapsed().as_secs_f64();
            println!("{count} numbers on {name}: made in {made:.2} s, evaluated in {seconds:.2} s");
            let (value, slopes) = (got.value.expect("a value"), &got.gradients[0].1);
            for (i, (value, slope)) in value.to_f32().iter().zip(slopes.to_f32().iter()).enumerate()
            {
                // One outside is moved to the last element, as of every array.
                let place = if t[i] < 0.0 { count - 1 } else { (t[i] as usize).min(count - 1) };
                let number = f64::from(offset) + 0.5 * place as f64;
                assert_eq!(f64::from(*slope), number, "{count} on {name}: {i}");
                assert_eq!(f64::from(*value), p[i] * number, "{count} on {name}: {i}");
            }
        }
    }
}

/// The table stays among the plan's uniforms where the caller's tensors are in one buffer.
#[test]
fn tables_beside_tensors_in_one_buffer() {
    let loss = Custom::new(&source(8, 1.0)).expect("a loss");
    let inputs = [
        ("p", tensor(DType::F32, &[3], &[1.0, 2.0, -3.0])),
        ("t", tensor(DType::F32, &[3], &[0.0, 7.0, 2.0])),
    ];
    let request = Request { reduction: Reduction::None, gradients: &["p"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for in_place in [false, true] {
        assert_same_bits(&gpu(), &loss, &batch, in_place);
    }
}

#[test]
fn tables_of_integers_and_two_at_once() {
    let text = "const signs = array(1, -1, 1, -1, 1, -1, 1, -2147483647);
        const bits = array(0u, 1u, 2u, 3u, 4u, 5u, 6u, 4294967295u);
        const scales: array<f32, 9> = array(1, 2, 3, 4, 5, 6, 7, 8, 9);
        fn value(p: f32, t: f32) -> f32 {
            let i = u32(t);
            return p * f32(signs[i]) * scales[i + 1u] + f32(bits[i] & 0xffu) * p * p;
        }";
    let loss = Custom::new(text).expect("a loss");
    let t: Vec<f64> = (0..8).map(f64::from).collect();
    let p = [0.5; 8];
    let inputs = [("p", tensor(DType::F32, &[8], &p)), ("t", tensor(DType::F32, &[8], &t))];
    let request = Request { reduction: Reduction::None, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("an evaluation");
        for (i, &got) in got.value.expect("a value").to_f32().iter().enumerate() {
            let sign = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -2_147_483_648.0][i];
            let bits = if i == 7 { 255.0 } else { i as f32 };
            assert_eq!(got, 0.5 * sign * (i + 2) as f32 + bits * 0.25, "{name}: {i}");
        }
    }
}

#[test]
fn totals_tell_tables_apart() {
    let digest = |offset| Custom::new(&source(9, offset)).expect("a loss").digest();
    assert_ne!(digest(1.0), digest(2.0));
    assert_eq!(digest(1.0), digest(1.0));
}

#[test]
fn derivatives_keep_their_tables() {
    let loss = Custom::new(
        "const w = array(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0);
        fn value(p: f32) -> f32 { return w[u32(p)] * p * p * p; }",
    );
    let slope = loss.and_then(|loss| loss.derivative("p")).expect("a derivative");
    let inputs = [("p", tensor(DType::F32, &[2], &[1.5, 3.0]))];
    let request = Request { reduction: Reduction::None, gradients: &["p"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&slope, &batch).expect("an evaluation");
        assert_eq!(*got.value.expect("a value").to_f32(), [13.5, 108.0], "{name}");
        assert_eq!(*got.gradients[0].1.to_f32(), [18.0, 72.0], "{name}");
    }
}
