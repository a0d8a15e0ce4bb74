//! Custom losses over rows: functions of items and of what is gathered from them.

use crate::common::{Random, assert_agrees, tensor};
use wgloss::losses::CrossEntropy;
use wgloss::{Batch, Custom, DType, Reduction, Request, Tensor, reference};

const F32: DType = DType::F32;

/// Cross entropy of class indices.
const CROSS_ENTROPY: &str = "
struct Item { input: f32 }
struct Row { target: i32 }

fn shifts(item: Item) -> f32 { return item.input; }

fn sums(item: Item, shifts: f32) -> f32 { return exp(item.input - shifts); }

fn value(picked: Item, shifts: f32, sums: f32) -> f32 {
    return log(sums) + (shifts - picked.input);
}";

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// Logits and class indices.
fn logits(shape: &[usize], random: &mut Random) -> Inputs {
    let (classes, rows) = match *shape {
        [classes] => (classes, 1),
        _ => (shape[1], shape.iter().product::<usize>() / shape[1]),
    };
    let numbers: Vec<f64> = (0..classes * rows).map(|_| 8.0 * random.unit() - 4.0).collect();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let indices: Vec<f64> = (0..rows).map(|_| (random.unit() * classes as f64).floor()).collect();
    let of_rows = if shape.len() == 1 { vec![] } else { [&shape[..1], &shape[2..]].concat() };
    vec![
        ("input", tensor(F32, shape, &numbers)),
        ("target", tensor(DType::I64, &of_rows, &indices)),
    ]
}

#[test]
fn cross_entropy_is_the_built_in_one() {
    let mut random = Random(71);
    let own = Custom::new(CROSS_ENTROPY).unwrap_or_else(|e| panic!("{e}"));
    for shape in
        [&[5][..], &[3, 1], &[70, 10], &[3, 8, 2, 2], &[3, 1000], &[1, 50_000], &[9, 7, 33]]
    {
        let inputs = logits(shape, &mut random);
        for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
            let request = Request { reduction, gradients: &["input"], ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees(&format!("{shape:?}, {reduction}"), &own, &batch);
            let want =
                reference::evaluate(&CrossEntropy::default(), &batch).expect("a valid batch");
            let got = reference::evaluate(&own, &batch).expect("a valid batch");
            assert!((got.value[0] - want.value[0]).abs() < 1e-12);
            for ((_, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
                assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12));
            }
        }
    }
}
