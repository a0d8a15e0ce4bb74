//! Rounding to float16 and bfloat16 is that of the `half` crate, bit for bit: the upstream gradient
//! of a distance of 1 is its gradient.

use crate::common;
use half::{bf16, f16};
use wgloss::{Batch, DType, GradientType, L1, Reduction, Request, Tensor};

/// Every upper half, with ties of every length, their neighbours and the ends below them.
fn numbers() -> Vec<f32> {
    let ties = [0x1000, 0x2000, 0x3000, 0x4000, 0x6000, 0x8000, 0xa000, 0xc000, 0xe000];
    let around = ties.into_iter().flat_map(|low| [low - 1, low, low + 1]);
    let lows: Vec<u32> = around.chain([0, 1, 0xffff]).collect();
    let of = |high: u32| lows.iter().map(move |low| f32::from_bits(high << 16 | low));
    (0..=0xffff).flat_map(of).collect()
}

fn check(dtype: DType, nearest: impl Fn(f32) -> u16, is_nan: impl Fn(u16) -> bool) {
    let numbers = numbers();
    let count = numbers.len();
    let inputs = [
        ("input", common::tensor(dtype, &[count], &vec![1.0; count])),
        ("target", common::tensor(dtype, &[count], &vec![0.0; count])),
    ];
    let batch = Batch {
        inputs: &inputs,
        upstream: Some(Tensor::from_slice(&numbers, [count]).expect("as many numbers")),
        request: Request {
            reduction: Reduction::None,
            value: false,
            gradients: &["input"],
            gradient_type: GradientType::Input,
            ..Request::default()
        },
        ..Batch::default()
    };
    for (name, backend) in common::backends() {
        let answer = backend.evaluate_blocking(&L1, &batch).expect("a valid batch");
        let bytes = answer.gradients[0].1.bytes();
        let got = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        assert_eq!(bytes.len(), 2 * count, "{name}");
        for (&x, got) in numbers.iter().zip(got) {
            let want = nearest(x);
            // A device may count a denormal float32 as 0.
            let flushed = x.is_subnormal() && got & 0x7fff == 0;
            let same = got == want || flushed || (x.is_nan() && is_nan(got));
            assert!(same, "{dtype} on {name}: {x:e} becomes {got:#06x}, not {want:#06x}");
        }
    }
}

#[test]
fn to_float16() {
    check(DType::F16, |x| f16::from_f32(x).to_bits(), |bits| f16::from_bits(bits).is_nan());
}

#[test]
fn to_bfloat16() {
    check(DType::BF16, |x| bf16::from_f32(x).to_bits(), |bits| bf16::from_bits(bits).is_nan());
}
