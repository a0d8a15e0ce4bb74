//! The reference's gradients against central differences.

use crate::common::{Random, tensor};
use crate::gradients::{check_inputs, vary};
use wgloss::{DType, Reduction, Tensor, losses};

#[test]
fn slopes() {
    let mut random = Random(74);
    let mut floats = |shape: &[usize]| {
        let count: usize = shape.iter().product();
        let numbers: Vec<f64> = (0..count).map(|_| 2.0 * random.unit() - 1.0).collect();
        tensor(DType::F64, shape, &numbers)
    };
    let integers = |numbers: &[f64]| tensor(DType::I64, &[numbers.len()], numbers);
    let given: [(&str, Vec<(&str, Tensor<'_>)>); 6] = [
        (
            "arc_face_loss",
            vec![
                ("input", floats(&[4, 3])),
                ("linear_weight", floats(&[5, 3])),
                ("target", integers(&[0.0, 4.0, -100.0, 2.0])),
            ],
        ),
        (
            "cos_face_loss",
            vec![
                ("input", floats(&[4, 3])),
                ("linear_weight", floats(&[5, 3])),
                ("target", integers(&[1.0, 1.0, 0.0, 2.0])),
            ],
        ),
        ("info_nce_loss", vec![("query", floats(&[4, 3])), ("key", floats(&[4, 3]))]),
        (
            "info_nce_loss",
            vec![
                ("query", floats(&[4, 3])),
                ("key", floats(&[4, 3])),
                ("logit_scale", floats(&[1])),
            ],
        ),
        (
            "nt_xent_loss",
            vec![("input", floats(&[5, 3])), ("labels", integers(&[3.0, 1.0, 3.0, 3.0, 1.0]))],
        ),
        (
            "sup_con_loss",
            vec![("input", floats(&[5, 3])), ("labels", integers(&[3.0, 1.0, 3.0, 3.0, 7.0]))],
        ),
    ];
    for (name, inputs) in given {
        let mut loss = losses::by_name(name).expect("a loss of the catalogue");
        for round in 0..3 {
            if round > 0 {
                vary(loss.as_mut(), 0, round == 1);
            }
            if inputs.iter().any(|(input, _)| *input == "logit_scale") {
                for (option, mut setting) in loss.options() {
                    if option == "temperature" {
                        setting.set(option, "0.07").expect("the default");
                    }
                }
            }
            for reduction in [Reduction::Mean, Reduction::Sum] {
                check_inputs(loss.as_ref(), &inputs, reduction);
            }
        }
    }
}
