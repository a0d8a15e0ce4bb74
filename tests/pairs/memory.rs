//! The memory that a plan holds.

use crate::common::buffers::with_large_buffers;
use wgloss::{DType, InfoNce, Loss, Plan, Request, SigmoidContrastive, TensorKind};

/// The similarities of 65,536 pairs would take 17 GB.
#[test]
fn the_similarities_are_never_all_held() {
    let gpu = with_large_buffers();
    let kind = |shape: &[usize]| TensorKind::new(DType::F32, shape);
    let vectors = kind(&[65_536, 512]);
    let symmetric = InfoNce { symmetric: true, normalize: true, ..InfoNce::default() };
    let losses: [(Box<dyn Loss>, [&str; 2]); 3] = [
        (Box::new(InfoNce::default()), ["query", "key"]),
        (Box::new(symmetric), ["query", "key"]),
        (Box::new(SigmoidContrastive::default()), ["image", "text"]),
    ];
    for (loss, sides) in losses {
        let inputs =
            [(sides[0], vectors.clone()), (sides[1], vectors.clone()), ("logit_scale", kind(&[]))];
        let gradients = [sides[0], sides[1], "logit_scale"];
        let request = Request::with_gradients(&gradients);
        let plan = Plan::new(&gpu, &*loss, &inputs, &request).expect("within the limits");
        let (bytes, name) = (plan.scratch_bytes(), loss.definition().name);
        assert!(bytes < 64 << 20, "{name}: {bytes} bytes");
        assert!(bytes > 32 << 20, "{name}: {bytes} bytes are fewer than documented");
    }
}
