//! The reference's gradients against central differences of its own values, in float64.

use crate::common::{
    Family, Random, differentiable, family, is_of_answers, make_valid, order_corners, tensor,
};
use wgloss::definition::{Domain, Role, Setting};
use wgloss::{Batch, DType, Loss, Reduction, Request, Tensor, losses, reference};

/// Random float64 inputs of a shape that suits every family, weights included.
fn inputs(
    loss: &dyn Loss,
    target: DType,
    random: &mut Random,
) -> Vec<(&'static str, Tensor<'static>)> {
    let of_answers = is_of_answers(loss);
    let make = |input: &wgloss::definition::Input| {
        let of_regions = family(loss) == Family::Regions;
        let without_first = loss.values().contains(&("include_background", "false".into()));
        let shape: &[usize] = match input.role {
            Role::Index if of_answers => &[4, 2],
            Role::Index | Role::Marks => &[4],
            Role::IndexOrRows if of_regions && !target.is_float() => &[2, 3],
            Role::IndexOrRows if !target.is_float() => &[4],
            Role::Regions | Role::IndexOrRows if of_regions => &[2, 5, 3],
            Role::Classes if without_first => &[4],
            Role::Classes => &[5],
            Role::Labels => &[4],
            Role::Own if input.name == "advantages" => &[4],
            Role::Own if of_answers && input.name == "input" => &[4, 2, 3],
            Role::Own if of_answers && input.name.starts_with("reference_") => &[2],
            Role::Own if input.name.starts_with("logit_") => &[],
            Role::Own if input.name == "input" => &[4, 3],
            Role::Own if input.name == "linear_weight" => &[5, 3],
            Role::Own if input.name == "linear_bias" => &[5],
            Role::Vectors(4) => &[3, 4],
            Role::Listed | Role::ListedClasses => &[4, 2],
            _ => &[4, 5],
        };
        if input.role == Role::ListedClasses {
            let classes = [0.0, 3.0, 4.0, 1.0, 2.0, 1.0, 3.0, 0.0];
            return (input.name, tensor(DType::I64, shape, &classes));
        }
        let indices = matches!(input.role, Role::Index | Role::IndexOrRows | Role::Marks);
        let index = indices && [&[4][..], &[2, 3], &[4, 2]].contains(&shape);
        let count = shape.iter().product();
        let mut numbers: Vec<f64> = (0..count)
            .map(|_| match index {
                #[allow(clippy::cast_precision_loss, reason = "class indices are small")]
                true => random.below(5) as f64,
                false if is_discrete(input.domain) => random.number(input.domain),
                false if input.domain == Domain::NonPositive => {
                    -0.02 + 0.96 * random.number(input.domain)
                }
                // Away from the ends of a domain, so that differences stay inside it.
                false => 0.02 + 0.96 * random.number(input.domain),
            })
            .collect();
        if input.domain == Domain::Corners {
            order_corners(&mut numbers);
        }
        (input.name, tensor(if index { DType::I64 } else { DType::F64 }, shape, &numbers))
    };
    loss.definition().inputs.iter().map(make).collect()
}

fn is_discrete(domain: Domain) -> bool {
    matches!(domain, Domain::Sign | Domain::Binary)
}

fn value(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)], reduction: Reduction) -> f64 {
    let batch =
        Batch { inputs, request: Request { reduction, ..Request::default() }, ..Batch::default() };
    reference::evaluate(loss, &batch).expect("valid inputs").value[0]
}

fn check(loss: &dyn Loss, target: DType, reduction: Reduction, random: &mut Random) {
    check_inputs(loss, &inputs(loss, target, random), reduction);
}

/// The same of inputs that fit together.
pub(crate) fn check_inputs(loss: &dyn Loss, inputs: &[(&str, Tensor<'_>)], reduction: Reduction) {
    const STEP: f64 = 1e-6;
    let names = differentiable(loss, inputs);
    let batch = Batch {
        inputs,
        request: Request { reduction, gradients: &names, ..Request::default() },
        ..Batch::default()
    };
    let answer = reference::evaluate(loss, &batch).expect("valid inputs");
    for (name, gradient) in &answer.gradients {
        let place = inputs.iter().position(|(n, _)| n == name).expect("a given input");
        let (kind, numbers) = (inputs[place].1.kind(), inputs[place].1.to_f64());
        for (i, &slope) in gradient.iter().enumerate() {
            let moved = |step: f64| {
                let mut numbers = numbers.clone();
                numbers[i] += step;
                let mut inputs = inputs.to_vec();
                inputs[place].1 = tensor(kind.dtype, &kind.shape, &numbers);
                value(loss, &inputs, reduction)
            };
            let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let close =
                approx::relative_eq!(slope, difference, epsilon = 1e-6, max_relative = 1e-6);
            let what = format!("{loss:?}, {reduction}, gradient of {name}[{i}]");
            assert!(close, "{what}: {slope}, differences give {difference}");
        }
    }
}

/// Other options than the defaults, with this choice and these flags.
pub(crate) fn vary(loss: &mut dyn Loss, place: usize, flag: bool) {
    for (name, mut setting) in loss.options() {
        let text = match &setting {
            // The gradient of a clamped variance is not its slope, by design, and the other one is
            // refused beside probabilities where it is a class.
            _ if ["eps", "ignore_index"].contains(&name) => continue,
            Setting::Number(_) => "0.7",
            Setting::OptionalNumber(_) => "1.1",
            Setting::Integer(_) | Setting::OptionalInteger(_) => "2",
            // Rates that are not logarithms are positive, which the inputs are not.
            Setting::Flag(_) if flag || name == "log_input" => "true",
            Setting::Flag(_) => "false",
            Setting::Choice(choice) => choice.names()[place.min(choice.names().len() - 1)],
            other => panic!("{name}: no other value for {other:?}"),
        };
        setting.set(name, text).unwrap_or_else(|error| panic!("{error}"));
    }
    make_valid(loss);
}

/// The most choices of a setting.
fn choices(loss: &mut dyn Loss) -> usize {
    let names = loss.options().into_iter().map(|(_, setting)| match setting {
        Setting::Choice(choice) => choice.names().len(),
        _ => 1,
    });
    names.max().unwrap_or(1)
}

#[test]
fn gradients_are_the_slopes_of_the_values() {
    let mut random = Random(8);
    for mut loss in losses::catalogue() {
        if loss.definition().inputs.iter().any(|input| input.role == Role::OwnIntegers) {
            continue; // in tests of their own: what fits together, only they know
        }
        if loss.definition().name == "complete_box_iou_loss" {
            continue; // in a test of its own: no gradient passes through one factor
        }
        let takes_probabilities =
            loss.definition().inputs.iter().any(|input| input.role == Role::IndexOrRows);
        let targets =
            if takes_probabilities { &[DType::I64, DType::F64][..] } else { &[DType::I64] };
        let choices = choices(loss.as_mut());
        for round in 0..2 + 2 * choices {
            if round > 1 {
                vary(loss.as_mut(), round / 2 - 1, round % 2 == 1);
            }
            for &target in targets {
                for &reduction in loss.definition().reductions {
                    if reduction != Reduction::None {
                        check(loss.as_ref(), target, reduction, &mut random);
                    }
                }
            }
        }
    }
}
