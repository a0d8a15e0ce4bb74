//! The bits of the same batches on every machine. With `WGLOSS_PIN` set the test writes what it finds.

use pollster::block_on;
use wgloss::{Evaluator, Gpu};
use wgloss_kit::pinned::{Pinned, evaluate, hash, pinned};

/// The adapter that the GPU's hashes are of, where it is there.
fn lavapipe() -> Option<Gpu> {
    block_on(Gpu::with_adapter_named(Some("llvmpipe"))).ok()
}

#[test]
fn outputs_have_the_pinned_bits() {
    let gpu = lavapipe().map(Evaluator::Gpu);
    if gpu.is_none() {
        println!("no lavapipe: only the CPU's bits are compared");
    }
    let known = pinned();
    let mut found = Vec::new();
    for loss in wgloss::catalogue() {
        let name = loss.definition().name.to_string();
        let pin = known.iter().find(|pin| pin.loss == name);
        let bits = |backend: &Evaluator| {
            let loss = wgloss::by_name(&name).expect("a loss of the catalogue");
            hash(&block_on(evaluate(loss, backend)).expect("a valid batch"))
        };
        let cpu = bits(&Evaluator::Cpu);
        let gpu = gpu.as_ref().map(bits).or(pin.map(|pin| pin.gpu.clone())).unwrap_or_default();
        found.push(Pinned { loss: name, cpu, gpu });
    }
    if std::env::var_os("WGLOSS_PIN").is_some() {
        let text = serde_json::to_string_pretty(&found).expect("texts");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pinned.json");
        std::fs::write(path, text + "\n").expect("the list is written");
        return;
    }
    assert_eq!(found, known);
}
