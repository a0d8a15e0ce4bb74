//! The workloads of `wgloss bench`: encoding, submitting and waiting on a GPU, and evaluating on the
//! CPU.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pollster::block_on;
use std::cell::LazyCell;
use wgloss::{DType, Gpu};
use wgloss_bench::{Data, OnCpu, OnGpu, WORKLOADS, by_name};

fn workloads(criterion: &mut Criterion) {
    let gpu = Gpu::new_blocking().expect("an adapter");
    let mut group = criterion.benchmark_group("workloads");
    group.sample_size(10);
    for (name, _) in WORKLOADS {
        let workload = by_name(name).expect("one of the list");
        // What the command line filters out is not made.
        let data = LazyCell::new(|| Data::new(&workload, DType::F32));
        let on_gpu = LazyCell::new(|| {
            let resident = OnGpu::new(&gpu, &workload, DType::F32, &data);
            block_on(resident).expect("within the adapter's limits")
        });
        group.bench_function(BenchmarkId::new("gpu", name), |bencher| {
            let resident = &*on_gpu;
            bencher.iter(|| block_on(resident.run(1)).expect("a living device"));
        });
        let on_cpu = LazyCell::new(|| OnCpu::new(&workload, &data).expect("valid data"));
        group.bench_function(BenchmarkId::new("cpu", name), |bencher| {
            let held = &*on_cpu;
            bencher.iter(|| block_on(held.run(1)).expect("valid data"));
        });
    }
}

criterion_group!(benches, workloads);
criterion_main!(benches);
