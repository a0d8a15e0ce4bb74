//! Counts of losses.

use serde_json::{Value, json};
use wgloss::Tensor;
use wgloss_kit::histogram::{Histogram, ignored};

#[test]
fn losses_are_counted_with_what_is_not_drawn() {
    let losses = [1.0, 2.25, 0.25, 4.0, f32::NAN, f32::INFINITY, 0.0, 0.0, 25.0];
    let histogram = Histogram::of(&losses, 1);
    // Five bars from 0 to 25, of which one of the zeros is an ignored row.
    assert_eq!(histogram.bars, [5, 0, 0, 0, 1]);
    assert_eq!((histogram.low, histogram.high), (0.0, 25.0));
    assert_eq!((histogram.least, histogram.largest), (0.0, 25.0));
    assert_eq!((histogram.mean, histogram.median), (32.5 / 6.0, 1.0));
    assert_eq!((histogram.count, histogram.ignored), (6, 1));
    assert_eq!((histogram.nan, histogram.infinite), (1, 1));
    let told = serde_json::to_value(&histogram).expect("JSON");
    assert_eq!((&told["bars"], &told["median"]), (&json!([5, 0, 0, 0, 1]), &json!(1.0)));
}

#[test]
fn the_median_is_exact_of_many_and_of_either_sign() {
    let losses: Vec<f32> = (-500i16..=501).map(|x| f32::from(x) * 1.001).collect();
    let histogram = Histogram::of(&losses, 0);
    assert_eq!(histogram.median, 0.0);
    assert_eq!(histogram.bars.iter().sum::<u64>(), 1002);
    // By the rule of Rice: the first whose cube is eight times the count.
    assert_eq!(histogram.bars.len(), 21);
}

#[test]
fn nothing_finite_has_no_numbers() {
    let histogram = Histogram::of(&[f32::NAN], 0);
    assert_eq!((histogram.count, histogram.nan), (0, 1));
    let told = serde_json::to_value(&histogram).expect("JSON");
    for number in ["mean", "median", "least", "largest"] {
        assert_eq!(told[number], Value::Null, "{number}");
    }
}

#[test]
fn rows_are_ignored_by_their_target() {
    let loss = wgloss::by_name("nll").expect("a loss");
    let target = Tensor::from_slice(&[0i16, -100, 1, -100], [4]).expect("a tensor");
    assert_eq!(ignored(loss.as_ref(), &[("target", target)]), 2);
    // No unsigned number is -100.
    let target = Tensor::from_slice(&[156u8, 0], [2]).expect("a tensor");
    assert_eq!(ignored(loss.as_ref(), &[("target", target)]), 0);
}
