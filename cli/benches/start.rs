//! From the start of the program to its first result.

use criterion::{Criterion, criterion_group, criterion_main};
use std::process::Command;

fn start(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("start");
    group.sample_size(10);
    for backend in ["gpu", "cpu"] {
        group.bench_function(backend, |bencher| {
            bencher.iter(|| {
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data");
                let inputs = ["input=digits_logits.npy", "target=digits_labels.npy"];
                let output = Command::new(env!("CARGO_BIN_EXE_wgloss"))
                    .current_dir(folder)
                    .args(["eval", "cross_entropy", "--backend", backend])
                    .args(inputs)
                    .output()
                    .expect("the program starts");
                assert!(output.status.success(), "{output:?}");
            });
        });
    }
}

criterion_group!(benches, start);
criterion_main!(benches);
