//! Losses over rows on both backends against the float64 reference: every loss of the catalogue
//! over numbers of classes, layouts, target types, options, weights and upstream gradients.

use crate::common::{
    self, Random, assert_agrees_on, assert_close, backends, bits, differentiable, inputs, rows_of,
    tensor,
};
use crate::common::{Family, family};
use crate::shared_buffers::assert_same_bits;
use wgloss::definition::Role;
use wgloss::{
    Batch, CrossEntropy, DType, Evaluator, Loss, Plan, Reduction, Request, SourceOptions, Tensor,
    TensorKind, Tuning, losses,
};

const SIGNED: [DType; 4] = [DType::I8, DType::I16, DType::I32, DType::I64];
const UNSIGNED: [DType; 4] = [DType::U8, DType::U16, DType::U32, DType::U64];

fn rows() -> Vec<Box<dyn Loss>> {
    let all = losses::catalogue().into_iter();
    all.filter(|loss| family(loss.as_ref()) == Family::Rows).collect()
}

/// Inputs of a loss over rows of this shape, with class indices or, where it takes them, probabilities.
fn row_inputs(
    loss: &dyn Loss,
    (shape, dtype): (&[usize], DType),
    target: DType,
    weighted: bool,
    random: &mut Random,
) -> Vec<(&'static str, Tensor<'static>)> {
    let (classes, output) = rows_of(loss, shape);
    let shapes: Vec<(&str, DType, &[usize])> = loss
        .definition()
        .inputs
        .iter()
        .filter(|input| weighted || !input.optional)
        .map(|input| match input.role {
            Role::Index => (input.name, target, &output[..]),
            Role::Marks if target.is_float() => (input.name, DType::I64, &output[..]),
            Role::Marks => (input.name, target, &output[..]),
            Role::IndexOrRows if !target.is_float() => (input.name, target, &output[..]),
            Role::Classes | Role::Factors => (input.name, dtype, std::slice::from_ref(&classes)),
            Role::Labels => (input.name, dtype, &output[..]),
            Role::ListedClasses => (input.name, target, shape),
            _ => (input.name, dtype, shape),
        })
        .collect();
    inputs(loss, &shapes, classes, random)
}

/// One case: the loss over `shape` with class indices or, where it takes them, probabilities.
fn check(
    what: &str,
    loss: &dyn Loss,
    input: (&[usize], DType),
    target: DType,
    how: (Reduction, bool),
    random: &mut Random,
) {
    check_on(&backends().map(|(_, backend)| backend), what, loss, input, target, how, random);
}

fn check_on(
    backends: &[Evaluator],
    what: &str,
    loss: &dyn Loss,
    (shape, dtype): (&[usize], DType),
    target: DType,
    (reduction, weighted): (Reduction, bool),
    random: &mut Random,
) {
    let definition = loss.definition();
    let (classes, output) = rows_of(loss, shape);
    if classes == 0 || (definition.inputs[0].role == Role::Scores && shape.len() > 2) {
        return; // refused
    }
    let inputs = row_inputs(loss, (shape, dtype), target, weighted, random);
    let gradients = differentiable(loss, &inputs);
    let terms = if reduction == Reduction::None { &output[..] } else { &[] };
    let count: usize = terms.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| 4.0 * random.unit() - 2.0).collect();
    let upstream = Some(tensor(DType::F32, terms, &numbers));
    let batch = Batch {
        inputs: &inputs,
        upstream,
        request: Request { reduction, gradients: &gradients, ..Request::default() },
        ..Batch::default()
    };
    let name = definition.name;
    let what = format!("{what}: {name} of {dtype} {shape:?}, {target}, {reduction}, {weighted}");
    for backend in backends {
        let place = if matches!(backend, Evaluator::Cpu) { "the CPU" } else { "the GPU" };
        assert_agrees_on(&format!("{what} on {place}"), backend, loss, &batch);
    }
}

/// From a lane for each quad to one for the whole row.
#[test]
fn any_tuning() {
    let Evaluator::Gpu(gpu) = &backends()[0].1 else { panic!("the first backend is the GPU") };
    let mut random = Random(11);
    let ways = [(1, 256), (3, 64), (8, 256), (16, 4), (1000, 256)];
    let ways = ways.into_iter().flat_map(|way| [(way, false), (way, true)]);
    for (i, ((quads_per_lane, most_lanes), subgroups)) in ways.enumerate() {
        let tuning = Tuning { quads_per_lane, most_lanes, subgroups, ..Tuning::default() };
        let tuned = [Evaluator::Gpu(gpu.clone().with_tuning(tuning))];
        // Each loss with each way, with subgroups or without, by turns.
        for (j, loss) in rows().into_iter().enumerate().skip((i / 2 + i) % 2).step_by(2) {
            let shape = [&[3, 517][..], &[2, 1024]][(i / 4 + j / 2) % 2];
            let (input, how) = ((shape, DType::F32), (Reduction::None, true));
            let what = format!("{tuning:?}");
            check_on(&tuned, &what, loss.as_ref(), input, DType::I64, how, &mut random);
        }
    }
}

/// Subgroups join a row's sums in the order of lanes without them.
#[test]
fn the_same_bits_with_subgroups_as_without() {
    let mut random = Random(12);
    for (i, loss) in rows().iter().enumerate() {
        let loss = loss.as_ref();
        let inputs = row_inputs(loss, (&[3, 9001], DType::F32), DType::I64, true, &mut random);
        let gradients = differentiable(loss, &inputs);
        let (inputs, gradients, reduction) = (&inputs, &gradients, Reduction::None);
        let batch = Batch {
            inputs,
            request: Request { reduction, gradients, ..Request::default() },
            ..Batch::default()
        };
        let (quads_per_lane, most_lanes) = [(8, 256), (8, 32), (1000, 256)][i % 3];
        let [without, with] = [false, true].map(|subgroups| {
            let tuning = Tuning { quads_per_lane, most_lanes, subgroups, ..Tuning::default() };
            let backend = Evaluator::Gpu(common::gpu().with_tuning(tuning));
            bits(&backend.evaluate_blocking(loss, &batch).expect("a valid batch"))
        });
        assert!(without == with, "{loss:?} with up to {most_lanes} lanes");
    }
}

#[test]
fn numbers_of_classes_and_layouts() {
    let mut random = Random(5);
    let shapes: &[&[usize]] = &[
        &[1],
        &[7],
        &[64],
        &[1, 1],
        &[5, 1],
        &[3, 2],
        &[130, 3],
        &[70, 10],
        &[9, 33],
        &[5, 64],
        &[3, 100],
        &[3, 257],
        &[4, 1000],
        &[3, 1024],
        &[2, 2050],
        &[2, 5003],
        &[2, 32_000],
        &[2, 3, 4],
        &[3, 5, 2, 3],
        &[2, 21, 6, 7],
        &[2, 100, 3],
        &[1, 5, 40],
        &[0, 4],
        &[3, 2, 0],
    ];
    for (i, loss) in rows().into_iter().enumerate() {
        // Each shape with half of the losses.
        for (j, shape) in shapes.iter().enumerate().skip(i % 2).step_by(2) {
            for (k, target) in [DType::I64, DType::F32].into_iter().enumerate() {
                let role = loss.definition().inputs[1].role;
                if target == DType::F32 && role != Role::IndexOrRows {
                    continue; // the same case again
                }
                let reductions = [Reduction::None, Reduction::Mean, Reduction::Sum];
                let how = (reductions[(i / 4 + j / 2 + k) % 3], (i / 2 + j / 6) % 2 == 0);
                check("shapes", loss.as_ref(), (*shape, DType::F32), target, how, &mut random);
            }
        }
    }
}

#[test]
fn types() {
    let mut random = Random(6);
    for (i, loss) in rows().into_iter().enumerate() {
        for (j, target) in SIGNED.into_iter().chain(UNSIGNED).enumerate() {
            let dtype = [DType::F32, DType::F16, DType::BF16, DType::F64][(i + j) % 4];
            let shape = [&[7, 12][..], &[5, 9], &[2, 6, 3]][(i + j) % 3];
            let how = (Reduction::Mean, true);
            check("types", loss.as_ref(), (shape, dtype), target, how, &mut random);
        }
    }
}

#[test]
fn label_smoothing() {
    let mut random = Random(7);
    for label_smoothing in [0.1, 0.5, 1.0] {
        let loss = CrossEntropy { label_smoothing, ..CrossEntropy::default() };
        for target in [DType::I64, DType::F32] {
            for reduction in [Reduction::None, Reduction::Mean] {
                for shape in [&[33, 10][..], &[4, 3, 5], &[3, 1500]] {
                    let how = (reduction, true);
                    check("smooth", &loss, (shape, DType::F32), target, how, &mut random);
                }
            }
        }
    }
}

#[test]
fn z_loss_and_softcap() {
    let mut random = Random(13);
    let ways = [(Reduction::None, true), (Reduction::Mean, true), (Reduction::Mean, false)];
    for (i, (z_loss, softcap)) in [(0.1, 0.0), (0.0, 5.0), (0.02, 2.0)].into_iter().enumerate() {
        let loss = CrossEntropy { z_loss, softcap, ..CrossEntropy::default() };
        for (j, target) in [DType::I64, DType::F32].into_iter().enumerate() {
            for (k, shape) in
                [&[33, 10][..], &[4, 3, 5], &[5000, 6], &[3, 1500]].into_iter().enumerate()
            {
                let how = ways[(i + j + k) % 3];
                check("capped", &loss, (shape, DType::F32), target, how, &mut random);
            }
        }
    }
}

/// A row whose prediction is nearly certain has a tiny loss and gradient, with all their digits.
#[test]
fn confident_rows_keep_their_digits() {
    for gap in [3.0, 10.0, 20.0, 60.0] {
        for offset in [0.0, -1000.0, 4096.0] {
            let logits = [offset + gap, offset];
            let inputs = [
                ("input", tensor(DType::F32, &[1, 2], &logits)),
                ("target", tensor(DType::I64, &[1], &[0.0])),
            ];
            let batch = Batch {
                inputs: &inputs,
                request: Request::with_gradients(&["input"]),
                ..Batch::default()
            };
            for (name, backend) in common::backends() {
                let got = backend.evaluate_blocking(&CrossEntropy::default(), &batch);
                let got = got.expect("a valid batch");
                let want = [(-gap).exp().ln_1p()];
                let what = format!("gap {gap} at {offset} on {name}");
                assert_close(&what, &got.value.expect("wanted").to_f32(), &want, want[0]);
                let p = (-gap).exp() / (1.0 + (-gap).exp());
                assert_close(&what, &got.gradients[0].1.to_f32(), &[-p, p], p);
            }
        }
    }
}

#[test]
fn options_of_margins() {
    use wgloss::{
        CosineEmbedding, Distance, MultiMargin, TripletMargin, TripletMarginWithDistance,
    };
    let mut random = Random(12);
    let mut all: Vec<Box<dyn Loss>> = vec![
        Box::new(MultiMargin { p: 2, margin: 0.5 }),
        Box::new(MultiMargin { p: 1, margin: -3.0 }),
        Box::new(CosineEmbedding { margin: 0.3 }),
    ];
    for p in [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, f32::INFINITY] {
        for swap in [false, true] {
            all.push(Box::new(TripletMargin { p, swap, margin: 0.8, eps: 1e-3 }));
        }
    }
    for distance in [Distance::Euclidean, Distance::Cosine, Distance::Squared] {
        for swap in [false, true] {
            let loss = TripletMarginWithDistance { distance, swap, margin: 0.8, eps: 1e-3 };
            all.push(Box::new(loss));
        }
    }
    for (i, loss) in all.into_iter().enumerate() {
        for shape in [[&[9, 7][..], &[3, 600]], [&[5, 128], &[11]]][(i + i / 2) % 2] {
            let how = ([Reduction::None, Reduction::Mean][i / 2 % 2], true);
            check("margins", loss.as_ref(), (shape, DType::F32), DType::I64, how, &mut random);
        }
    }
}

/// Rows that several workgroups share, down to sections of few quads: whole and cut short.
#[test]
fn rows_in_sections() {
    let Evaluator::Gpu(gpu) = &backends()[0].1 else { panic!("the first backend is the GPU") };
    let mut random = Random(14);
    for (i, quads_per_group) in [8, 24, 100].into_iter().enumerate() {
        let tuning = Tuning { quads_per_group, quads_per_lane: 2, ..Tuning::default() };
        let tuned = [Evaluator::Gpu(gpu.clone().with_tuning(tuning))];
        for (j, loss) in rows().into_iter().enumerate() {
            let shape = [&[3, 517][..], &[2, 1024], &[2, 401, 3]][(i + j) % 3];
            let takes_rows = loss.definition().inputs.iter().any(|i| i.role == Role::IndexOrRows);
            let probabilities = takes_rows && (i + j / 3) % 2 == 1;
            let target = if probabilities { DType::F32 } else { DType::I64 };
            let (input, how) = ((shape, DType::F32), (Reduction::None, j % 2 == 0));
            let what = format!("{tuning:?}");
            check_on(&tuned, &what, loss.as_ref(), input, target, how, &mut random);
        }
    }
}

/// However few classes a section may have, each invocation joins what is known of so many at most.
#[test]
fn sections_are_not_too_many() {
    let tuning = Tuning { quads_per_group: 8, ..Tuning::default() };
    let options = SourceOptions { tuning, ..SourceOptions::default() };
    let kind = TensorKind::new(DType::F32, [1, 800_000]);
    let inputs = [("input", kind.clone()), ("teacher", kind)];
    let loss = losses::by_name("total_variation_loss").expect("a loss");
    let sources = Plan::sources(&*loss, &inputs, &Request::default(), options);
    let sections: Vec<u32> = sources
        .expect("kernels")
        .iter()
        .filter_map(|own| own.text.split_once("const SECTIONS = ")?.1.split_once("u;"))
        .map(|(count, _)| count.parse().expect("a number"))
        .collect();
    assert!(
        sections.len() == 3 && sections.iter().all(|own| (500..=1024).contains(own)),
        "{sections:?}"
    );
}

/// A workgroup writes gradients over its section of the inputs while others still need what was there.
#[test]
fn gradients_of_sections_take_their_inputs_place() {
    let mut random = Random(16);
    let gpu = common::gpu().with_tuning(Tuning { quads_per_group: 16, ..Tuning::default() });
    for loss in rows() {
        let loss = loss.as_ref();
        let inputs = row_inputs(loss, (&[4, 901], DType::F32), DType::I64, true, &mut random);
        let gradients = differentiable(loss, &inputs);
        let request =
            Request { reduction: Reduction::None, gradients: &gradients, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let in_place = assert_same_bits(&gpu, loss, &batch, true);
        assert!(in_place.iter().all(|&own| own), "{loss:?}: {in_place:?}");
    }
}

/// Sections are joined in their order, whatever else is asked for and however few buffers there are.
#[test]
fn sections_have_the_same_bits_however_they_are_bound() {
    let mut random = Random(15);
    let tuning = Tuning { quads_per_group: 32, ..Tuning::default() };
    let tuned = |backend: Evaluator| match backend {
        Evaluator::Gpu(gpu) => Evaluator::Gpu(gpu.with_tuning(tuning)),
        Evaluator::Cpu => Evaluator::Cpu,
    };
    let usual = tuned(Evaluator::Gpu(common::gpu()));
    let few = tuned(common::with_limits(wgpu::Limits {
        max_storage_buffers_per_shader_stage: 4,
        ..wgpu::Limits::downlevel_defaults()
    }));
    for loss in rows() {
        let loss = loss.as_ref();
        let inputs = row_inputs(loss, (&[5, 901], DType::F32), DType::I64, true, &mut random);
        let gradients = differentiable(loss, &inputs);
        let request =
            Request { reduction: Reduction::None, gradients: &gradients, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let of = |backend: &Evaluator| {
            bits(&backend.evaluate_blocking(loss, &batch).expect("a valid batch"))
        };
        assert!(of(&usual) == of(&few), "{loss:?}");
    }
}
