//! Rows that several workgroups share.

use super::{ALL, CROSS_ENTROPY, Inputs, everything, everything_of, logits};
use crate::common::{Random, assert_agrees_on, bits, gpu, with_limits};
use crate::shared_buffers::assert_same_bits;
use wgloss::{Batch, Custom, DType, Evaluator, Reduction, Request, Tuning};

/// Maxima, and sums that need those of the whole row.
const SPREAD: &str = "
struct Item { input: f32 }

fn peaks(item: Item) -> vec2<f32> { return vec2(item.input, -item.input); }

fn sums(item: Item, peaks: vec2<f32>) -> f32 {
    return (item.input - peaks.x) * (item.input + peaks.y);
}

fn value(peaks: vec2<f32>, sums: f32) -> f32 { return peaks.x + peaks.y - sums; }";

/// Sums alone.
const SQUARES: &str = "
struct Item { input: f32 }

fn sums(item: Item) -> f32 { return item.input * item.input; }

fn value(sums: f32) -> f32 { return sqrt(sums); }";

/// All slopes depend on the item at the target, which is in one section.
const BY_PICKED: &str = "
struct Item { a: f32, input: f32 }
struct Row { target: i32 }

fn sums(item: Item) -> f32 { return item.a * item.input; }

fn value(sums: f32, picked: Item) -> f32 { return sums * picked.input; }";

fn of_input(shape: &[usize], random: &mut Random) -> Inputs {
    let mut inputs = logits(shape, random);
    inputs.truncate(1);
    inputs
}

fn two_and_target(shape: &[usize], random: &mut Random) -> Inputs {
    let mut inputs = logits(shape, random);
    inputs.insert(0, ("a", logits(shape, random).remove(0).1));
    inputs
}

/// The losses with their inputs and gradients.
fn all(shape: &[usize], random: &mut Random) -> Vec<(Custom, Inputs, &'static [&'static str])> {
    let made = |text: &str| Custom::new(text).unwrap_or_else(|e| panic!("{e}"));
    let mut entropy = made(CROSS_ENTROPY);
    entropy.set("ignore_index", 1.0).expect("a parameter");
    vec![
        (everything(), everything_of(DType::F32, shape, random), ALL),
        (entropy, logits(shape, random), &["input"]),
        (made(SPREAD), of_input(shape, random), &["input"]),
        (made(BY_PICKED), two_and_target(shape, random), &["a", "input"]),
        (made(SQUARES), of_input(shape, random), &["input"]),
    ]
}

#[test]
fn whole_and_cut_short() {
    let mut random = Random(83);
    for (i, quads_per_group) in [8, 24, 100].into_iter().enumerate() {
        let tuning = Tuning { quads_per_group, ..Tuning::default() };
        let tuned = Evaluator::Gpu(gpu().with_tuning(tuning));
        for (j, shape) in [&[3, 517][..], &[2, 1024], &[2, 401, 3]].into_iter().enumerate() {
            for (loss, inputs, gradients) in all(shape, &mut random) {
                let reduction = [Reduction::None, Reduction::Mean][(i + j) % 2];
                let request = Request { reduction, gradients, ..Request::default() };
                let batch = Batch { inputs: &inputs, request, ..Batch::default() };
                let what = format!("{shape:?} in sections of {quads_per_group} quads");
                assert_agrees_on(&what, &tuned, &loss, &batch);
            }
        }
    }
}

/// Whatever else is asked for, however few buffers there are, and with gradients over their inputs.
#[test]
fn the_same_bits_however_they_are_bound() {
    let mut random = Random(84);
    let tuning = Tuning { quads_per_group: 16, ..Tuning::default() };
    let usual = gpu().with_tuning(tuning);
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..Default::default() };
    let Evaluator::Gpu(few) = with_limits(limits) else { panic!("a GPU") };
    let few = few.with_tuning(tuning);
    for (loss, inputs, gradients) in all(&[5, 901], &mut random) {
        let request = Request { reduction: Reduction::None, gradients, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let of = |gpu: &wgloss::Gpu| {
            let answer = Evaluator::Gpu(gpu.clone()).evaluate_blocking(&loss, &batch);
            bits(&answer.unwrap_or_else(|e| panic!("{e}")))
        };
        assert!(of(&usual) == of(&few), "{}", loss.derived());
        // A row's number is read by all that share the row.
        let may = gradients.iter().all(|own| *own != "factor");
        let in_place = assert_same_bits(&usual, &loss, &batch, may);
        assert!(in_place.iter().all(|&own| own == may), "{in_place:?}");
    }
}
