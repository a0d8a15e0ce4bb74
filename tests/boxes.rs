//! The losses of boxes: corners, options, and what is refused.

use crate::common::{self, Random, assert_agrees, assert_close, backends, tensor};
use std::f64::consts::PI;
use wgloss::{
    Batch, CompleteBoxIou, DType, DistanceBoxIou, Evaluator, GeneralizedBoxIou, Loss, Part, Plan,
    Reduction, Request, Tensor, TensorKind, reference,
};

/// With this eps.
fn all(eps: f32) -> [Box<dyn Loss>; 3] {
    [
        Box::new(GeneralizedBoxIou { eps }),
        Box::new(DistanceBoxIou { eps }),
        Box::new(CompleteBoxIou { eps }),
    ]
}

fn boxes(numbers: &[[f64; 4]]) -> Tensor<'static> {
    tensor(DType::F32, &[numbers.len(), 4], numbers.as_flattened())
}

fn named(input: &[[f64; 4]], target: &[[f64; 4]]) -> [(&'static str, Tensor<'static>); 2] {
    [("input", boxes(input)), ("target", boxes(target))]
}

/// The losses and both gradients, on each backend.
fn run(loss: &dyn Loss, input: [f64; 4], target: [f64; 4]) -> Vec<(&'static str, Vec<f32>)> {
    let inputs = named(&[input], &[target]);
    let request =
        Request { reduction: Reduction::None, ..Request::with_gradients(&["input", "target"]) };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let run = |(name, backend): (&'static str, Evaluator)| {
        let got = backend.evaluate_blocking(loss, &batch).expect("boxes");
        let gradients = got.gradients.iter().flat_map(|(_, gradient)| gradient.to_f32().to_vec());
        (name, got.value.expect("wanted").to_f32().iter().copied().chain(gradients).collect())
    };
    backends().map(run).into()
}

/// Checks the loss and its gradients, and those of the boxes in the other order.
#[track_caller]
fn check(loss: &dyn Loss, pair: [[f64; 4]; 2], value: f64, slopes: [[f64; 4]; 2]) {
    for turned in [false, true] {
        let order = |pair: [[f64; 4]; 2]| if turned { [pair[1], pair[0]] } else { pair };
        let [input, target] = order(pair);
        for (name, got) in run(loss, input, target) {
            let what = format!("{loss:?} of {input:?} and {target:?} on {name}");
            // The loss and its slopes are sums of numbers of about 1.
            assert_close(&what, &got[..1], &[value], 1.0);
            assert_close(&what, &got[1..], order(slopes).as_flattened(), 1.0);
        }
    }
}

#[test]
fn the_boxes_themselves_are_the_default() {
    for loss in all(1e-7) {
        assert_eq!(loss.definition().reductions[0], Reduction::None);
    }
}

/// Each coordinate is a tie: half of the gradient of a minimum or maximum for each box.
#[test]
fn identical_boxes() {
    let same = [1.0, 2.0, 4.0, 4.0];
    for eps in [1e-7, 0.01] {
        for loss in all(eps) {
            let (area, eps) = (6.0, f64::from(eps));
            // The slope of 1 - I / (A + A_t - I + eps) by A + A_t - I.
            let by_joint = area / (area + eps).powi(2);
            // The hull's share in the generalized loss adds up to nothing.
            let by_area = by_joint - 0.5 * (1.0 / (area + eps) + by_joint);
            let [w, h] = [3.0, 2.0];
            let slopes = [-h, -w, h, w].map(|extent: f64| extent * by_area);
            check(loss.as_ref(), [same, same], eps / (area + eps), [slopes; 2]);
        }
    }
}

/// The intersection counts where both extents are above 0, strictly.
#[test]
fn touching_boxes_have_nothing_in_common() {
    let pair = [[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 3.0, 1.0]];
    // 1 + (3 - 3) / 3, whose slopes: of the hull's sides 3 and 1, of the areas 1 and 2.
    let third = 1.0 / 3.0;
    let by_width = 1.0 * third;
    let by_height = 3.0 * third;
    let half = 0.5 * by_height;
    let input = [-by_width + third, -half + third, -third, half - third];
    let target = [third, -half + 2.0 * third, by_width - third, half - 2.0 * third];
    check(&GeneralizedBoxIou { eps: 0.0 }, pair, 1.0, [input, target]);
    for (_, got) in run(&DistanceBoxIou::default(), pair[0], pair[1]) {
        assert!((got[0] - (1.0 + 2.25 / 10.0)).abs() < 1e-6, "{got:?}");
    }
}

/// From 0 to 2, and 1 - IoU + what is empty of the hull.
#[test]
fn generalized_intersection_over_union_of_boxes_apart() {
    for (name, got) in
        run(&GeneralizedBoxIou::default(), [0.0, 0.0, 1.0, 1.0], [3.0, 0.0, 4.0, 1.0])
    {
        assert_close(name, &got[..1], &[1.0 + 0.5], 1.0);
    }
    let far = [[0.0, 0.0, 1.0, 1.0], [1e4, 1e4, 1e4 + 1.0, 1e4 + 1.0]];
    for (name, got) in run(&GeneralizedBoxIou::default(), far[0], far[1]) {
        assert_close(name, &got[..1], &[2.0], 1.0);
    }
}

/// On a grid: ties of all kinds, points, lines and inverted boxes, by the same formulas.
#[test]
fn points_and_inverted_boxes() {
    let mut random = Random(71);
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let mut grid = |count: usize| -> Vec<[f64; 4]> {
        (0..count).map(|_| [(); 4].map(|()| random.below(5) as f64 - 2.0)).collect()
    };
    let (input, target) = (grid(20_000), grid(20_000));
    for eps in [1e-7f32, 0.25] {
        for loss in all(eps) {
            // Where what divides is next to 0, float32 keeps other digits than float64.
            let divides = |(a, b): &(&[f64; 4], &[f64; 4])| {
                let area = |[x1, y1, x2, y2]: [f64; 4]| (x2 - x1) * (y2 - y1);
                let [w, h] = [0, 1].map(|k| a[k + 2].min(b[k + 2]) - a[k].max(b[k]));
                let common = if w > 0.0 && h > 0.0 { w * h } else { 0.0 };
                let [hull_w, hull_h] = [0, 1].map(|k| a[k + 2].max(b[k + 2]) - a[k].min(b[k]));
                let union = area(**a) + area(**b) - common;
                let eps = f64::from(eps);
                let apart = 1.0 - common / (union + eps);
                let moderate = |x: f64| x.abs() > 0.1;
                moderate(union + eps) && moderate(hull_w * hull_h + eps) && moderate(apart)
            };
            let kept: Vec<_> = input.iter().zip(&target).filter(divides).collect();
            assert!(kept.len() > 10_000, "{} of 20000 pairs", kept.len());
            let [input, target]: [Vec<[f64; 4]>; 2] = [
                kept.iter().map(|pair| *pair.0).collect(),
                kept.iter().map(|pair| *pair.1).collect(),
            ];
            let inputs = named(&input, &target);
            let request = Request {
                reduction: Reduction::None,
                ..Request::with_gradients(&["input", "target"])
            };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees(&format!("{loss:?}"), loss.as_ref(), &batch);
        }
    }
}

/// Areas are products of differences: the same boxes lie a million pixels away.
#[test]
fn boxes_far_from_the_origin_keep_their_digits() {
    let pair = [[0.0, 0.0, 2.0, 1.0], [1.0, 0.25, 2.5, 2.0]];
    for loss in all(1e-7) {
        let near = run(loss.as_ref(), pair[0], pair[1]);
        let far = pair.map(|corners| corners.map(|x| x + 1_048_576.0));
        assert_eq!(run(loss.as_ref(), far[0], far[1]), near, "{loss:?}");
    }
}

/// The angle of a line is pi / 2 or 0, that of a point counts as 0 and has no slope; that of a width over
/// no height is NaN, for that box alone.
#[test]
fn shapes_of_lines_and_points() {
    let square = [4.0, 4.0, 6.0, 6.0];
    let loss = CompleteBoxIou { eps: 0.0 };
    let flat = [0.0, 0.0, 1.0, 0.0];
    let upright = [0.0, 0.0, 0.0, 1.0];
    let point = [0.0; 4];
    for (degenerate, angle) in [(flat, PI / 2.0), (upright, 0.0), (point, 0.0)] {
        let without = run(&DistanceBoxIou { eps: 0.0 }, degenerate, square);
        for ((name, got), (_, without)) in run(&loss, degenerate, square).into_iter().zip(without) {
            let turn = PI / 4.0 - angle;
            let v = 4.0 / (PI * PI) * turn * turn;
            let a = v / (1.0 + v);
            let what = format!("{degenerate:?} on {name}");
            assert_close(&what, &got[..1], &[f64::from(without[0]) + a * v], 1.0);
            // The slope of v by the extents, h / (w^2 + h^2) and -w / (w^2 + h^2) of the angle.
            let by_turn = a * 8.0 / (PI * PI) * turn;
            let [by_width, by_height] = match () {
                () if degenerate == flat => [f64::NAN; 2],
                () if degenerate == upright => [1.0, 0.0],
                () => [0.0, 0.0],
            }
            .map(|slope: f64| -by_turn * slope);
            let slopes = [-by_width, -by_height, by_width, by_height];
            let want: Vec<f64> =
                slopes.iter().zip(&without[1..]).map(|(s, w)| s + f64::from(*w)).collect();
            assert_close(&what, &got[1..5], &want, 1.0);
            assert!(got[5..].iter().all(|slope| slope.is_finite()), "{what}: {got:?}");
        }
    }
}

/// The weight of the shapes counts as constant: the gradient is that of the loss with it held.
#[test]
fn no_gradient_passes_through_the_weight_of_shapes() {
    const STEP: f64 = 1e-6;
    let mut random = Random(72);
    for _ in 0..50 {
        let mut corners: Vec<f64> = (0..8).map(|_| 4.0 * random.unit()).collect();
        common::order_corners(&mut corners);
        let eps = 1e-3f32;
        let at = |loss: &dyn Loss, corners: &[f64]| {
            let inputs = ["input", "target"]
                .into_iter()
                .zip(corners.chunks(4))
                .map(|(name, own)| (name, tensor(DType::F64, &[4], own)));
            let inputs: Vec<_> = inputs.collect();
            let request = Request {
                reduction: Reduction::Sum,
                ..Request::with_gradients(&["input", "target"])
            };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let answer = reference::evaluate(loss, &batch).expect("boxes");
            let slopes: Vec<f64> = answer.gradients.into_iter().flat_map(|(_, own)| own).collect();
            (answer.value[0], slopes)
        };
        let shapes = |x: &[f64]| {
            let angle = |x: &[f64]| ((x[2] - x[0]) / (x[3] - x[1])).atan();
            4.0 / (PI * PI) * (angle(&x[4..]) - angle(&x[..4])).powi(2)
        };
        let (complete, distance) = (CompleteBoxIou { eps }, DistanceBoxIou { eps });
        let (value, slopes) = at(&complete, &corners);
        let weight = (value - at(&distance, &corners).0) / shapes(&corners);
        let held = |x: &[f64]| at(&distance, x).0 + weight * shapes(x);
        for (k, slope) in slopes.into_iter().enumerate() {
            let moved = |step: f64| {
                let mut corners = corners.clone();
                corners[k] += step;
                held(&corners)
            };
            let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            assert!((slope - difference).abs() < 1e-6, "{corners:?}[{k}]: {slope}, {difference}");
        }
    }
}

/// As torchvision: 0 with a gradient of nothing, where other means are NaN.
#[test]
fn a_mean_over_no_box_is_zero() {
    let none = [("input", boxes(&[])), ("target", boxes(&[]))];
    let request = || Request { totals: true, ..Request::with_gradients(&["input", "target"]) };
    for loss in all(1e-7) {
        for (name, backend) in backends() {
            let whole = Part { first: 0, of: Some(0) };
            for part in [None, Some(whole)] {
                let batch = Batch { inputs: &none, part, request: request(), ..Batch::default() };
                let got = backend.evaluate_blocking(loss.as_ref(), &batch).expect("no boxes");
                assert_eq!(got.scalar(), Some(0.0), "{loss:?} on {name}");
                assert!(got.gradients.iter().all(|(_, gradient)| gradient.is_empty()));
                let totals = got.totals.expect("asked for");
                assert_eq!((totals.value(), totals.count()), (0.0, 0), "{loss:?} on {name}");
            }
        }
        let want = reference::evaluate(loss.as_ref(), &Batch { inputs: &none, ..Batch::default() });
        assert_eq!(want.expect("no boxes").value, [0.0]);
    }
}

/// A part without boxes adds nothing to the others, and the mean is that of all.
#[test]
fn a_part_without_boxes_counts_nothing() {
    let loss = GeneralizedBoxIou::default();
    let of = |input: &[[f64; 4]], first: u64| {
        let inputs = named(input, input);
        let part = Some(Part { first, of: Some(2) });
        let request = Request { totals: true, ..Request::default() };
        let batch = Batch { inputs: &inputs, part, request, ..Batch::default() };
        let got = Evaluator::Cpu.evaluate_blocking(&loss, &batch).expect("boxes");
        got.totals.expect("asked for")
    };
    let mut totals = of(&[], 0);
    totals.merge(&of(&[[0.0, 0.0, 0.25, 0.25]; 2], 0)).expect("apart");
    assert_eq!(totals.count(), 2);
    assert!((totals.value() - 1.6e-6).abs() < 1e-7, "{}", totals.value());
}

#[test]
fn what_are_no_boxes_is_refused() {
    let floats = |shape: &[usize]| TensorKind::new(DType::F32, shape);
    for loss in all(1e-7) {
        let refused = |input: TensorKind, target: TensorKind| {
            let kinds = [("input", input), ("target", target)];
            let shape = wgloss::loss_shape(loss.as_ref(), &kinds, &Request::default());
            shape.expect_err("no boxes").to_string()
        };
        assert_eq!(
            refused(floats(&[2, 5]), floats(&[2, 5])),
            "input: shape [2, 5] does not fit, expected [..., 4]"
        );
        assert_eq!(
            refused(floats(&[2, 4]), floats(&[2, 3])),
            "target: shape [2, 3] does not fit, expected [..., 4]"
        );
        assert_eq!(
            refused(floats(&[2, 4]), floats(&[1, 4])),
            "target: shape [1, 4] does not fit, expected [2, 4], a vector for each of those of input"
        );
        let message = refused(floats(&[2, 4]), TensorKind::new(DType::I64, [2, 4]));
        assert!(message.contains("target") && message.contains("int64"), "{message}");
    }
    for loss in all(-0.5).into_iter().chain(all(f32::NAN)) {
        let kinds = [("input", floats(&[4])), ("target", floats(&[4]))];
        let message = wgloss::loss_shape(loss.as_ref(), &kinds, &Request::default());
        let message = message.expect_err("no eps").to_string();
        assert!(message.starts_with("eps: ") && message.contains("0 or more"), "{message}");
    }
}

/// A single box is one loss, and any number of axes may lie before the corners.
#[test]
fn the_losses_have_the_shape_before_the_corners() {
    for shape in [&[4][..], &[0, 4], &[3, 2, 1, 4]] {
        let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, shape)));
        let request = Request { reduction: Reduction::None, ..Request::default() };
        let losses = wgloss::loss_shape(&GeneralizedBoxIou::default(), &kinds, &request);
        assert_eq!(losses.expect("boxes"), shape[..shape.len() - 1]);
    }
}

/// The number of boxes may be in a buffer, as one kernel leaves them for the next.
#[test]
fn boxes_are_counted_on_the_device() {
    let gpu = common::gpu();
    let kinds = ["input", "target"].map(|name| (name, TensorKind::new(DType::F32, [4100, 4])));
    let request = Request { counted: true, ..Request::with_gradients(&["input"]) };
    let loss = GeneralizedBoxIou::default();
    let plan = Plan::new(&gpu, &loss, &kinds, &request).expect("a plan");
    let one = [0.0f32, 0.0, 1.0, 1.0];
    let (input, target) = (one.repeat(4100), [0.0f32, 0.0, 1.0, 2.0].repeat(4100));
    for (count, want) in [(0, 0.0), (3, 0.5), (4099, 0.5)] {
        let buffers = [&input, &target].map(|numbers| common::buffers::filled(&gpu, numbers));
        let outputs = [4, 4100 * 16].map(|size| common::buffers::filled(&gpu, &vec![7u8; size]));
        let counts = common::buffers::filled(&gpu, &[count]);
        let inputs = [
            ("input", buffers[0].as_entire_buffer_binding()),
            ("target", buffers[1].as_entire_buffer_binding()),
        ];
        let gradients = [("input", outputs[1].as_entire_buffer_binding())];
        let bindings = wgloss::Bindings {
            inputs: &inputs,
            value: Some(outputs[0].as_entire_buffer_binding()),
            gradients: &gradients,
            count: Some(counts.as_entire_buffer_binding()),
            ..wgloss::Bindings::default()
        };
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        plan.encode(&mut encoder, &bindings).expect("bound");
        gpu.queue().submit([encoder.finish()]);
        let value = common::read::<f32>(&gpu, &outputs[0]);
        assert!((value[0] - want).abs() < 1e-6, "{count} boxes: {value:?}");
        let slopes = common::read::<f32>(&gpu, &outputs[1]);
        let there = usize::try_from(count).expect("a small number") * 4;
        assert!(slopes[..there].iter().any(|&slope| slope != 0.0) == (there > 0), "{count}");
        assert!(slopes[there..].iter().all(|&slope| slope == 0.0), "{count}: the others");
    }
}
