//! The memory that a plan holds.

use crate::common::buffers::with_large_buffers;
use wgloss::{DType, GradientType, LinearCrossEntropy, Plan, Request, TensorKind};

/// The logits of these sizes have 2.1 GB, and the linear weight is larger than a binding. Those of 128 rows are
/// held where there are gradients that they are added to, else a tile.
#[test]
fn the_logits_are_never_all_held() {
    let gpu = with_large_buffers();
    let kind = |dtype, shape: &[usize]| TensorKind { dtype, shape: shape.to_vec() };
    let loss = LinearCrossEntropy { z_loss: 0.1, ..LinearCrossEntropy::default() };
    let (items, features, classes) = (4096, 1024, 128_256);
    // With gradients of 16 bits, the tiles add up that of the input in float32.
    let (wide, narrow) = (GradientType::Float32, GradientType::Input);
    for (float, gradient_type, most) in
        [(DType::F32, wide, 66), (DType::BF16, wide, 66), (DType::BF16, narrow, 33 + 16)]
    {
        let inputs = [
            ("input", kind(float, &[items, features])),
            ("linear_weight", kind(float, &[classes, features])),
            ("linear_bias", kind(float, &[classes])),
            ("weight", kind(float, &[classes])),
            ("target", kind(DType::I64, &[items])),
        ];
        let request = Request {
            gradients: &["input", "linear_weight", "linear_bias"],
            gradient_type,
            ..Request::default()
        };
        let plan = Plan::new(&gpu, &loss, &inputs, &request).expect("sizes within the limits");
        let bytes = plan.scratch_bytes();
        assert!(bytes <= most << 20, "{bytes} bytes");
        assert!(bytes > (most - 2) << 20, "{bytes} bytes are fewer than documented");
    }
}
