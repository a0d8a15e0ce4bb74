//! What a program that embeds wgloss is promised, on the machine's adapter and with fewer limits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use stranger::{Inputs, classes, device, device_with, filled, floats, limits, read, run, tensor};
use wgloss::wgpu;
use wgloss::{
    Batch, Bindings, CrossEntropy, DType, Error, Evaluator, GradientType, Mse, Plan, Plans,
    Reduction, Request, Tensor, TensorKind, by_name, reference,
};

type Tensors = Vec<(&'static str, Tensor<'static>)>;

fn uniform(shape: &[usize], seed: usize) -> Tensor<'static> {
    let numbers: Vec<f32> =
        floats(tensor(shape, seed).bytes()).iter().map(|x| (x + 2.5) / 5.0).collect();
    Tensor::from_bytes(DType::F32, shape, bytemuck::cast_slice(&numbers).to_vec()).expect("numbers")
}

/// What people ask for every day: a loss, its inputs, and the gradients.
fn everyday() -> Vec<(&'static str, Tensors, &'static [&'static str])> {
    let two = |shape: &[usize]| vec![("input", tensor(shape, 1)), ("target", tensor(shape, 2))];
    vec![
        ("mse_loss", two(&[33, 7]), &["input"]),
        ("l1_loss", two(&[4096]), &["input", "target"]),
        (
            "smooth_l1_loss",
            vec![("input", tensor(&[65, 4], 3)), ("target", tensor(&[4], 4))],
            &["input", "target"],
        ),
        (
            "binary_cross_entropy_with_logits",
            vec![
                ("input", tensor(&[50, 3], 5)),
                ("target", uniform(&[50, 3], 6)),
                ("weight", uniform(&[50, 3], 7)),
                ("pos_weight", uniform(&[3], 8)),
            ],
            &["input"],
        ),
        (
            "cross_entropy",
            vec![("input", tensor(&[60, 10], 9)), ("target", classes(&[60], 10))],
            &["input"],
        ),
        (
            "cross_entropy",
            vec![
                ("input", tensor(&[60, 10], 9)),
                ("target", classes(&[60], 10)),
                ("weight", uniform(&[10], 3)),
            ],
            &["input"],
        ),
        (
            "cross_entropy",
            vec![("input", tensor(&[5, 3, 6], 9)), ("target", uniform(&[5, 3, 6], 2))],
            &["input"],
        ),
        (
            "nll_loss",
            vec![("input", tensor(&[60, 11], 9)), ("target", classes(&[60], 11))],
            &["input"],
        ),
        (
            "kl_div",
            vec![("input", tensor(&[31, 9], 1)), ("target", uniform(&[31, 9], 2))],
            &["input", "target"],
        ),
        (
            "gaussian_nll_loss",
            vec![
                ("input", tensor(&[20, 3], 1)),
                ("target", tensor(&[20, 3], 2)),
                ("var", uniform(&[20, 3], 3)),
            ],
            &["input", "var"],
        ),
        (
            "triplet_margin_loss",
            vec![
                ("anchor", tensor(&[9, 16], 1)),
                ("positive", tensor(&[9, 16], 2)),
                ("negative", tensor(&[9, 16], 3)),
            ],
            &["anchor", "positive", "negative"],
        ),
        (
            "multi_margin_loss",
            vec![("input", tensor(&[20, 6], 1)), ("target", classes(&[20], 6))],
            &["input"],
        ),
        (
            "ctc_loss",
            vec![
                ("log_probs", tensor(&[9, 3, 5], 1)),
                ("targets", labels(&[3, 4], 4)),
                ("input_lengths", of_i64(&[9, 8, 7])),
                ("target_lengths", of_i64(&[1, 1, 1])),
            ],
            &["log_probs"],
        ),
    ]
}

/// Labels from 1 on, as 0 is the blank.
fn labels(shape: &[usize], most: i64) -> Tensor<'static> {
    let count: usize = shape.iter().product();
    let labels: Vec<i64> = (1..=most).cycle().take(count).collect();
    Tensor::from_bytes(DType::I64, shape, bytemuck::cast_slice(&labels).to_vec()).expect("labels")
}

fn of_i64(numbers: &[i64]) -> Tensor<'static> {
    Tensor::from_bytes(DType::I64, [numbers.len()], bytemuck::cast_slice(numbers).to_vec())
        .expect("numbers")
}

/// Value and gradients of everyday requests, whatever the device binds at once.
#[test]
fn everyday_requests_are_right_on_small_devices() {
    for (buffers, invocations) in [(8, 256), (4, 256), (4, 128), (4, 64)] {
        let gpu = device(limits(buffers, invocations));
        for (name, tensors, gradients) in everyday() {
            let loss = by_name(name).expect("a loss");
            let request = Request::with_gradients(gradients);
            let inputs = Inputs::new(&gpu, tensors);
            let what = format!("{name} with {buffers} buffers and {invocations} invocations");
            let plan = Plan::new(&gpu, &*loss, &inputs.kinds(), &request);
            let plan = plan.unwrap_or_else(|error| panic!("{what}: {error}"));
            let (value, slopes) = run(&gpu, &plan, &inputs, &request);
            let batch =
                Batch { inputs: &inputs.tensors, request: request.clone(), ..Batch::default() };
            let want = reference::evaluate(&*loss, &batch).expect("the reference");
            let close =
                |got: f32, want: f64, size: f64| (f64::from(got) - want).abs() <= 3e-6 * size;
            assert!(
                close(value[0], want.value[0], want.scale),
                "{what}: {value:?}, not {:?}",
                want.value
            );
            for (got, (name, want)) in slopes.iter().zip(&want.gradients) {
                let size = want.iter().fold(1e-6, |most: f64, x| most.max(x.abs()));
                let right =
                    floats(got).iter().zip(want).all(|(&got, &want)| close(got, want, size));
                assert!(right, "{what}: gradient of {name}");
            }
        }
    }
}

/// Sizes that are no whole block, quad or word: nothing past an output is written.
#[test]
fn odd_tails_touch_no_guard() {
    let gpu = device(wgpu::Limits::default());
    for count in (1..40).chain([4095, 4096, 4097, 8191]) {
        let half = |seed| {
            let numbers: Vec<half::f16> =
                stranger::numbers(count, seed).into_iter().map(half::f16::from_f32).collect();
            Tensor::from_bytes(DType::F16, [count], bytemuck::cast_slice(&numbers).to_vec())
                .expect("halves")
        };
        let inputs = Inputs::new(&gpu, vec![("input", half(1)), ("target", half(2))]);
        let request = Request {
            reduction: Reduction::None,
            gradient_type: GradientType::Input,
            ..Request::with_gradients(&["input", "target"])
        };
        let plan = Plan::new(&gpu, &Mse, &inputs.kinds(), &request).expect("a plan");
        let (losses, _) = run(&gpu, &plan, &inputs, &request);
        let batch = Batch { inputs: &inputs.tensors, request: request.clone(), ..Batch::default() };
        let want = Evaluator::Cpu.evaluate_blocking(&Mse, &batch).expect("the CPU");
        assert_eq!(losses, want.value.expect("losses").to_f32().to_vec(), "{count} elements");
    }
}

/// Ten thousand encodes make nothing grow.
#[test]
fn encodes_hold_nothing() {
    let gpu = device(wgpu::Limits::default());
    let inputs =
        Inputs::new(&gpu, vec![("input", tensor(&[8, 10], 1)), ("target", classes(&[8], 10))]);
    let request = Request::with_gradients(&["input"]);
    let plan =
        Plan::new(&gpu, &CrossEntropy::default(), &inputs.kinds(), &request).expect("a plan");
    let (value, gradient) = (filled(&gpu, &[0; 4]), filled(&gpu, &[0; 320]));
    let outputs = [("input", gradient.as_entire_buffer_binding())];
    let bound = inputs.bound();
    let bindings = Bindings {
        inputs: &bound,
        value: Some(value.as_entire_buffer_binding()),
        gradients: &outputs,
        ..Bindings::default()
    };
    let steps = |count| {
        for _ in 0..count {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            for _ in 0..10 {
                plan.encode(&mut encoder, &bindings).expect("valid bindings");
            }
            gpu.queue().submit([encoder.finish()]);
        }
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("a living device");
    };
    let resident = || -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/statm").ok()?;
        status.split_whitespace().nth(1)?.parse().ok()
    };
    steps(100);
    let before = resident();
    steps(1000);
    if let (Some(before), Some(after)) = (before, resident()) {
        // In pages of 4 KiB: other tests of this program run meanwhile.
        assert!(after < before + (64 << 20) / 4096, "{before} pages, then {after}");
    }
}

/// The program's error scopes and callbacks hear nothing of what wgloss refuses.
#[test]
fn error_scopes_are_the_programs() {
    static HEARD: AtomicUsize = AtomicUsize::new(0);
    let gpu = device(wgpu::Limits::default());
    gpu.device().on_uncaptured_error(std::sync::Arc::new(|_| {
        HEARD.fetch_add(1, Ordering::SeqCst);
    }));
    let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
    let inputs =
        Inputs::new(&gpu, vec![("input", tensor(&[8, 10], 1)), ("target", classes(&[8], 10))]);
    let plan = Plan::new(&gpu, &CrossEntropy::default(), &inputs.kinds(), &Request::default())
        .expect("a plan");
    let small = filled(&gpu, &[0; 4]);
    let bound = [
        ("input", small.as_entire_buffer_binding()),
        ("target", inputs.buffers[1].as_entire_buffer_binding()),
    ];
    let bindings = Bindings {
        inputs: &bound,
        value: Some(small.as_entire_buffer_binding()),
        ..Bindings::default()
    };
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let error = plan.encode(&mut encoder, &bindings).expect_err("too small");
    assert!(matches!(error, Error::Size { .. }), "{error}");
    encoder.finish();
    assert!(pollster::block_on(scope.pop()).is_none());
    assert_eq!(HEARD.load(Ordering::SeqCst), 0);
}

/// A plan whose kernels are there waits for nobody's compiler.
#[test]
fn plans_wait_for_no_other() {
    let gpu = device(wgpu::Limits::default());
    let kinds = |n| {
        [("input", TensorKind::new(DType::F32, [n])), ("target", TensorKind::new(DType::F32, [n]))]
    };
    let plan = || Plan::new(&gpu, &Mse, &kinds(4096), &Request::default()).expect("a plan");
    plan();
    let compiling = AtomicUsize::new(1);
    std::thread::scope(|scope| {
        let (gpu, compiling) = (&gpu, &compiling);
        scope.spawn(move || {
            for name in [
                "huber_loss",
                "poisson_nll_loss",
                "cosine_embedding_loss",
                "triplet_margin_loss",
                "kl_div",
            ] {
                let loss = by_name(name).expect("a loss");
                Plan::new(gpu, &*loss, &loss.example(), &Request::default()).expect("a plan");
            }
            compiling.store(0, Ordering::SeqCst);
        });
        let mut longest = Duration::ZERO;
        while compiling.load(Ordering::SeqCst) == 1 {
            let start = Instant::now();
            plan();
            longest = longest.max(start.elapsed());
        }
        println!("the longest of the plans beside a compiling thread took {longest:?}");
    });
}

/// The program's own pipeline cache reaches the driver, on adapters that have one.
#[test]
fn kernels_are_compiled_with_the_programs_cache() {
    let gpu = device_with(wgpu::Limits::default(), wgpu::Features::PIPELINE_CACHE);
    if !gpu.device().features().contains(wgpu::Features::PIPELINE_CACHE) {
        println!("the adapter has no pipeline cache");
        return;
    }
    let descriptor = wgpu::PipelineCacheDescriptor { label: None, data: None, fallback: true };
    #[allow(unsafe_code, reason = "wgpu has it so: of no data, nothing can be wrong")]
    let cache = unsafe { gpu.device().create_pipeline_cache(&descriptor) };
    let gpu = gpu.with_pipeline_cache(cache.clone());
    let inputs = Inputs::new(&gpu, vec![("input", tensor(&[9], 1)), ("target", tensor(&[9], 2))]);
    let plan = Plan::new(&gpu, &Mse, &inputs.kinds(), &Request::default()).expect("a plan");
    run(&gpu, &plan, &inputs, &Request::default());
    assert!(cache.get_data().is_some_and(|data| !data.is_empty()));
}

/// Two losses of one input, weighed, with batches of different sizes and one status.
#[test]
fn losses_add_up_over_batches() {
    for (buffers, invocations) in [(8, 256), (4, 64)] {
        let gpu = device(limits(buffers, invocations));
        let most = [
            ("input", TensorKind::new(DType::F32, [40, 6])),
            ("target", TensorKind::new(DType::I64, [40])),
        ];
        let weighed = |loss_weight| Request {
            loss_weight,
            accumulate: true,
            ..Request::with_gradients(&["input"])
        };
        let head = Plans::new(&gpu, CrossEntropy::default(), &most, &weighed(0.5)).expect("a plan");
        let rest = Plans::new(
            &gpu,
            CrossEntropy { label_smoothing: 0.2, ..Default::default() },
            &most,
            &weighed(2.0),
        )
        .expect("a plan");
        let (value, gradient, status) =
            (filled(&gpu, &[0; 4]), filled(&gpu, &[0; 960]), filled(&gpu, &[0; 16]));
        let mut want = 0.0;
        for count in [40, 40, 7] {
            let inputs = Inputs::new(
                &gpu,
                vec![("input", tensor(&[count, 6], count)), ("target", classes(&[count], 6))],
            );
            let outputs = [("input", gradient.as_entire_buffer_binding())];
            let bound = inputs.bound();
            let bindings = Bindings {
                inputs: &bound,
                value: Some(value.as_entire_buffer_binding()),
                gradients: &outputs,
                status: Some(status.as_entire_buffer_binding()),
                ..Bindings::default()
            };
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            for plans in [&head, &rest] {
                plans
                    .of(count)
                    .expect("a batch")
                    .encode(&mut encoder, &bindings)
                    .expect("valid bindings");
            }
            gpu.queue().submit([encoder.finish()]);
            for (label_smoothing, weight) in [(0.0, 0.5), (0.2, 2.0)] {
                let loss = CrossEntropy { label_smoothing, ..Default::default() };
                let batch = Batch { inputs: &inputs.tensors, ..Batch::default() };
                want +=
                    weight * reference::evaluate(&loss, &batch).expect("the reference").value[0];
            }
        }
        let got = f64::from(floats(&read(&gpu, &value))[0]);
        assert!((got - want).abs() < 1e-5 * want, "{got}, not {want}");
        assert!(read(&gpu, &status).iter().all(|&byte| byte == 0));
    }
}

/// What cannot be is refused at once, and nothing overflows.
#[test]
fn what_cannot_be_is_refused_at_once() {
    let gpu = device(wgpu::Limits::default());
    for shift in [32, 40, 48, 62] {
        let kind = TensorKind::new(DType::F32, [1usize << shift]);
        let start = Instant::now();
        let error = Plan::new(
            &gpu,
            &Mse,
            &[("input", kind.clone()), ("target", kind)],
            &Request::default(),
        );
        assert!(error.is_err(), "2^{shift} elements");
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "2^{shift} elements: {:?}",
            start.elapsed()
        );
    }
    let none = device(wgpu::Limits::downlevel_webgl2_defaults());
    for (name, tensors, gradients) in everyday() {
        let loss = by_name(name).expect("a loss");
        let kinds: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
        let refused = Plan::new(&none, &*loss, &kinds, &Request::with_gradients(gradients));
        assert!(matches!(refused, Err(Error::Limit { .. })), "{name}: {refused:?}");
    }
}
