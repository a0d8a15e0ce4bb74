//! Each family has the same bits at every vector width of llvmpipe, which is its subgroup size. On
//! other adapters the runs are alike.

use crate::common::ctc::Case;
use crate::common::{self, Random, differentiable, inputs};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use wgloss::{
    Batch, BinaryCrossEntropyWithLogits, CrossEntropy, Ctc, DType, Evaluator, GeneralizedJsd,
    GradientType, Huber, LinearCrossEntropy, Loss, Mse, MultiLabelMargin, RankingSoftmax,
    Reduction, Request, Tensor, TripletMargin,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

fn cases() -> Vec<(Box<dyn Loss>, Inputs)> {
    let mut random = Random(51);
    let mut cases: Vec<(Box<dyn Loss>, Inputs)> = Vec::new();
    let mut add = |loss: Box<dyn Loss>, shapes: &[(&'static str, DType, &[usize])], classes| {
        let inputs = inputs(loss.as_ref(), shapes, classes, &mut random);
        cases.push((loss, inputs));
    };
    let (f, h, b) = (DType::F32, DType::F16, DType::BF16);
    let long: &[usize] = &[100_003];
    let plane: &[usize] = &[321, 77];
    let labels: &[usize] = &[321];
    add(Box::new(Mse), &[("input", f, long), ("target", h, long), ("weight", b, long)], 0);
    add(Box::new(BinaryCrossEntropyWithLogits), &[("input", b, long), ("target", f, long)], 0);
    add(Box::<Huber>::default(), &[("input", f, plane), ("target", f, &[77])], 0);
    let smoothed = CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() };
    let shapes = [("input", h, plane), ("target", DType::I64, labels), ("weight", f, &[77][..])];
    add(Box::new(smoothed), &shapes, 77);
    let planes: &[usize] = &[4, 9, 33, 31];
    let pixels: &[usize] = &[4, 33, 31];
    let shapes = [("input", f, planes), ("target", DType::U8, pixels)];
    add(Box::<CrossEntropy>::default(), &shapes, 9);
    let wide: &[usize] = &[5, 9001];
    add(Box::<CrossEntropy>::default(), &[("input", b, wide), ("target", f, wide)], 0);
    add(Box::<GeneralizedJsd>::default(), &[("input", b, wide), ("teacher", f, wide)], 0);
    add(Box::new(RankingSoftmax), &[("input", f, wide), ("target", f, wide), ("mask", h, wide)], 0);
    let three = ["anchor", "positive", "negative"].map(|name| (name, f, plane));
    add(Box::<TripletMargin>::default(), &three, 0);
    add(Box::new(MultiLabelMargin), &[("input", f, plane), ("target", DType::I16, plane)], 77);
    let hidden: &[usize] = &[321, 40];
    let layer: &[usize] = &[77, 40];
    let shapes =
        [("input", h, hidden), ("linear_weight", f, layer), ("target", DType::I32, labels)];
    add(Box::<LinearCrossEntropy>::default(), &shapes, 77);
    let case = Case::new(&[60, 3, 21], 0, &[20, 7, 0], 3.0, &mut random);
    cases.push((Box::<Ctc>::default(), case.inputs(f, DType::I64, true)));
    cases
}

/// What the other test runs at each width.
#[test]
#[ignore = "a part of the other test"]
fn bits() {
    let gpu = common::gpu();
    println!("\nadapter {}", gpu.adapter_info().name);
    let backend = Evaluator::Gpu(gpu);
    for (loss, inputs) in cases() {
        let gradients = differentiable(loss.as_ref(), &inputs);
        for (reduction, gradient_type) in
            [(Reduction::Mean, GradientType::Input), (Reduction::None, GradientType::Float32)]
        {
            let (inputs, gradients) = (&inputs, &gradients);
            let batch = Batch {
                inputs,
                request: Request { reduction, gradients, gradient_type, ..Request::default() },
                ..Batch::default()
            };
            let answer = backend.evaluate_blocking(loss.as_ref(), &batch).expect("valid");
            let mut hasher = DefaultHasher::new();
            answer.value.iter().for_each(|value| value.bytes().hash(&mut hasher));
            answer.gradients.iter().for_each(|(_, g)| g.bytes().hash(&mut hasher));
            let name = loss.definition().name;
            println!("bits {name} {reduction} {gradient_type:?} {:x}", hasher.finish());
        }
    }
}

#[test]
fn every_vector_width_has_the_same_bits() {
    let start = |width: &'static str| {
        // Mesa's cache takes no notice of the width.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shaders-{width}"));
        let run = Command::new(std::env::current_exe().expect("the test's own path"))
            .args(["--ignored", "--exact", "widths::bits", "--nocapture"])
            .env("LP_NATIVE_VECTOR_WIDTH", width)
            .env("MESA_SHADER_CACHE_DIR", cache)
            .stdout(Stdio::piped())
            .spawn();
        (width, run.expect("the test starts"))
    };
    let finish = |(width, run): (&str, Child)| {
        let output = run.wait_with_output().expect("the test ends");
        let out = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success(), "{width} bits: {out}");
        let lines = |word| out.lines().filter(|l| l.starts_with(word)).map(String::from).collect();
        let (adapter, bits): (Vec<String>, Vec<String>) = (lines("adapter "), lines("bits "));
        assert_eq!(bits.len(), 2 * cases().len(), "{out}");
        (adapter.concat(), bits)
    };
    let runs = ["128", "256", "512"].map(start).map(finish);
    for (adapter, bits) in &runs[1..] {
        assert_eq!(*bits, runs[0].1, "{adapter} and {}", runs[0].0);
    }
    let adapters: BTreeSet<_> = runs.iter().map(|(adapter, _)| adapter).collect();
    let llvmpipe = runs[0].0.contains("llvmpipe");
    assert_eq!(adapters.len(), if llvmpipe { 3 } else { 1 }, "the widths were taken: {adapters:?}");
}
