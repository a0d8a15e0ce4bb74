use std::time::Instant;
use wgloss::*;
fn run(
    name: &str,
    gpu: &Gpu,
    loss: &dyn Loss,
    kinds: &[(&str, TensorKind)],
    grads: &[&str],
    red: Reduction,
) {
    if let Ok(f) = std::env::var("F") {
        if !name.contains(&f) {
            return;
        }
    }
    let req = Request { inputs: kinds, gradients: grads, reduction: red, ..Default::default() };
    let plan = Plan::new(gpu, loss, &req).unwrap();
    let buf = |size: u64| {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: size.max(4),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    };
    let bytes = |k: &TensorKind| (k.shape.iter().product::<usize>() * k.dtype.size()) as u64;
    let ins: Vec<_> = kinds
        .iter()
        .map(|(n, k)| {
            let b = buf(bytes(k));
            if k.dtype == DType::F32 {
                let n = bytes(k) as usize / 4;
                let v: Vec<f32> =
                    (0..n).map(|i| ((i * 7919) % 1000) as f32 / 250.0 - 2.0).collect();
                gpu.queue().write_buffer(&b, 0, bytemuck::cast_slice(&v));
            }
            (*n, b)
        })
        .collect();
    let gs: Vec<_> = grads
        .iter()
        .map(|g| (*g, buf(bytes(&kinds.iter().find(|k| k.0 == *g).unwrap().1))))
        .collect();
    let val = buf(4);
    let i: Vec<_> = ins.iter().map(|(n, b)| (*n, b.as_entire_buffer_binding())).collect();
    let g: Vec<_> = gs.iter().map(|(n, b)| (*n, b.as_entire_buffer_binding())).collect();
    let mut ts = vec![];
    let mut c0 = 0.0;
    let cpu = || {
        let s = std::fs::read_to_string("/proc/self/stat").unwrap();
        let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
        f[11].parse::<f64>().unwrap() * 10.0
    };
    for k in 0..9 {
        if k == 1 {
            c0 = cpu();
        }
        let t = Instant::now();
        let mut e = gpu.device().create_command_encoder(&Default::default());
        plan.encode(
            &mut e,
            &Bindings {
                inputs: &i,
                value: Some(val.as_entire_buffer_binding()),
                gradients: &g,
                ..Default::default()
            },
        )
        .unwrap();
        gpu.queue().submit([e.finish()]);
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
        ts.push(t.elapsed().as_secs_f64() * 1e3);
    }
    ts.remove(0);
    ts.sort_by(f64::total_cmp);
    println!("{name}: gpu min {:.2} median {:.2} cpu time {:.1}", ts[0], ts[4], (cpu() - c0) / 8.0);
    if std::env::var("CPU").is_err() {
        return;
    }
    let tens: Vec<_> = kinds
        .iter()
        .map(|(n, k)| {
            let c: usize = k.shape.iter().product();
            let by = if k.dtype == DType::F32 {
                bytemuck::cast_slice::<f32, u8>(
                    &(0..c).map(|i| ((i * 7919) % 1000) as f32 / 250.0 - 2.0).collect::<Vec<_>>(),
                )
                .to_vec()
            } else {
                vec![0u8; c * k.dtype.size()]
            };
            (*n, Tensor::from_bytes(k.dtype, k.shape.clone(), by).unwrap())
        })
        .collect();
    let mut ts = vec![];
    for _ in 0..5 {
        let t = Instant::now();
        Backend::Cpu
            .evaluate_blocking(
                loss,
                &Batch { inputs: &tens, gradients: grads, reduction: red, ..Default::default() },
            )
            .unwrap();
        ts.push(t.elapsed().as_secs_f64() * 1e3);
    }
    ts.sort_by(f64::total_cmp);
    println!("{name}: cpu min {:.2}", ts[0]);
}
fn main() {
    let gpu = Gpu::new_blocking().unwrap();
    let k = |d, s: &[usize]| TensorKind { dtype: d, shape: s.to_vec() };
    let n = 1 << 24;
    let pw = [("input", k(DType::F32, &[n])), ("target", k(DType::F32, &[n]))];
    run("mse_fwd", &gpu, &Mse, &pw, &[], Reduction::Mean);
    run("mse_fwdbwd", &gpu, &Mse, &pw, &["input"], Reduction::Mean);
    run("smooth_l1_fwdbwd", &gpu, &SmoothL1::default(), &pw, &["input"], Reduction::Mean);
    run("bce_logits_fwdbwd", &gpu, &BinaryCrossEntropyWithLogits, &pw, &["input"], Reduction::Mean);
    let kl = [("input", k(DType::F32, &[4096, 1024])), ("target", k(DType::F32, &[4096, 1024]))];
    run("kl_div_fwdbwd", &gpu, &KlDiv::default(), &kl, &["input"], Reduction::BatchMean);
    for (a, b) in [(16384, 1000), (512, 32000), (128, 128256)] {
        let ce = [("input", k(DType::F32, &[a, b])), ("target", k(DType::I64, &[a]))];
        run(
            &format!("ce_{a}x{b}_fwdbwd"),
            &gpu,
            &CrossEntropy::default(),
            &ce,
            &["input"],
            Reduction::Mean,
        );
    }
    let ce = [("input", k(DType::F32, &[128, 128256])), ("target", k(DType::I64, &[128]))];
    run("ce_128x128256_fwd", &gpu, &CrossEntropy::default(), &ce, &[], Reduction::Mean);
    let s = [("input", k(DType::F32, &[1024])), ("target", k(DType::F32, &[1024]))];
    run("small_mse", &gpu, &Mse, &s, &["input"], Reduction::Mean);
}
