//! Inputs for every loss of the catalogue, and the custom losses of the examples.

use super::ctc::Case;
use super::{Family, Random, family, inputs, is_of_answers, rows_of, tensor};
use std::path::Path;
use wgloss::definition::{Options, Role};
use wgloss::{Custom, DType, Loss, Tensor, TensorKind};

pub(crate) type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// The first input's shape, and that of what broadcasts with it: whole blocks, parts of one, odd
/// numbers of elements, sums over few and many places.
const POINTWISE: [(&[usize], &[usize]); 7] = [
    (&[1], &[1]),
    (&[8192], &[8192]),
    (&[4099], &[4099]),
    (&[5, 3], &[3]),
    (&[300, 7], &[7]),
    (&[6, 4, 5], &[6, 1, 5]),
    (&[4097], &[]),
];

/// Odd and even numbers of classes, side by side and apart.
const ROWS: [&[usize]; 7] =
    [&[7], &[5, 7], &[5, 8], &[130, 3], &[2, 257], &[3, 6, 5], &[3, 5, 2, 7]];

/// Voxels by fours and others, one patch and several, more classes than a lane keeps sums of.
const REGIONS: [&[usize]; 5] =
    [&[2, 3, 5], &[2, 2, 4100], &[3, 9, 2, 6], &[2, 2, 2051], &[1, 3, 1, 4]];

fn family_inputs(loss: &dyn Loss, dtype: DType, random: &mut Random) -> Vec<Inputs> {
    let definition = loss.definition();
    let scores = definition.inputs[0].role == Role::Scores;
    let all = match family(loss) {
        Family::Pointwise => POINTWISE.to_vec(),
        Family::Regions => REGIONS.into_iter().map(|shape| (shape, shape)).collect(),
        _ => ROWS.into_iter().filter(|s| !scores || s.len() < 3).map(|s| (s, s)).collect(),
    };
    let made = all.into_iter().enumerate().map(|(i, (shape, other))| {
        // Probabilities, or what is optional: each loss with and without, each shape with some losses.
        let probabilities = (i + definition.name.len()).is_multiple_of(2);
        let (classes, rows) = rows_of(loss, shape);
        let of = |input: &wgloss::definition::Input| match input.role {
            Role::Index | Role::Marks => (input.name, DType::I64, &rows[..]),
            Role::IndexOrRows if !probabilities => (input.name, DType::U8, &rows[..]),
            // Gradients of two types at once.
            Role::IndexOrRows => (input.name, DType::F32, shape),
            Role::Labels => (input.name, dtype, &rows[..]),
            Role::Classes | Role::Factors => (input.name, dtype, std::slice::from_ref(&classes)),
            Role::Signed => (input.name, DType::I64, other),
            Role::Unsigned | Role::Flags => (input.name, DType::U8, other),
            Role::Elements | Role::ElementVectors(_) | Role::Onto | Role::WeightOnto
                if input.name != "input" =>
            {
                (input.name, dtype, other)
            }
            _ => (input.name, dtype, shape),
        };
        let given = definition.inputs.iter().filter(|input| !input.optional || !probabilities);
        let shapes: Vec<_> = given.map(of).collect();
        inputs(loss, &shapes, classes, random)
    });
    made.collect()
}

/// Logits of 70, as larger weights give, are rounded by more than the tolerance asks.
fn with_smaller_weights(mut own: Inputs) -> Inputs {
    let TensorKind { dtype, shape, .. } = own[1].1.kind();
    let smaller: Vec<f64> = own[1].1.to_f64().iter().map(|x| x / 4.0).collect();
    own[1].1 = tensor(dtype, &shape, &smaller);
    own
}

/// Inputs of the losses of their own: tiles that are alone and tiles that add up, lone halves of
/// words.
fn own_inputs(loss: &dyn Loss, dtype: DType, random: &mut Random) -> Vec<Inputs> {
    let mut made = Vec::new();
    match loss.definition().name {
        "ctc_loss" => {
            for shape in [[7, 3, 5], [6, 2, 8]] {
                let case = Case::new(&shape, 0, &vec![2; shape[1]], 4.0, random);
                made.push(case.inputs(dtype, DType::I64, true));
            }
        }
        "rnnt_loss" => {
            // Whole quads of classes, and others.
            for [batch, steps, columns, classes] in [[3, 4, 3, 5], [2, 5, 4, 8]] {
                let logits = [("logits", dtype, &[batch, steps, columns, classes][..])];
                let logits = inputs(loss, &logits, 0, random);
                let labels: Vec<f64> =
                    (0..batch * (columns - 1)).map(|_| [0.0, 1.0, 3.0][random.below(3)]).collect();
                #[allow(clippy::cast_precision_loss, reason = "small numbers")]
                let lengths = |most: usize| -> Vec<f64> {
                    (0..batch).map(|n| (most - n % 2) as f64).collect()
                };
                let integers = [
                    ("targets", tensor(DType::I64, &[batch, columns - 1], &labels)),
                    ("logit_lengths", tensor(DType::I32, &[batch], &lengths(steps))),
                    ("target_lengths", tensor(DType::U8, &[batch], &lengths(columns - 1))),
                ];
                made.push(logits.into_iter().chain(integers).collect());
            }
        }
        "multilabel_margin_loss" => {
            for shape in [[5, 3], [7, 10]] {
                #[allow(clippy::cast_precision_loss, reason = "small numbers")]
                let target = |i: usize| if i % shape[1] < 2 { (i % shape[1]) as f64 } else { -1.0 };
                let target: Vec<f64> = (0..shape[0] * shape[1]).map(target).collect();
                let input = inputs(loss, &[("input", dtype, &shape)], 0, random);
                let target = ("target", tensor(DType::I64, &shape, &target));
                made.push(input.into_iter().chain([target]).collect());
            }
        }
        "grpo_loss" => {
            for (tokens, all) in [(7, false), (7, true), (1500, true)] {
                let table: &[usize] = &[5, tokens];
                let mut shapes = vec![
                    ("log_probs", dtype, table),
                    ("advantages", dtype, &table[..1]),
                    ("old_log_probs", dtype, table),
                    ("reference_log_probs", dtype, table),
                    ("mask", dtype, table),
                ];
                shapes.truncate(if all { 5 } else { 2 });
                made.push(inputs(loss, &shapes, 2, random));
            }
        }
        _ if is_of_answers(loss) => {
            // Pairs, tokens, features, classes.
            for [pairs, tokens, features, classes] in [[3, 17, 5, 100], [2, 1, 4, 2049]] {
                let all = [
                    ("input", dtype, &[2 * pairs, tokens, features][..]),
                    ("linear_weight", dtype, &[classes, features]),
                    ("target", DType::U8, &[2 * pairs, tokens]),
                    ("linear_bias", dtype, &[classes]),
                    ("reference_chosen", dtype, &[pairs]),
                    ("reference_rejected", dtype, &[pairs]),
                ];
                let count = loss.definition().inputs.len();
                let own = inputs(loss, &all[..count], classes.min(200), random);
                made.push(with_smaller_weights(own));
            }
        }
        name if name.starts_with("linear_") => {
            // Items, features, classes, positions.
            let all = [[33, 17, 100, 1], [3, 5, 2049, 1], [4101, 3, 7, 1], [7, 3, 5, 3]];
            for [items, features, classes, positions] in all {
                let several = positions > 1;
                let with = |shape: &[usize]| -> Vec<usize> {
                    let at = [positions];
                    let (first, rest) = shape.split_at(1);
                    [first, &at[..usize::from(several)], rest].concat()
                };
                let shapes = [
                    ("input", dtype, &[items, features][..]),
                    ("linear_weight", dtype, &with(&[classes, features])[..]),
                    (loss.definition().inputs[2].name, DType::U8, &with(&[items])[..]),
                    ("linear_bias", dtype, &with(&[classes])[..]),
                ];
                made.push(with_smaller_weights(inputs(loss, &shapes, classes.min(200), random)));
            }
        }
        "arc_face_loss" | "cos_face_loss" => {
            // Rows, features, classes.
            for [rows, features, classes] in [[33, 17, 100], [3, 5, 2049], [4101, 8, 7]] {
                let shapes = [
                    ("input", dtype, &[rows, features][..]),
                    ("linear_weight", dtype, &[classes, features]),
                    ("target", DType::I16, &[rows]),
                ];
                made.push(inputs(loss, &shapes, classes, random));
            }
        }
        "info_nce_loss" | "sigmoid_contrastive_loss" => {
            for (size, features, all) in [(33, 17, false), (130, 8, true)] {
                let definition = loss.definition();
                let table = [size, features];
                let of = |input: &wgloss::definition::Input| match input.role {
                    Role::OwnIntegers => (input.name, DType::I64, &table[..1]),
                    _ if input.name.starts_with("logit_") => (input.name, dtype, &[][..]),
                    _ => (input.name, dtype, &table[..]),
                };
                let given = definition.inputs.iter().filter(|input| all || !input.optional);
                let shapes: Vec<_> = given.map(of).collect();
                let mut own = inputs(loss, &shapes, size, random);
                // Similarities of thousands would be rounded by more than the tolerance asks.
                own.iter_mut().take(2).for_each(|(_, vectors)| {
                    let numbers: Vec<f64> =
                        vectors.to_f32().iter().map(|&x| f64::from(x) / 8.0).collect();
                    *vectors = tensor(dtype, &[size, features], &numbers);
                });
                made.push(own);
            }
        }
        "nt_xent_loss" | "sup_con_loss" => {
            for [rows, features, labels] in [[33, 17, 7], [130, 8, 50]] {
                let shapes =
                    [("input", dtype, &[rows, features][..]), ("labels", DType::U16, &[rows])];
                made.push(inputs(loss, &shapes, labels, random));
            }
        }
        name => panic!("no inputs for {name}"),
    }
    made
}

/// Small inputs of any loss, float ones of this type, that lead to its different stores.
pub(crate) fn all_inputs(loss: &dyn Loss, dtype: DType, random: &mut Random) -> Vec<Inputs> {
    match family(loss) {
        Family::Own => own_inputs(loss, dtype, random),
        _ => family_inputs(loss, dtype, random),
    }
}

/// The losses of `examples/losses`, with parameters of 1, and arrays of 0, 1 and so on.
pub(crate) fn examples() -> Vec<Box<dyn Loss>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/losses");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an example").path();
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let mut loss = Custom::named(&name, &text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let parameters: Vec<_> = loss.options().into_iter().map(|(name, _)| name).collect();
        for parameter in parameters {
            let numbers: Vec<f64> = (0..=64).map(f64::from).collect();
            let array =
                |count: &usize| loss.clone().set_table(parameter, &numbers[..*count]).is_ok();
            match (1..=64).find(array) {
                Some(count) => loss.set_table(parameter, &numbers[..count]),
                None => loss.set(parameter, 1.0),
            }
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        Box::new(loss) as Box<dyn Loss>
    };
    std::fs::read_dir(folder).expect("the examples").map(read).collect()
}
