//! Inputs and outputs in one buffer, and gradients that are written over their inputs.

use crate::common::buffers::filled;
use crate::common::catalogue::all_inputs;
use crate::common::ctc::Case;
use crate::common::{self, Random, differentiable, read, rows_of};
use crate::common::{Family, family};
use wgloss::definition::Role;
use wgloss::{
    Batch, Bindings, CrossEntropy, DType, Evaluator, Gpu, Loss, Plan, Reduction, Request, Tensor,
    losses,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// Every offset is a multiple of it.
const ALIGNMENT: usize = 256;
/// What is in bytes that are nobody's.
const FREE: u8 = 0xa5;

/// Inputs of a family's loss; `target` is the type of a target that may hold class indices.
fn inputs(loss: &dyn Loss, shape: &[usize], target: DType, random: &mut Random) -> Inputs {
    let (classes, rows) = rows_of(loss, shape);
    let classes_shape = [classes];
    let shapes: Vec<_> = loss
        .definition()
        .inputs
        .iter()
        .map(|input| match input.role {
            Role::Index | Role::Marks => (input.name, DType::I64, &rows[..]),
            Role::IndexOrRows if !target.is_float() => (input.name, target, &rows[..]),
            Role::Labels => (input.name, DType::F32, &rows[..]),
            Role::Classes | Role::Factors => (input.name, DType::F32, &classes_shape[..]),
            _ => (input.name, DType::F32, shape),
        })
        .collect();
    common::inputs(loss, &shapes, classes, random)
}

/// Small inputs of every loss of the catalogue, in some shapes.
fn cases(random: &mut Random) -> Vec<(Box<dyn Loss>, Inputs)> {
    let mut cases: Vec<(Box<dyn Loss>, Inputs)> = Vec::new();
    for make in 0..losses::catalogue().len() {
        let loss = || losses::catalogue().swap_remove(make);
        match (family(loss().as_ref()), loss().definition().name) {
            (Family::Pointwise, _) => {
                for shape in [&[3, 1400][..], &[5]] {
                    cases.push((loss(), inputs(&*loss(), shape, DType::F32, random)));
                }
            }
            (Family::Regions, _) => {
                for (shape, target) in [([3, 2, 1400], DType::F32), ([2, 3, 301], DType::I64)] {
                    cases.push((loss(), inputs(&*loss(), &shape, target, random)));
                }
            }
            (Family::Rows, _) => {
                for (shape, target) in
                    [([5, 301], DType::I64), ([70, 12], DType::I64), ([2, 1100], DType::F32)]
                {
                    cases.push((loss(), inputs(&*loss(), &shape, target, random)));
                }
            }
            (_, "ctc_loss") => {
                let case = Case::new(&[10, 3, 5], 0, &[4, 2, 3], 2.0, random);
                cases.push((loss(), case.inputs(DType::F32, DType::I64, true)));
            }
            (_, "grpo_loss") => {
                let shapes =
                    [("log_probs", DType::F32, &[6, 300][..]), ("advantages", DType::F32, &[6])];
                cases.push((loss(), common::inputs(&*loss(), &shapes, 2, random)));
            }
            (_, "multilabel_margin_loss") => {
                let shapes =
                    [("input", DType::F32, &[6, 10][..]), ("target", DType::I64, &[6, 10])];
                cases.push((loss(), common::inputs(&*loss(), &shapes, 10, random)));
            }
            (_, name) if name.starts_with("linear_") && !common::is_of_answers(&*loss()) => {
                let shapes = [
                    ("input", DType::F32, &[9, 20][..]),
                    ("linear_weight", DType::F32, &[33, 20]),
                    ("target", DType::I64, &[9]),
                    ("labels", DType::I64, &[9]),
                    ("linear_bias", DType::F32, &[33]),
                    ("weight", DType::F32, &[33]),
                ];
                let own = loss();
                let has = |name: &str| own.definition().input(name).is_ok();
                let shapes: Vec<_> = shapes.into_iter().filter(|(name, ..)| has(name)).collect();
                cases.push((loss(), common::inputs(&*own, &shapes, 33, random)));
            }
            _ => cases.push((loss(), all_inputs(&*loss(), DType::F32, random).swap_remove(0))),
        }
    }
    cases
}

/// The tensors of a plan in one buffer, by their first bytes.
struct Places {
    inputs: Vec<usize>,
    value: usize,
    gradients: Vec<usize>,
    /// The buffer's bytes before the plan runs.
    bytes: Vec<u8>,
}

impl Places {
    fn new(plan: &Plan, batch: &Batch<'_>, in_place: bool) -> Self {
        let mut bytes = Vec::new();
        let mut place = |contents: &[u8], size: usize| {
            let start = bytes.len();
            bytes.extend_from_slice(contents);
            bytes.resize((start + size + 1).next_multiple_of(ALIGNMENT), FREE);
            start
        };
        let inputs: Vec<usize> = batch
            .inputs
            .iter()
            .map(|(_, tensor)| place(tensor.bytes(), tensor.bytes().len()))
            .collect();
        let value = place(&[], 4 * plan.output_shape().iter().product::<usize>().max(1));
        let mut of_gradient = |name: &&str| {
            let input = batch.inputs.iter().position(|(n, _)| n == name).expect("an input");
            match in_place && plan.in_place(name).expect("a requested gradient") {
                true => inputs[input],
                false => place(&[], batch.inputs[input].1.bytes().len()),
            }
        };
        let gradients = batch.request.gradients.iter().map(&mut of_gradient).collect();
        Self { inputs, value, gradients, bytes }
    }

    /// The buffer after the plan has run.
    fn run(&self, gpu: &Gpu, plan: &Plan, batch: &Batch<'_>) -> Vec<u8> {
        let buffer = filled(gpu, &self.bytes);
        let at = |&offset: &usize| wgpu::BufferBinding {
            buffer: &buffer,
            offset: offset as u64,
            size: None,
        };
        let inputs: Vec<_> =
            batch.inputs.iter().map(|i| i.0).zip(self.inputs.iter().map(at)).collect();
        let gradients: Vec<_> =
            batch.request.gradients.iter().copied().zip(self.gradients.iter().map(at)).collect();
        let bindings = Bindings {
            inputs: &inputs,
            value: Some(at(&self.value)),
            gradients: &gradients,
            ..Bindings::default()
        };
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        plan.encode(&mut encoder, &bindings).expect("ranges apart");
        gpu.queue().submit([encoder.finish()]);
        read(gpu, &buffer)
    }
}

/// A plan whose tensors share a buffer leaves the bits of one that has a buffer for each, and
/// nothing else. Which gradients may take their inputs' places.
#[track_caller]
pub(crate) fn assert_same_bits(
    gpu: &Gpu,
    loss: &dyn Loss,
    batch: &Batch<'_>,
    in_place: bool,
) -> Vec<bool> {
    let answer = Evaluator::Gpu(gpu.clone()).evaluate_blocking(loss, batch).expect("a valid batch");
    let kinds: Vec<_> = batch.inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let request = Request {
        reduction: batch.request.reduction,
        gradients: batch.request.gradients,
        ..Request::default()
    };
    let plan = Plan::new(gpu, loss, &kinds, &request).expect("a valid request");
    let places = Places::new(&plan, batch, in_place);
    let mut want = places.bytes.clone();
    let mut put = |start: usize, tensor: &Tensor<'_>| {
        want[start..start + tensor.bytes().len()].copy_from_slice(tensor.bytes());
    };
    put(places.value, answer.value.as_ref().expect("a loss"));
    for (&start, (_, gradient)) in places.gradients.iter().zip(&answer.gradients) {
        put(start, gradient);
    }
    let got = places.run(gpu, &plan, batch);
    let differs = (0..want.len()).find(|&i| got[i] != want[i]);
    assert_eq!(
        differs, None,
        "{loss:?} of {kinds:?}, {}: the first other byte; inputs at {:?}, value at {}, gradients at {:?}",
        batch.request.reduction, places.inputs, places.value, places.gradients
    );
    batch.request.gradients.iter().map(|name| plan.in_place(name).expect("requested")).collect()
}

#[test]
fn every_loss_runs_in_one_buffer() {
    let gpu = common::gpu();
    for (loss, inputs) in cases(&mut Random(51)) {
        let gradients = differentiable(&*loss, &inputs);
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&gradients),
            ..Batch::default()
        };
        assert_same_bits(&gpu, &*loss, &batch, false);
    }
}

#[test]
fn gradients_take_their_inputs_place() {
    let gpu = common::gpu();
    let mut written = 0;
    for (loss, inputs) in cases(&mut Random(52)) {
        let mut gradients = differentiable(&*loss, &inputs);
        gradients.retain(|name| *name != "weight");
        let reduction = Reduction::None;
        let batch = Batch {
            inputs: &inputs,
            request: Request { reduction, gradients: &gradients, ..Request::default() },
            ..Batch::default()
        };
        let in_place = assert_same_bits(&gpu, &*loss, &batch, true);
        // Those of their own read inputs in several passes, but for tokens that have ratios of their own.
        let several = match family(loss.as_ref()) {
            Family::Own => loss.definition().name != "grpo_loss",
            of => of == Family::Regions,
        };
        assert!(in_place.iter().all(|&it| it != several), "{loss:?}: {in_place:?}");
        written += in_place.iter().filter(|&&it| it).count();
    }
    assert!(written > 60, "only {written} gradients in place");
}

/// Windows smaller than the tensors, whose starts lie between aligned offsets.
#[test]
fn gradients_take_their_inputs_place_window_by_window() {
    let Evaluator::Gpu(gpu) = common::limited(1 << 16, 65_535, 10) else {
        unreachable!("a device with less is a GPU")
    };
    let mut random = Random(53);
    for shape in [[150, 301], [150, 300], [40, 1000]] {
        let loss = CrossEntropy::default();
        let inputs = inputs(&loss, &shape, DType::I64, &mut random);
        let batch = Batch {
            inputs: &inputs[..2],
            request: Request {
                reduction: Reduction::None,
                gradients: &["input"],
                ..Request::default()
            },
            ..Batch::default()
        };
        assert_eq!(assert_same_bits(&gpu, &loss, &batch, true), [true]);
        let inputs = common::inputs(
            &wgloss::Mse,
            &[("input", DType::F32, &shape), ("target", DType::F32, &shape)],
            1,
            &mut random,
        );
        let batch = Batch {
            inputs: &inputs,
            request: Request::with_gradients(&["input", "target"]),
            ..Batch::default()
        };
        assert_eq!(assert_same_bits(&gpu, &wgloss::Mse, &batch, true), [true, true]);
    }
}
