//! Losses of vectors of two, three and four numbers, with a weight: on the GPU, on the CPU and in the
//! reference, of whole blocks and parts of one, of every float type.

use super::{Formula, of_vectors, shader};
use crate::batch::Batch;
use crate::definition::{Definition, Input, Options, Role};
use crate::evaluate::{Evaluator, reference};
use crate::family::{Family, Loss};
use crate::gpu::Gpu;
use crate::reduction::Reduction;
use crate::request::{GradientType, Request};
use crate::tensor::{DType, Tensor, TensorKind};

/// `sum over k of (k + 1) (a_k - b_k)^2 + b_k` of two vectors.
#[derive(Debug)]
struct Apart<const W: usize>;

impl<const W: usize> Options for Apart<W> {}

macro_rules! apart {
    ($width:literal, $numbers:literal, $factors:literal) => {
        impl Loss for Apart<$width> {
            fn definition(&self) -> &'static Definition {
                static DEFINITION: Definition = Definition {
                    name: "apart",
                    aliases: &[],
                    summary: "How far apart two vectors are.",
                    formula: "sum over k of (k + 1) (a_k - b_k)^2 + b_k",
                    inputs: &[
                        Input::new("a", Role::Vectors($width)),
                        Input::new("b", Role::Vectors($width)),
                        Input::new("weight", Role::WeightOnto).optional(),
                    ],
                    arguments: &["a", "b", "weight", "reduction"],
                    reductions: &[Reduction::Mean, Reduction::Sum, Reduction::None],
                    weighted_mean: false,
                    shader: shader(concat!(
                        "const FACTORS = ",
                        $factors,
                        ";
fn value(a: vec",
                        $width,
                        "<f32>, b: vec",
                        $width,
                        "<f32>) -> f32 {
    let d = a - b;
    return dot(FACTORS * d, d) + dot(b, vec",
                        $width,
                        "(1.0));
}
fn gradient(a: vec",
                        $width,
                        "<f32>, b: vec",
                        $width,
                        "<f32>) -> mat2x",
                        $width,
                        "<f32> {
    let d = 2.0 * FACTORS * (a - b);
    return mat2x",
                        $width,
                        "<f32>(d, 1.0 - d);
}
"
                    )),
                };
                &DEFINITION
            }

            fn family(&self) -> Box<dyn Family + '_> {
                of_vectors::<_, $numbers>(self)
            }
        }

        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        impl Formula<$numbers> for Apart<$width> {
            fn reference(&self, x: [f64; $numbers]) -> (f64, [f64; $numbers]) {
                let (mut value, mut slopes) = (0.0, [0.0; $numbers]);
                for k in 0..$width {
                    let (factor, d) = ((k + 1) as f64, x[k] - x[k + $width]);
                    value += factor * d * d + x[k + $width];
                    slopes[k] = 2.0 * factor * d;
                    slopes[k + $width] = 1.0 - slopes[k];
                }
                (value, slopes)
            }

            fn value(&self, x: [f32; $numbers]) -> f32 {
                let term = |k: usize| {
                    let d = x[k] - x[k + $width];
                    (k + 1) as f32 * d * d + x[k + $width]
                };
                (0..$width).map(term).sum()
            }

            fn gradient(&self, x: [f32; $numbers]) -> [f32; $numbers] {
                let slope = |k: usize| 2.0 * (k + 1) as f32 * (x[k] - x[k + $width]);
                std::array::from_fn(|k| if k < $width { slope(k) } else { 1.0 - slope(k - $width) })
            }
        }
    };
}

apart!(2, 4, "vec2(1.0, 2.0)");
apart!(3, 6, "vec3(1.0, 2.0, 3.0)");
apart!(4, 8, "vec4(1.0, 2.0, 3.0, 4.0)");

/// Numbers that are all different, and the same in every type.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn numbers(dtype: DType, shape: &[usize], step: usize) -> Tensor<'static> {
    let numbers: Vec<f32> = (0..shape.iter().product())
        .map(|i: usize| (i * step % 101) as f32 / 32.0 - 1.5)
        .map(|x| half::bf16::from_f32(x).to_f32())
        .collect();
    let bytes = match dtype {
        DType::F16 => bytemuck::cast_slice(
            &numbers.iter().map(|&x| half::f16::from_f32(x)).collect::<Vec<_>>(),
        )
        .to_vec(),
        DType::BF16 => bytemuck::cast_slice(
            &numbers.iter().map(|&x| half::bf16::from_f32(x)).collect::<Vec<_>>(),
        )
        .to_vec(),
        _ => bytemuck::cast_slice(&numbers).to_vec(),
    };
    Tensor::from_bytes(dtype, shape, bytes).expect("as many as the shape has")
}

fn check(what: &str, got: &Tensor<'_>, want: &[f64], scale: f64) {
    // Half a unit of the last place of what it is rounded to.
    let part = match got.dtype() {
        DType::F16 => 2f64.powi(-11),
        DType::BF16 => 2f64.powi(-8),
        _ => 1e-5,
    };
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.to_f64().into_iter().zip(want).enumerate() {
        let error = (got - want).abs();
        let near = part * want.abs() + 1e-6 * scale + 2f64.powi(-25);
        assert!(error <= near, "{what}[{i}]: {got} is not {want}");
    }
}

fn check_width(loss: &dyn Loss, width: usize, backends: &[(&str, Evaluator)]) {
    let dtypes = [DType::F32, DType::F16, DType::BF16];
    let all = [&[2, 4096][..], &[4099], &[3], &[], &[7, 1000]];
    for (i, (terms, dtype)) in all.into_iter().zip(dtypes.into_iter().cycle()).enumerate() {
        let shape = [terms, &[width]].concat();
        let (a, b) = (numbers(dtype, &shape, 7), numbers(dtype, &shape, 11));
        for weight in [None, Some(terms), Some(&[][..])] {
            let mut inputs = vec![("a", a.clone()), ("b", b.clone())];
            let mut gradients = vec!["a", "b"];
            if let Some(weight) = weight {
                inputs.push(("weight", numbers(DType::F32, weight, 5)));
                gradients.push("weight");
            }
            let reductions = loss.definition().reductions;
            let reduction = reductions[(i + inputs.len()) % 3];
            let upstream = if reduction == Reduction::None { terms } else { &[] };
            let batch = Batch {
                inputs: &inputs,
                upstream: Some(numbers(DType::F32, upstream, 3)),
                request: Request {
                    reduction,
                    gradients: &gradients,
                    gradient_type: GradientType::Input,
                    ..Request::default()
                },
                ..Batch::default()
            };
            let want = reference::evaluate(loss, &batch).expect("an answer");
            for (name, backend) in backends {
                let what = format!("{width} numbers of {dtype}, {terms:?} {weight:?} on {name}");
                let got = backend.evaluate_blocking(loss, &batch).expect("an answer");
                check(&what, &got.value.expect("a value"), &want.value, want.scale);
                for ((input, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
                    let scale = want.iter().fold(0.0, |scale: f64, x| scale.max(x.abs()));
                    check(&format!("{what} by {input}"), got, want, scale);
                }
            }
        }
    }
}

#[test]
fn vectors_of_every_width() {
    let gpu = Evaluator::Gpu(Gpu::new_blocking().expect("an adapter"));
    let backends = [("gpu", gpu), ("cpu", Evaluator::Cpu)];
    check_width(&Apart::<2>, 2, &backends);
    check_width(&Apart::<3>, 3, &backends);
    check_width(&Apart::<4>, 4, &backends);
}

#[test]
fn vectors_have_a_length_and_do_not_broadcast() {
    let layout = |a: &[usize], b: &[usize]| {
        let kinds = [a, b].map(|shape| Some(TensorKind::new(DType::F32, shape)));
        let [a, b] = kinds;
        let layout = Apart::<3>.family().layout(&[a, b, None], Reduction::None);
        layout.map(|layout| layout.output).map_err(|error| error.to_string())
    };
    assert_eq!(layout(&[2, 5, 3], &[2, 5, 3]), Ok(vec![2, 5]));
    assert_eq!(layout(&[3], &[3]), Ok(vec![]));
    let refused = |name: &str, shape: &[usize], expected: &str| {
        Err(format!("{name}: shape {shape:?} does not fit, expected {expected}"))
    };
    assert_eq!(layout(&[2, 4], &[2, 4]), refused("a", &[2, 4], "[..., 3]"));
    assert_eq!(layout(&[], &[3]), refused("a", &[], "[..., 3]"));
    let want = "[2, 3], a vector for each of those of a";
    assert_eq!(layout(&[2, 3], &[1, 3]), refused("b", &[1, 3], want));
    assert_eq!(layout(&[2, 3], &[3]), refused("b", &[3], want));
}
