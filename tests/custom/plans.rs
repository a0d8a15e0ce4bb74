//! What plans and evaluations can do with any loss, they can with custom ones of all kinds: tensors in one buffer,
//! gradients in place, adding up, a counted number of items, sinks, pieces, memory that is used again.

use super::rows;
use crate::accumulate::assert_adds;
use crate::common::{Random, assert_agrees, gpu, tensor};
use crate::counted::{self, assert_counts};
use crate::shared_buffers::assert_same_bits;
use crate::{reuse, streams};
use wgloss::{Batch, Custom, DType, Evaluator, Reduction, Request, Tensor, TensorKind};

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// Vectors, integers, booleans, a table, an array and a number as parameters, and a loop.
const EVERYTHING: &str = "
struct Parameters { scale: f32, bends: array<f32, 3> }

const factors = array<f32, 8>(1.0, 0.5, 2.0, 0.25, 1.5, 0.75, 3.0, 1.25);

fn value(p: vec2<f32>, q: f32, n: i32, m: bool, c: Parameters) -> f32 {
    var sum = c.scale * p.x * q;
    for (var i = 0; i < n; i++) {
        sum += c.bends[i % 3] * p.y * factors[i];
    }
    return select(sum, sum * sum, m);
}";

fn made(text: &str) -> Custom {
    let mut loss = Custom::new(text).unwrap_or_else(|e| panic!("{e}"));
    loss.set("scale", 1.5).expect("a parameter");
    loss.set_table("bends", &[0.5, -0.25, 1.0]).expect("a table");
    loss
}

fn items() -> Custom {
    made(EVERYTHING)
}

/// The same with so many statements that kernels have them once, and not once for each term of four.
fn long() -> Custom {
    let more = "\n    sum = 0.9 * sum + 0.1 * p.x * q;".repeat(150);
    let loss = made(&EVERYTHING.replace("\n    return", &format!("{more}\n    return")));
    assert!(loss.derived().len() > 16 << 10, "{} bytes", loss.derived().len());
    loss
}

fn whole(random: &mut Random, shape: &[usize], below: f64) -> Tensor<'static> {
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| (random.unit() * below).floor()).collect();
    tensor(DType::I32, shape, &numbers)
}

fn floats(random: &mut Random, shape: &[usize]) -> Tensor<'static> {
    let count = shape.iter().product();
    let numbers: Vec<f64> = (0..count).map(|_| random.unit() * 4.0 - 2.0).collect();
    tensor(DType::F32, shape, &numbers)
}

fn inputs_of_items(count: usize, random: &mut Random) -> Inputs {
    vec![
        ("p", floats(random, &[count, 3, 2])),
        ("q", floats(random, &[count, 3])),
        ("n", whole(random, &[count, 3], 8.0)),
        ("m", whole(random, &[count, 3], 2.0)),
    ]
}

fn kinds_of_items(count: usize) -> Vec<(&'static str, TensorKind)> {
    let shape = [count, 3];
    vec![
        ("p", TensorKind::new(DType::F32, [count, 3, 2])),
        ("q", TensorKind::new(DType::F32, shape)),
        ("n", TensorKind::new(DType::I32, shape)),
        ("m", TensorKind::new(DType::I32, shape)),
    ]
}

/// Each kind of loss with inputs of so many items.
fn all(count: usize, random: &mut Random) -> [(&'static str, Custom, Inputs); 3] {
    [
        ("items", items(), inputs_of_items(count, random)),
        ("long", long(), inputs_of_items(count, random)),
        ("rows", rows::everything(), rows::everything_of(DType::F32, &[count, 7], random)),
    ]
}

/// A long text has the values of its statements, of one term or of many, broadcast and in 16 bits.
#[test]
fn long_texts_are_right() {
    let (loss, mut random) = (long(), Random(90));
    for (count, dtype) in [(1, DType::F32), (1400, DType::F16), (1367, DType::BF16)] {
        let mut inputs = inputs_of_items(count, &mut random);
        let numbers: Vec<f64> = inputs[0].1.to_f64().to_vec();
        inputs[0].1 = tensor(dtype, &[count, 3, 2], &numbers);
        inputs[1].1 = floats(&mut random, &[3]);
        for reduction in [Reduction::None, Reduction::Sum] {
            let request = Request { reduction, gradients: &["p", "q"], ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees(&format!("{count} of {dtype}, {reduction}"), &loss, &batch);
        }
    }
}

#[test]
fn tensors_in_one_buffer_and_gradients_in_place() {
    let mut random = Random(91);
    for count in [3, 1500] {
        for (_, loss, inputs) in all(count, &mut random) {
            let gradients: &[&str] = if inputs[0].0 == "p" { &["p", "q"] } else { rows::ALL };
            let request = Request { reduction: Reduction::None, gradients, ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_same_bits(&gpu(), &loss, &batch, false);
            let in_place = assert_same_bits(&gpu(), &loss, &batch, true);
            assert!(in_place.contains(&true), "{in_place:?}");
        }
    }
}

#[test]
fn losses_and_gradients_are_added_up() {
    let mut random = Random(92);
    for reduction in [Reduction::Mean, Reduction::None] {
        for (name, loss, inputs) in all(40, &mut random) {
            assert_adds(name, &loss, &inputs, reduction);
        }
    }
}

#[test]
fn items_are_counted() {
    let mut random = Random(93);
    let [(_, items, of_items), (_, long, _), (_, rows, of_rows)] = all(counted::MOST, &mut random);
    for (name, loss) in [("items", items), ("long", long)] {
        assert_counts(name, &loss, (kinds_of_items, &of_items), &[("p", true), ("q", true)]);
    }
    let gradients = [("a", true), ("b", true), ("factor", true)];
    assert_counts("rows", &rows, (rows::kinds_of_everything, &of_rows), &gradients);
}

#[test]
fn sinks_and_pieces_get_the_same_bits() {
    let mut random = Random(94);
    let pieces = Evaluator::Gpu(gpu().with_memory(8 << 20));
    for (_, loss, inputs) in all(70_000, &mut random) {
        let gradients: &[&str] = if inputs[0].0 == "p" { &["p", "q"] } else { rows::ALL };
        for reduction in [Reduction::Mean, Reduction::None] {
            let request = Request { reduction, gradients, ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            for backend in [&Evaluator::Cpu, &pieces] {
                streams::assert_same(backend, &loss, &batch);
            }
        }
    }
}

#[test]
fn what_was_there_is_overwritten() {
    let mut random = Random(95);
    for reduction in [Reduction::Mean, Reduction::None] {
        let [others, own] = [all(50, &mut random), all(50, &mut random)];
        for ((_, _, others), (_, loss, inputs)) in others.iter().zip(&own) {
            reuse::check(loss, others, inputs, reduction);
        }
    }
}
