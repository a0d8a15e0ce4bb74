//! Losses over regions: their corners, large regions, and batches that are cut.

use crate::common::{
    self, Random, assert_agrees, assert_agrees_on, assert_close, backends, bits, differentiable,
    inputs, limited, tensor,
};
use wgloss::{
    Activation, Batch, DType, Dice, Error, Evaluation, Evaluator, FocalTversky, GeneralizedDice,
    GradientType, Loss, Part, Reduction, RegionWeight, Request, Tensor, TensorKind, Totals,
    Tversky,
};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn floats(shape: &[usize], numbers: &[f64]) -> Tensor<'static> {
    tensor(DType::F32, shape, numbers)
}

/// Unreduced losses and the gradients, on each backend.
fn evaluated(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> Vec<(&'static str, Evaluation)> {
    let gradients = differentiable(loss, inputs);
    let request =
        Request { reduction: Reduction::None, gradients: &gradients, ..Request::default() };
    let batch = Batch { inputs, request, ..Batch::default() };
    let run = |(name, backend): (&'static str, Evaluator)| {
        (name, backend.evaluate_blocking(loss, &batch).expect("a valid batch"))
    };
    backends().into_iter().map(run).collect()
}

fn values(evaluation: &Evaluation) -> Vec<f32> {
    evaluation.value.as_ref().expect("wanted").to_f32().to_vec()
}

/// The message of a refusal, the same on each backend.
#[track_caller]
fn refused(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)]) -> String {
    let batch = Batch { inputs, ..Batch::default() };
    let [gpu, cpu] = backends().map(|(name, backend)| {
        backend.evaluate_blocking(loss, &batch).expect_err(name).to_string()
    });
    assert_eq!(gpu, cpu);
    cpu
}

/// Each loss with each activation, both ways to sum and with and without the background.
fn all() -> Vec<Box<dyn Loss>> {
    let mut all: Vec<Box<dyn Loss>> = Vec::new();
    for activation in [Activation::None, Activation::Sigmoid, Activation::Softmax] {
        for (batch, include_background) in [(false, true), (true, true), (false, false)] {
            let squared = batch != include_background;
            let jaccard = activation == Activation::Sigmoid;
            all.push(Box::new(Dice {
                squared,
                jaccard,
                activation,
                batch,
                include_background,
                ..Dice::default()
            }));
            let weight_type =
                [RegionWeight::Square, RegionWeight::Simple, RegionWeight::Uniform][all.len() % 3];
            all.push(Box::new(GeneralizedDice {
                weight_type,
                activation,
                batch,
                include_background,
                ..GeneralizedDice::default()
            }));
            all.push(Box::new(Tversky {
                alpha: 0.2,
                beta: 0.9,
                activation,
                batch,
                include_background,
                ..Tversky::default()
            }));
            all.push(Box::new(FocalTversky {
                activation,
                batch,
                include_background,
                ..FocalTversky::default()
            }));
        }
    }
    all
}

/// Inputs of a shape: logits are in -4 to 4.
fn made(loss: &dyn Loss, shape: &[usize], index: bool, random: &mut Random) -> Inputs {
    let space = [&shape[..1], &shape[2..]].concat();
    let target = if index { (DType::I16, &space[..]) } else { (DType::F32, shape) };
    let shapes = [("input", DType::F32, shape), ("target", target.0, target.1)];
    let mut made = inputs(loss, &shapes, shape[1], random);
    if !format!("{loss:?}").contains("activation: None") {
        let numbers: Vec<f64> = made[0].1.to_f64().into_iter().map(|x| 8.0 * x - 4.0).collect();
        made[0].1 = floats(shape, &numbers);
    }
    made
}

#[test]
fn every_way_to_sum_agrees() {
    let mut random = Random(31);
    for (i, loss) in all().iter().enumerate() {
        let shapes: [&[usize]; 4] = [&[3, 4, 7], &[2, 11, 4, 3], &[2, 2, 2050], &[2, 3, 4108]];
        for index in [false, true] {
            let inputs = made(loss.as_ref(), shapes[i % 4], index, &mut random);
            let gradients = differentiable(loss.as_ref(), &inputs);
            let reduction = [Reduction::Mean, Reduction::None, Reduction::Sum][i % 3];
            let request = Request { reduction, gradients: &gradients, ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees(&format!("{loss:?}, {index}"), loss.as_ref(), &batch);
        }
    }
}

/// 0.5 and 1 are the numbers of a region without predictions and targets; the other has both.
#[test]
fn an_empty_region_has_the_score_of_the_smooths() {
    let input = floats(&[1, 2, 2], &[0.0, 0.0, 1.0, 1.0]);
    let inputs = [("input", input.clone()), ("target", input)];
    for (smooths, want) in [([1e-5, 1e-5], 0.0), ([0.5, 1.0], 0.5), ([0.0, 0.0], NAN)] {
        let [smooth_numerator, smooth_denominator] = smooths;
        let dice = Dice { smooth_numerator, smooth_denominator, ..Dice::default() };
        for (name, got) in evaluated(&dice, &inputs) {
            assert_close(name, &values(&got)[..1], &[want], 1.0);
            let slopes = got.gradients[0].1.to_f32();
            assert_eq!(slopes[0].is_nan(), want.is_nan(), "{name}");
            assert!(slopes[2..].iter().all(|x| x.is_finite()), "{name}");
        }
    }
    let inputs = [("input", floats(&[2, 1, 0], &[])), ("target", floats(&[2, 1, 0], &[]))];
    for (name, got) in evaluated(&Tversky::default(), &inputs) {
        assert_eq!(values(&got), [0.0; 2], "{name}, without voxels");
    }
}

#[test]
fn a_batch_of_nothing_has_mean_nan_and_sum_zero() {
    let inputs = [("input", floats(&[0, 2, 3], &[])), ("target", tensor(DType::U8, &[0, 3], &[]))];
    for (name, backend) in backends() {
        for (reduction, want) in [(Reduction::Mean, NAN), (Reduction::Sum, 0.0)] {
            let request = Request { reduction, ..Request::with_gradients(&["input"]) };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let got = backend.evaluate_blocking(&Dice::default(), &batch).expect("a valid batch");
            assert_close(name, &[got.scalar().expect("a loss")], &[want], 1.0);
        }
        let loss = Dice { batch: true, ..Dice::default() };
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        let got = backend.evaluate_blocking(&loss, &batch).expect("a valid batch");
        assert_eq!(got.scalar(), Some(0.0), "{name}: sums over nothing");
    }
}

/// Whatever an ignored voxel holds, the others have the bits that they have beside any other.
#[test]
fn ignored_voxels_are_not_read() {
    let target = tensor(DType::I32, &[1, 5], &[0.0, -100.0, 1.0, 1.0, -100.0]);
    for loss in all() {
        let inputs = |odd: f64| {
            let input = floats(&[1, 2, 5], &[0.5, odd, 0.25, 0.5, odd, 0.75, odd, 0.25, 0.5, -odd]);
            [("input", input), ("target", target.clone())]
        };
        let plain = evaluated(loss.as_ref(), &inputs(0.25));
        for odd in [NAN, INF, -INF] {
            for ((name, got), (_, want)) in
                evaluated(loss.as_ref(), &inputs(odd)).iter().zip(&plain)
            {
                assert_eq!(bits(got), bits(want), "{loss:?} on {name} beside {odd}");
                let slopes = got.gradients[0].1.to_f32();
                assert!([1, 4, 6, 9].iter().all(|&i| slopes[i] == 0.0), "{loss:?} on {name}");
                assert!(
                    [0, 2, 3].iter().any(|&i| slopes[i] != 0.0 || i == 3),
                    "{loss:?} on {name}"
                );
            }
        }
    }
}

#[test]
fn a_logit_of_minus_infinity_is_a_class_that_does_not_exist() {
    let numbers = [1.0, -INF, 0.5, 0.0, 2.0, -INF, -1.0, 0.5, 0.25];
    let target = tensor(DType::U8, &[1, 3], &[0.0, 1.0, 2.0]);
    let inputs = [("input", floats(&[1, 3, 3], &numbers)), ("target", target.clone())];
    for loss in all().into_iter().filter(|loss| format!("{loss:?}").contains("Softmax")) {
        let gradients = ["input"];
        let request = Request::with_gradients(&gradients);
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{loss:?}"), loss.as_ref(), &batch);
    }
    // A voxel of which none exists, or one that is infinite or NaN, makes its item NaN and no other.
    let softmax = Tversky { activation: Activation::Softmax, ..Tversky::default() };
    for odd in [[-INF, -INF], [0.5, INF], [NAN, 0.5], [0.5, NAN]] {
        let numbers = [odd[0], 1.0, odd[1], 0.5, 0.25, 1.0, 0.5, -0.5];
        let target = tensor(DType::U8, &[2, 2], &[0.0, 1.0, 1.0, 0.0]);
        let inputs = [("input", floats(&[2, 2, 2], &numbers)), ("target", target)];
        for (name, got) in evaluated(&softmax, &inputs) {
            let values = values(&got);
            assert!(values[..2].iter().all(|x| x.is_nan()), "{name}: {odd:?} gives {values:?}");
            assert!(values[2..].iter().all(|x| x.is_finite()), "{name}: {odd:?} gives {values:?}");
        }
    }
}

/// One less a score near 1, and a probability near 1, have few digits of their difference.
#[test]
fn confident_predictions_keep_their_digits() {
    let mut random = Random(33);
    let shape = [2, 3, 200];
    // Past that the reference itself has too few digits of 1 - p.
    for spread in [10.0, 18.0] {
        let labels: Vec<f64> = (0..400).map(|_| [0.0, 1.0, 2.0][random.below(3)]).collect();
        let mut logits = vec![0.0; 1200];
        for (i, &label) in labels.iter().enumerate() {
            for (class, number) in [0.0, 1.0, 2.0].into_iter().zip(0..) {
                let logit = if class == label { spread } else { 0.0 } + random.unit();
                logits[i / 200 * 600 + number * 200 + i % 200] = logit;
            }
        }
        let inputs =
            [("input", floats(&shape, &logits)), ("target", tensor(DType::U8, &[2, 200], &labels))];
        for loss in
            all().into_iter().filter(|loss| !format!("{loss:?}").contains("activation: None"))
        {
            let batch = Batch {
                inputs: &inputs,
                request: Request { gradients: &["input"], ..Request::default() },
                ..Batch::default()
            };
            assert_agrees(&format!("{loss:?}, logits of {spread}"), loss.as_ref(), &batch);
        }
    }
}

#[test]
fn a_class_without_a_target_takes_the_largest_importance() {
    let input = [0.5, 0.25, 0.75, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5, 0.125, 0.5, 0.75];
    let input = floats(&[2, 3, 2], &input);
    // The second item has no target at all, and loss 0 for equal smooths.
    let target = floats(&[2, 3, 2], &[1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let inputs = [("input", input), ("target", target)];
    for weight_type in [RegionWeight::Square, RegionWeight::Simple] {
        let loss = GeneralizedDice { weight_type, ..GeneralizedDice::default() };
        let reduction = Reduction::None;
        let request = Request { reduction, ..Request::with_gradients(&["input"]) };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{loss:?}"), &loss, &batch);
        for (name, got) in evaluated(&loss, &inputs) {
            assert_eq!(values(&got)[1], 0.0, "{name}");
        }
    }
}

/// A class's factor multiplies its terms, and the mean does not divide by it; one class has one too.
#[test]
fn weights_multiply_and_do_not_divide() {
    let mut random = Random(34);
    for (shape, weight) in [(&[2, 3, 8][..], &[0.5, 2.0, 3.0][..]), (&[2, 1, 8], &[4.0])] {
        let loss = Dice::default();
        let mut inputs = made(&loss, shape, false, &mut random);
        let [plain] = [evaluated(&loss, &inputs)];
        inputs.push(("weight", floats(&[weight.len()], weight)));
        for ((name, got), (_, plain)) in evaluated(&loss, &inputs).iter().zip(&plain) {
            let want = values(plain).into_iter().zip(weight.iter().cycle());
            let want: Vec<f64> = want.map(|(x, w)| f64::from(x) * w).collect();
            assert_close(name, &values(got), &want, 1.0);
        }
        let request = Request::with_gradients(&["input", "target"]);
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees("weighted", &loss, &batch);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let numbers = |shape: &[usize]| floats(shape, &vec![0.5; shape.iter().product()]);
    let pair = |input: &[usize], target: &[usize]| {
        [("input", numbers(input)), ("target", numbers(target))]
    };
    let dice = Dice::default();
    assert_eq!(
        refused(&dice, &pair(&[2, 3], &[2, 3])),
        "input: shape [2, 3] does not fit, expected [N, C, d1...], with a dimension of space"
    );
    assert_eq!(
        refused(&dice, &pair(&[2, 3, 4], &[2, 3, 5])),
        "target: shape [2, 3, 5] does not fit, expected [2, 3, 4], the input's shape"
    );
    let labels = tensor(DType::I64, &[2, 5], &[0.0; 10]);
    assert_eq!(
        refused(&dice, &[("input", numbers(&[2, 3, 4])), ("target", labels)]),
        "target: shape [2, 5] does not fit, expected [2, 4], an index for each voxel"
    );
    let one = pair(&[2, 1, 4], &[2, 1, 4]);
    assert_eq!(
        refused(&Dice { activation: Activation::Softmax, ..dice }, &one),
        "activation: softmax with one class is not valid, expected none, sigmoid, or an input of two classes or more"
    );
    assert_eq!(
        refused(&Dice { include_background: false, ..dice }, &one),
        "include_background: false with one class is not valid, expected true, or an input of two classes or more"
    );
    let mut weighted = pair(&[2, 3, 4], &[2, 3, 4]).to_vec();
    weighted.push(("weight", numbers(&[3])));
    assert_eq!(
        refused(&Dice { include_background: false, ..dice }, &weighted),
        "weight: shape [3] does not fit, expected [2], one number for each class that counts"
    );
    assert_eq!(
        refused(&Dice { smooth_numerator: -1.0, ..dice }, &one),
        "smooth_numerator: -1 is not valid, expected a finite number, 0 or more"
    );
    let focal = FocalTversky { smooth_numerator: 1.0, ..FocalTversky::default() };
    assert_eq!(
        refused(&focal, &one),
        "smooth_numerator: 1 is not valid, expected at most smooth_denominator"
    );
    assert_eq!(
        refused(&Dice { ignore_index: 255, ..dice }, &one),
        "ignore_index: 255 is not valid, expected a negative number where the target holds probabilities"
    );
}

/// The first of all bad indices is told, in whatever window it lies.
#[test]
fn a_class_index_outside_its_range_is_an_error() {
    for (shape, places) in [([3, 2, 5], [7, 11]), ([2, 2, 3000], [2999, 5001])] {
        let voxels = shape[2];
        let mut labels = vec![1.0; shape[0] * voxels];
        labels[places[0]] = 2.0;
        labels[places[1]] = -7.0;
        for dtype in [DType::I8, DType::I64] {
            let inputs = [
                ("input", floats(&shape, &vec![0.5; shape.iter().product()])),
                ("target", tensor(dtype, &[shape[0], voxels], &labels)),
            ];
            let want = format!(
                "target[{}, {}] is 2, expected 0 to 1 or -100, which is ignored (2 such in all)",
                places[0] / voxels,
                places[0] % voxels
            );
            assert_eq!(refused(&Dice::default(), &inputs), want, "{shape:?}");
            let batch = Batch { inputs: &inputs, ..Batch::default() };
            let few = limited(1 << 16, 100, 4).evaluate_blocking(&Dice::default(), &batch);
            assert_eq!(few.expect_err("a bad index").to_string(), want, "{shape:?}, in windows");
            let pieces = Evaluator::Gpu(crate::common::gpu().with_memory(1 << 10));
            let pieces = pieces.evaluate_blocking(&Dice::default(), &batch);
            assert_eq!(pieces.expect_err("a bad index").to_string(), want, "{shape:?}, in pieces");
        }
    }
}

/// Few regions of many voxels: their sums keep their digits, and have the same bits in whatever windows.
#[test]
fn long_regions_keep_their_digits() {
    let mut random = Random(35);
    let shape = [1, 2, (1 << 20) + 4];
    let losses: [&dyn Loss; 2] =
        [&Tversky::default(), &Dice { activation: Activation::Softmax, ..Dice::default() }];
    for loss in losses {
        let inputs = made(loss, &shape, false, &mut random);
        let request =
            Request { reduction: Reduction::None, gradients: &["input"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{loss:?}"), loss, &batch);
    }
}

#[test]
fn sums_do_not_depend_on_the_device() {
    let mut random = Random(36);
    for (i, loss) in all().iter().enumerate().step_by(5) {
        for index in [false, true] {
            let shape: [usize; 3] = [[5, 9, 600], [6, 3, 1001]][i % 2];
            let inputs = made(loss.as_ref(), &shape, index, &mut random);
            let gradients = differentiable(loss.as_ref(), &inputs);
            let request = Request::with_gradients(&gradients);
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let whole = Evaluator::Gpu(common::gpu());
            let whole = whole.evaluate_blocking(loss.as_ref(), &batch).expect("a valid batch");
            for (binding, groups, buffers) in [(1 << 16, 7, 8), (1 << 20, 65_535, 3)] {
                let few = limited(binding, groups, buffers);
                let few = few.evaluate_blocking(loss.as_ref(), &batch);
                let few = few.unwrap_or_else(|error| panic!("{loss:?}: {error}"));
                assert_eq!(bits(&few), bits(&whole), "{loss:?} of {shape:?}, {binding} bytes");
            }
        }
    }
    // An item is not cut.
    let inputs = made(&Dice::default(), &[1, 4, 8192], false, &mut random);
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let error = limited(1 << 16, 100, 8).evaluate_blocking(&Dice::default(), &batch).err();
    assert!(
        matches!(&error, Some(Error::Limit { argument, .. }) if argument == "input"),
        "{error:?}"
    );
}

/// A device whose buffers have at most so many bytes takes a batch in pieces.
#[test]
fn pieces_and_parts_have_the_bits_of_the_whole() {
    let mut random = Random(37);
    let shape = [9, 3, 40, 50];
    let whole = Evaluator::Gpu(common::gpu());
    let own = Evaluator::Gpu(common::gpu().with_memory(1 << 18));
    for (i, loss) in
        all().iter().enumerate().filter(|(_, loss)| !format!("{loss:?}").contains("batch: true"))
    {
        let loss = loss.as_ref();
        let inputs = made(loss, &shape, i % 2 == 0, &mut random);
        let gradients = differentiable(loss, &inputs);
        let totals = Request {
            totals: true,
            gradient_type: GradientType::Input,
            ..Request::with_gradients(&gradients)
        };
        for request in
            [Request { reduction: Reduction::None, totals: false, ..totals.clone() }, totals]
        {
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let [want, got] = [&whole, &own].map(|backend| {
                backend.evaluate_blocking(loss, &batch).unwrap_or_else(|e| panic!("{loss:?}: {e}"))
            });
            assert_eq!(bits(&got), bits(&want), "{loss:?}");
            assert_eq!(got.totals, want.totals, "{loss:?}");
        }
        for backend in [&whole, &Evaluator::Cpu] {
            let totals = |first: usize, end: usize| -> Totals {
                let part: Inputs = inputs
                    .iter()
                    .map(|(name, tensor)| {
                        let size = tensor.bytes().len() / 9;
                        let shape = [&[end - first], &tensor.shape()[1..]].concat();
                        let bytes = tensor.bytes()[size * first..size * end].to_vec();
                        (*name, Tensor::from_bytes(tensor.dtype(), shape, bytes).expect("a part"))
                    })
                    .collect();
                let part_of = Part { first: first as u64, of: Some(9) };
                let request = Request { totals: true, ..Request::default() };
                let batch =
                    Batch { inputs: &part, part: Some(part_of), request, ..Batch::default() };
                backend.evaluate_blocking(loss, &batch).expect("a part").totals.expect("wanted")
            };
            let mut all = totals(5, 9);
            all.merge(&totals(0, 2)).expect("parts of one batch");
            all.merge(&totals(2, 5)).expect("parts of one batch");
            assert_eq!(all, totals(0, 9), "{loss:?}");
        }
    }
    let loss = Tversky { batch: true, ..Tversky::default() };
    let inputs = made(&loss, &shape, false, &mut random);
    let request = Request { totals: true, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let error = Evaluator::Cpu.evaluate_blocking(&loss, &batch).expect_err("no parts").to_string();
    assert!(error.starts_with("totals: true with batch=true is not valid"), "{error}");
    // Nor is it cut: what does not fit at once is refused.
    let axes = wgloss::batch_axes(
        &loss,
        &[
            ("input", TensorKind::new(DType::F32, shape)),
            ("target", TensorKind::new(DType::F32, shape)),
        ],
        &Request::default(),
    );
    assert_eq!(axes, Ok(vec![("input", None), ("target", None)]));
    assert_agrees_on("sums over all", &own, &loss, &Batch { inputs: &inputs, ..Batch::default() });
}
