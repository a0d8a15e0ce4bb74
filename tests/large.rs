//! More than 65,535 workgroups' worth of data, and what must not depend on how it is cut.

use crate::common::buffers::with_large_buffers;
use crate::common::ctc::Case;
use crate::common::{self, Random, assert_close, bits, inputs, limited, tensor};
use wgloss::{
    Batch, CrossEntropy, Ctc, DType, Evaluator, LinearCrossEntropy, Loss, Mse, MultiLabelMargin,
    Plan, Reduction, Request, Tensor, TensorKind, wgpu,
};

/// As the crate's documentation says.
#[test]
fn scratch_memory_grows_slowly() {
    // The upper levels of the trees, and what windows are told.
    let rest = |documented: u64| documented / 50 + (8 << 10);
    let gpu = with_large_buffers();
    let check = |loss: &dyn Loss, inputs: &[(&str, DType, &[usize])], documented: u64| {
        let kinds: Vec<_> = inputs
            .iter()
            .map(|(name, dtype, shape)| (*name, TensorKind::new(*dtype, *shape)))
            .collect();
        let gradients = [inputs[0].0];
        let request = Request::with_gradients(&gradients);
        let bytes =
            Plan::new(&gpu, loss, &kinds, &request).expect("a valid request").scratch_bytes();
        let name = loss.definition().name;
        assert!(bytes <= documented + rest(documented), "{name} {inputs:?}: {bytes}");
        assert!(bytes >= documented, "{name} {inputs:?}: {bytes} are fewer than documented");
    };
    for exponent in [10, 16, 22, 28] {
        let elements = 1 << exponent;
        let inputs = [("input", DType::F32, &[elements][..]), ("target", DType::F32, &[elements])];
        check(&Mse, &inputs, elements as u64 / 4096 * 4 + 96 * (elements as u64 >> 20));
        let rows = elements / 8;
        let inputs = [("input", DType::F32, &[rows, 8][..]), ("target", DType::I64, &[rows])];
        let most = if rows > 1 << 20 { (4 << 20) + rows as u64 / 256 } else { 4 * rows as u64 };
        check(&CrossEntropy::default(), &inputs, most);
    }
    let inputs = [("input", DType::F32, &[256, 100][..]), ("target", DType::I64, &[256, 100])];
    check(&MultiLabelMargin, &inputs, 8 * 256 * 100);
    let inputs = [
        ("log_probs", DType::F32, &[200, 16, 64][..]),
        ("targets", DType::I64, &[16, 50]),
        ("input_lengths", DType::I64, &[16]),
        ("target_lengths", DType::I64, &[16]),
    ];
    check(&Ctc::default(), &inputs, 32 * 200 * (16 + 16 * 50));
}

#[test]
fn one_past_65_535_blocks() {
    const COUNT: usize = 65_535 * 4096 + 1;
    #[allow(clippy::cast_precision_loss, reason = "below 2^24")]
    let number = |i: usize| (i.wrapping_mul(2_654_435_761) >> 7 & 0xffff) as f32 / 65_536.0;
    let numbers: Vec<f32> = (0..COUNT).map(number).collect();
    let want: f64 = numbers.iter().map(|&x| (f64::from(x) - 0.25).powi(2)).sum();
    let input = Tensor::from_slice(&numbers, [COUNT]).expect("as many as the shape has");
    let inputs = [("input", input), ("target", tensor(DType::F32, &[], &[0.25]))];
    let batch = Batch {
        inputs: &inputs,
        request: Request { reduction: Reduction::Sum, gradients: &["input"], ..Request::default() },
        ..Batch::default()
    };
    let backend = Evaluator::Gpu(common::gpu());
    let got = backend.evaluate_blocking(&Mse, &batch).expect("a valid batch");
    assert_close("sum", &[got.scalar().expect("a number")], &[want], want);
    let gradient = got.gradients[0].1.to_f32();
    let wrong = numbers.iter().zip(gradient.iter()).position(|(x, g)| *g != 2.0 * (x - 0.25));
    assert_eq!(wrong, None, "an element's gradient");
}

#[test]
fn one_past_65_535_workgroups_of_rows() {
    const ROWS: usize = 65_535 * 64 + 1;
    let mut random = Random(9);
    let loss = CrossEntropy::default();
    let shapes = [("input", DType::F32, &[ROWS, 2][..]), ("target", DType::U8, &[ROWS][..])];
    let inputs = inputs(&loss, &shapes, 2, &mut random);
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
    let (logits, targets) = (inputs[0].1.to_f64(), inputs[1].1.to_f64());
    let terms = logits.chunks(2).zip(&targets).map(|(x, &y)| {
        let gap = if y == 0.0 { x[1] - x[0] } else { x[0] - x[1] };
        gap.max(0.0) + (-gap.abs()).exp().ln_1p()
    });
    #[allow(clippy::cast_precision_loss, reason = "a few million")]
    let want = terms.sum::<f64>() / ROWS as f64;
    for (name, backend) in common::backends() {
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert_close(name, &[got.scalar().expect("a number")], &[want], want);
    }
}

/// Runs a batch again, in small windows, and with few workgroups in a dimension.
fn assert_same_bits(what: &str, loss: &dyn Loss, batch: &Batch<'_>) {
    let run = |backend: &Evaluator| {
        bits(&backend.evaluate_blocking(loss, batch).unwrap_or_else(|e| panic!("{what}: {e}")))
    };
    let whole = Evaluator::Gpu(common::gpu());
    let first = run(&whole);
    // Not `assert_eq`, which would print all bytes of both.
    let same = |backend: &Evaluator, how: &str| assert!(first == run(backend), "{what}: {how}");
    same(&whole, "a second run");
    let all = wgpu::Limits::default().max_storage_buffers_per_shader_stage;
    same(&limited(1 << 20, 65_535, all), "in windows of 1 MiB");
    same(&limited(128 << 20, 64, all), "with 64 workgroups in a row");
    let few = if batch.request.gradients.len() > 1 { 6 } else { all };
    same(&limited(128 << 20, 65_535, few), "with few storage buffers");
    assert!(run(&Evaluator::Cpu) == run(&Evaluator::Cpu), "{what}: a second run on the CPU");
}

#[test]
fn the_same_bits_however_it_is_cut() {
    let mut random = Random(10);
    let shape: &[usize] = &[1_000_003];
    let shapes = [
        ("input", DType::F32, shape),
        ("target", DType::F16, shape),
        ("weight", DType::F32, shape),
    ];
    let inputs_of = inputs(&Mse, &shapes, 0, &mut random);
    for reduction in [Reduction::None, Reduction::Mean] {
        for gradients in [&["input"][..], &["input", "target"]] {
            let batch = Batch {
                inputs: &inputs_of,
                request: Request { reduction, gradients, ..Request::default() },
                ..Batch::default()
            };
            assert_same_bits("mse", &Mse, &batch);
        }
    }
    let loss = CrossEntropy::default();
    for (shape, output, target) in [
        (&[40_001, 11][..], &[40_001][..], DType::I64),
        (&[700, 1000], &[700], DType::U8),
        (&[90, 5, 70, 9], &[90, 70, 9], DType::I32),
        // An item has more rows than are added up at once where a binding is 1 MiB.
        (&[2, 3, 67, 1001], &[2, 67, 1001], DType::U8),
        // No item but the first starts at an aligned byte.
        (&[7, 21, 67, 67], &[7, 67, 67], DType::U8),
    ] {
        let classes = [shape[1]];
        let shapes = [
            ("input", DType::F32, shape),
            ("target", target, output),
            ("weight", DType::F32, &classes[..]),
        ];
        let inputs = inputs(&loss, &shapes, shape[1].min(200), &mut random);
        for reduction in [Reduction::None, Reduction::Mean] {
            let batch = Batch {
                inputs: &inputs,
                request: Request { reduction, gradients: &["input"], ..Request::default() },
                ..Batch::default()
            };
            assert_same_bits(&format!("cross entropy {shape:?}"), &loss, &batch);
        }
    }
}

#[test]
fn losses_of_their_own_have_the_same_bits_however_they_are_cut() {
    let mut random = Random(13);
    let (f, rows): (_, &[usize]) = (DType::F32, &[701]);
    let shapes = [
        ("input", f, &[701, 40][..]),
        ("linear_weight", DType::BF16, &[300, 40]),
        ("target", DType::I64, rows),
    ];
    let linear = LinearCrossEntropy::default();
    let linear_inputs = inputs(&linear, &shapes, 300, &mut random);
    let shapes = [("input", f, &[211, 97][..]), ("target", DType::I8, &[211, 97])];
    let margin_inputs = inputs(&MultiLabelMargin, &shapes, 97, &mut random);
    let case = Case::new(&[300, 5, 40], 0, &[60, 30, 9, 1, 0], 3.0, &mut random);
    let ctc_inputs = case.inputs(f, DType::I32, true);
    for reduction in [Reduction::None, Reduction::Mean] {
        let batch = |inputs, gradients| Batch {
            inputs,
            request: Request { gradients, reduction, ..Request::default() },
            ..Batch::default()
        };
        let gradients = &["input", "linear_weight"];
        assert_same_bits("linear cross entropy", &linear, &batch(&linear_inputs, gradients));
        assert_same_bits("multilabel", &MultiLabelMargin, &batch(&margin_inputs, &["input"]));
        assert_same_bits("ctc", &Ctc::default(), &batch(&ctc_inputs, &["log_probs"]));
    }
}

/// Gradients of broadcast inputs and of weights, where the dense inputs are cut along their first
/// dimension.
#[test]
fn broadcasts_have_the_same_bits_however_they_are_cut() {
    let mut random = Random(12);
    let first: &[usize] = &[3001, 192];
    let few = wgpu::Limits::default().max_storage_buffers_per_shader_stage;
    let huber = wgloss::Huber::default();
    let cases: [(&dyn Loss, &[usize], &[usize]); 6] = [
        (&huber, first, &[192]),
        (&huber, first, &[3001, 1]),
        (&huber, first, &[]),
        (&huber, first, first),
        // The weight is a part of the mean.
        (&Mse, first, first),
        (&Mse, &[192], first),
    ];
    for (loss, own, other) in cases {
        let shapes = [
            ("input", DType::F32, own),
            ("target", DType::F16, other),
            ("weight", DType::F32, own),
        ];
        let inputs = inputs(loss, &shapes, 0, &mut random);
        for reduction in [Reduction::None, Reduction::Mean] {
            let gradients = &["target", "weight", "input"];
            let terms: &[usize] = if reduction == Reduction::None { first } else { &[] };
            let numbers: Vec<f64> =
                (0..terms.iter().product()).map(|_| 2.0 * random.unit() - 1.0).collect();
            let upstream = Some(tensor(DType::F32, terms, &numbers));
            let batch = Batch {
                inputs: &inputs,
                request: Request { reduction, gradients, ..Request::default() },
                ..Batch::default()
            };
            let batch = Batch { upstream, ..batch };
            let run = |backend: &Evaluator| {
                bits(&backend.evaluate_blocking(loss, &batch).unwrap_or_else(|e| panic!("{e}")))
            };
            let whole = run(&Evaluator::Gpu(common::gpu()));
            for binding in [1 << 18, 200_000] {
                let cut = run(&limited(binding, 65_535, few));
                assert!(
                    whole == cut,
                    "{own:?}, {other:?}, {reduction}, bindings of {binding} bytes"
                );
            }
        }
    }
}

/// A device that is destroyed in the middle of an evaluation is an error, not a panic.
#[test]
fn a_lost_device_is_an_error() {
    let mut random = Random(11);
    let shape: &[usize] = &[1 << 22];
    let shapes = [("input", DType::F32, shape), ("target", DType::F32, shape)];
    let inputs = inputs(&Mse, &shapes, 0, &mut random);
    let batch =
        Batch { inputs: &inputs, request: Request::with_gradients(&["input"]), ..Batch::default() };
    let mut lost = 0;
    // In one piece and in many.
    let memory = [1 << 30, 1 << 20].into_iter().cycle();
    for (delay, memory) in [0, 0, 1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32].into_iter().zip(memory) {
        let Evaluator::Gpu(gpu) = limited(128 << 20, 65_535, 8) else {
            unreachable!("a GPU backend")
        };
        let device = gpu.device().clone();
        let backend = Evaluator::Gpu(gpu.with_memory(memory));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(delay));
            device.destroy();
        });
        if let Err(error) = backend.evaluate_blocking(&Mse, &batch) {
            assert!(matches!(error, wgloss::Error::DeviceLost { .. }), "{delay} ms: {error}");
            lost += 1;
        }
        killer.join().expect("a thread that only destroys");
        let error = backend.evaluate_blocking(&Mse, &batch).expect_err("a destroyed device");
        assert!(matches!(error, wgloss::Error::DeviceLost { .. }), "afterwards: {error}");
    }
    assert!(lost > 0, "no evaluation was interrupted");
}
