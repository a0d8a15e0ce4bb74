//! The work before kernels run: planning, encoding, and the first use, with its compilation.

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use pollster::block_on;
use std::cell::LazyCell;
use wgloss::{DType, Gpu, Plan};
use wgloss_bench::{Data, OnGpu, WORKLOADS, Workload, by_name};

fn plans(criterion: &mut Criterion) {
    let gpu = Gpu::new_blocking().expect("an adapter");
    let mut group = criterion.benchmark_group("plan");
    for (name, _) in WORKLOADS {
        let workload = by_name(name).expect("one of the list");
        // Kernels that are compiled already: the plan's own buffers and checks.
        group.bench_function(name, |bencher| bencher.iter(|| plan(&gpu, &workload)));
    }
}

fn encodings(criterion: &mut Criterion) {
    let gpu = Gpu::new_blocking().expect("an adapter");
    let mut group = criterion.benchmark_group("encode");
    for (name, _) in WORKLOADS {
        let workload = by_name(name).expect("one of the list");
        let resident = LazyCell::new(|| resident(&gpu, &workload));
        group.bench_function(name, |bencher| {
            let resident = &*resident;
            let encoder = || gpu.device().create_command_encoder(&Default::default());
            let encode = |mut encoder| {
                resident.encode(&mut encoder, None).expect("a living device");
                encoder
            };
            bencher.iter_batched(encoder, encode, BatchSize::SmallInput);
        });
    }
}

/// On a device of its own each time, so that nothing is compiled; a driver's cache on the disk may
/// have compiled it.
fn first_use(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("first_use");
    group.sample_size(10);
    for name in ["small_mse_fwdbwd", "ctc_fwdbwd"] {
        let workload = by_name(name).expect("one of the list");
        let data = LazyCell::new(|| Data::new(&workload, DType::F32));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let data = &*data;
            let gpu = || Gpu::new_blocking().expect("an adapter");
            let first = |gpu: Gpu| {
                let resident = OnGpu::new(&gpu, &workload, DType::F32, data);
                let resident = block_on(resident).expect("a plan");
                block_on(resident.run(1)).expect("a living device");
                (gpu, resident)
            };
            bencher.iter_batched(gpu, first, BatchSize::PerIteration);
        });
    }
}

fn plan(gpu: &Gpu, workload: &Workload) -> Plan {
    let kinds = workload.kinds(DType::F32);
    Plan::new(gpu, workload.loss.as_ref(), &kinds, &workload.request())
        .expect("within the adapter's limits")
}

fn resident(gpu: &Gpu, workload: &Workload) -> OnGpu {
    let data = Data::new(workload, DType::F32);
    block_on(OnGpu::new(gpu, workload, DType::F32, &data)).expect("within the adapter's limits")
}

criterion_group!(benches, plans, encodings, first_use);
criterion_main!(benches);
