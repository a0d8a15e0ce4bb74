//! Curves of every loss, and what there is to choose and to set.

use crate::Given;
use serde_json::json;
use wgloss::{Custom, catalogue};
use wgloss_kit::curves::{Curve, Points, points, range};

/// How far apart the points of differences are.
const STEP: f32 = 1.0 / 128.0;

fn curve(loss: &str, given: &[(&str, &str)], by: Option<&str>) -> Curve {
    let loss = wgloss::by_name(loss).expect("a loss");
    Curve::new(loss, given, by).unwrap_or_else(|error| panic!("{by:?}: {error}"))
}

fn evaluated(curve: &Curve, xs: &[f32]) -> Points {
    let points = pollster::block_on(curve.evaluate(xs)).expect("points");
    assert_eq!((points.values.len(), points.slopes.len()), (xs.len(), xs.len()));
    points
}

/// Compares slopes with differences of the losses, where those before and after a point are alike.
/// Returns at how many of the points.
fn compare(what: &str, curve: &Curve) -> usize {
    let [from, to] = curve.range();
    let xs = points(from + 2.0 * STEP, to - 2.0 * STEP, 61);
    let at = |offset: f32| {
        let xs: Vec<f32> = xs.iter().map(|x| x + offset).collect();
        evaluated(curve, &xs)
    };
    let [before, here, after] = [-STEP, 0.0, STEP].map(at);
    let mut compared = 0;
    for (i, x) in xs.iter().enumerate() {
        let [low, middle, high] = [&before, &here, &after].map(|points| points.values[i]);
        let sides = [(middle - low) / STEP, (high - middle) / STEP];
        let (difference, slope) = ((high - low) / (2.0 * STEP), here.slopes[i]);
        let close = 0.002 * (1.0 + difference.abs() + middle.abs());
        if !difference.is_finite() || (sides[1] - sides[0]).abs() > 0.02 * (1.0 + difference.abs())
        {
            continue;
        }
        compared += 1;
        assert!((slope - difference).abs() < close, "{what} at {x}: {slope}, {difference}");
    }
    compared
}

#[test]
fn every_loss_has_a_curve_by_each_of_its_inputs() {
    for loss in catalogue() {
        let name = loss.definition().name;
        let inputs = curve(name, &[], None).description().inputs;
        assert_eq!(inputs.len(), loss.definition().inputs.len(), "{name}: all inputs are there");
        for input in inputs {
            let differentiable = loss.definition().inputs.iter().find(|own| own.name == input.name);
            let differentiable = differentiable.is_some_and(|own| own.differentiable);
            assert_eq!(input.by.is_empty(), !differentiable, "{name}: {}", input.name);
            let count: usize = input.shape.iter().product();
            assert!(count <= 12, "{name}: {} has {count} numbers", input.name);
            for by in &input.by {
                let what = format!("{name} by {by}");
                // Without old log-probabilities the ratio is a constant, whose gradient is no slope.
                let given = [("old_log_probs", "-1,-0.5,-1.5,-1,-0.5,-2")];
                let given = if name == "grpo_loss" { &given[..] } else { &[] };
                let curve = curve(name, given, Some(by));
                let description = curve.description();
                assert_eq!(description.by, *by);
                assert!(description.inputs.iter().any(|own| own.name == input.name && own.present));
                if name == "complete_box_iou_loss" {
                    continue; // no gradient passes through one of its factors
                }
                let compared = compare(&what, &curve);
                assert!(compared > 20, "{what}: {compared} points are smooth");
            }
        }
    }
}

#[test]
fn inputs_that_may_be_absent_are_switched_on_by_their_numbers() {
    for loss in catalogue() {
        let name = loss.definition().name;
        for input in curve(name, &[], None).description().inputs {
            let numbers = serde_json::to_value(&input.numbers).expect("numbers");
            let numbers = numbers.to_string().replace(['[', ']'], "");
            let curve = curve(name, &[(input.name, &numbers)], None);
            let field = curve.description().inputs.into_iter().find(|own| own.name == input.name);
            let field = field.expect("the same input");
            assert!(field.present && field.given, "{name}: {}", input.name);
            assert_eq!(field.numbers, input.numbers, "{name}: {}", input.name);
            let [from, to] = curve.range();
            let xs = [0.25, 0.75].map(|part| from + part * (to - from));
            let values = evaluated(&curve, &xs).values;
            assert!(values.iter().all(|value| value.is_finite()), "{name}: {values:?}");
        }
    }
}

#[test]
fn whole_numbers_within_their_range_are_taken() {
    for loss in catalogue() {
        let name = loss.definition().name;
        for input in curve(name, &[], None).description().inputs {
            let single = input.integers && input.shape.is_empty();
            for end in input.range.into_iter().filter(|_| single) {
                let curve = curve(name, &[(input.name, &end.to_string())], None);
                evaluated(&curve, &[0.5]);
            }
        }
    }
}

#[test]
fn a_table_varies_by_one_of_its_numbers() {
    let weights = "0.5,0,0,0,0,0";
    let given = [("input", "1,2"), ("linear_weight", weights), ("target", "1")];
    let curve = curve("linear_cross_entropy", &given, Some("linear_weight[2,1]"));
    assert_eq!(curve.label(), "linear_weight[2,1]");
    assert_eq!(curve.others(), "linear_weight = [[0.5, 0], [0, 0], [0, x]]");
    let points = evaluated(&curve, &[0.25]);
    // The logits are 0.5, 0 and 2 x.
    let sum = 2.0 * 0.5f32.exp() + 1.0;
    assert!((points.values[0] - sum.ln()).abs() < 1e-6, "{points:?}");
    assert!((points.slopes[0] - 2.0 * 0.5f32.exp() / sum).abs() < 1e-6, "{points:?}");
}

#[test]
fn log_probabilities_of_a_sample_are_varied_by_their_logits() {
    let curve =
        curve("ctc", &[("log_probs", "0"), ("target_lengths", "0")], Some("log_probs[0,1]"));
    assert_eq!(curve.label(), "logit of log_probs[0,1]");
    assert!(curve.others().starts_with("log_probs = log_softmax of [[0, x, 0], [0, 0, 0], "));
    // Four blanks: one of the softmax of 0, x, 0 and three of a third.
    let x = 0.5f32;
    let expected = (2.0 + x.exp()).ln() + 3.0 * 3f32.ln();
    let points = evaluated(&curve, &[x]);
    assert!((points.values[0] - expected).abs() < 1e-5, "{points:?}, {expected}");
    assert!((points.slopes[0] - x.exp() / (2.0 + x.exp())).abs() < 1e-6, "{points:?}");
}

#[test]
fn a_description_is_data() {
    let told = serde_json::to_value(curve("cross_entropy", &[("target", "2")], None).description());
    let told = told.expect("JSON");
    assert_eq!((&told["by"], &told["range"]), (&json!("input[0]"), &json!([-3.0, 3.0])));
    let target = json!({
        "name": "target", "optional": false, "present": true, "given": true, "integers": true,
        "logits": false, "shape": [], "numbers": [2], "domain": "unit", "range": [0.0, 2.0],
        "by": ["target[0]", "target[1]", "target[2]"],
    });
    assert_eq!(told["inputs"][1], target);
    let weight = &told["inputs"][2];
    assert_eq!((&weight["present"], &weight["numbers"]), (&json!(false), &json!([1.0, 1.0, 1.0])));
}

#[test]
fn curves_over_each_other_share_a_range() {
    let curves = [curve("mse", &[], None), curve("bce", &[], None), curve("l1", &[], None)];
    assert_eq!(range(&curves), [0.0, 1.0]);
    assert_eq!(points(-1.0, 2.0, 4), [-1.0, 0.0, 1.0, 2.0]);
}

#[test]
fn a_custom_loss_has_a_curve() {
    let custom = Custom::new("fn value(p: f32, t: f32) -> f32 { let d = p - t; return d * d; }");
    let curve = Curve::new(custom.expect("a loss"), &[("t", "1")], None).expect("a curve");
    assert_eq!(evaluated(&curve, &[3.0]), Points { values: vec![4.0], slopes: vec![4.0] });
}

#[test]
fn what_does_not_fit_is_refused() {
    let cases: [(&str, &Given, Option<&str>, &[&str]); 7] = [
        ("mse", &[("x", "1")], None, &["input \"x\"", "target"]),
        ("mse", &[], Some("x"), &["input with a gradient", "\"x\""]),
        ("mse", &[], Some("input[0]"), &["input[0]", "one number"]),
        ("ctc", &[], Some("log_probs[5]"), &["log_probs[5]", "2 indices", "[4, 3]"]),
        ("ctc", &[], Some("log_probs[4,0]"), &["log_probs[4,0]", "2 indices", "[4, 3]"]),
        ("ctc", &[("targets", "1")], None, &["targets", "1 numbers", "2 numbers"]),
        ("ctc", &[("input_lengths", "1.5")], None, &["input_lengths", "1.5", "a whole number"]),
    ];
    for (name, given, by, parts) in cases {
        let loss = wgloss::by_name(name).expect("a loss");
        let error = Curve::new(loss, given, by).expect_err("it does not fit").to_string();
        for part in parts {
            assert!(error.contains(part), "{part:?}: {error}");
        }
    }
}
