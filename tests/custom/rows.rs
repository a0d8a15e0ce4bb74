//! Custom losses over rows: functions of items and of what is gathered from them.

mod integers;
mod members;
mod names;
mod numbers;
mod refused;
mod rounds;
mod running;
mod sections;
mod shared;

use super::case::leave;
use crate::common::{Random, assert_agrees, assert_close, backends, bits, gpu, limited, tensor};
use wgloss::losses::{CrossEntropy, MultiMargin, SoftmaxFocal};
use wgloss::{
    Batch, Custom, DType, Evaluator, GradientType, Loss, Part, Reduction, Request, Tensor,
    TensorKind, Totals, reference,
};

const F32: DType = DType::F32;

/// Cross entropy of class indices.
const CROSS_ENTROPY: &str = "
struct Item { input: f32 }
struct Row { target: i32 }
struct Parameters { ignore_index: i32 }

fn shifts(item: Item) -> f32 { return item.input; }

fn sums(item: Item, shifts: f32) -> f32 { return exp(item.input - shifts); }

fn value(picked: Item, shifts: f32, sums: f32) -> f32 {
    return log(sums) + (shifts - picked.input);
}";

/// Everything at once: shifts and peaks, the item at the target in all functions, second sums, a helper, structs,
/// arrays, numbers of the row of all kinds, a table.
const EVERYTHING: &str = "
struct Item { a: f32, b: f32, kept: bool, index: i32 }
struct Row { target: u32, factor: f32, power: i32, mirrored: bool, classes: i32 }
struct Parameters { scale: f32, bends: array<f32, 3> }
struct Sums { exponentials: f32, products: vec2<f32> }

fn bent(x: f32, i: i32, c: Parameters) -> f32 { return x + c.bends[i % 3] * x * x; }

fn shifts(item: Item, c: Parameters) -> f32 { return c.scale * item.a; }

fn peaks(item: Item, row: Row) -> vec2<f32> {
    return vec2(select(-item.b, item.b, row.mirrored) + 0.25 * row.factor, row.factor * item.a * item.b);
}

fn sums(item: Item, picked: Item, row: Row, shifts: f32, peaks: vec2<f32>, c: Parameters) -> Sums {
    if (!item.kept) { return Sums(); }
    let e = exp(c.scale * item.a - shifts);
    return Sums(e, vec2(bent(item.a, item.index, c) * peaks.x * row.factor, item.b * picked.b));
}

fn second_sums(item: Item, picked: Item, row: Row, sums: Sums, peaks: vec2<f32>) -> array<f32, 1> {
    let mean = sums.products.y / f32(row.classes);
    let d = item.b - mean + 0.1 * picked.a;
    return array(d * d * peaks.y * row.factor + f32(row.power) * item.a);
}

fn value(picked: Item, row: Row, shifts: f32, peaks: vec2<f32>, sums: Sums, second_sums: array<f32, 1>) -> f32 {
    let logarithm = shifts + log(sums.exponentials);
    let rest = picked.a * picked.b + peaks.x * sums.products.x + tanh(second_sums[0]);
    return row.factor * (logarithm + rest) + f32(row.target);
}";

pub(super) const ALL: &[&str] = &["a", "b", "factor"];

pub(super) fn everything() -> Custom {
    let mut loss = Custom::new(EVERYTHING).unwrap_or_else(|e| panic!("{e}"));
    loss.set("scale", 1.5).expect("a parameter");
    loss.set_table("bends", &[0.1, -0.2, 0.3]).expect("a table");
    loss
}

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// The classes and the shape of the rows.
fn rows_of(shape: &[usize]) -> (usize, Vec<usize>) {
    match *shape {
        [classes] => (classes, vec![]),
        _ => (shape[1], [&shape[..1], &shape[2..]].concat()),
    }
}

fn numbers(count: usize, from: f64, to: f64, random: &mut Random) -> Vec<f64> {
    // float16 and bfloat16 hold them too.
    (0..count).map(|_| ((from + (to - from) * random.unit()) * 32.0).floor() / 32.0).collect()
}

fn indices(count: usize, classes: usize, random: &mut Random) -> Vec<f64> {
    (0..count).map(|_| (random.unit() * classes as f64).floor()).collect()
}

/// Logits and class indices.
fn logits(shape: &[usize], random: &mut Random) -> Inputs {
    let (classes, rows) = rows_of(shape);
    let count = rows.iter().product();
    let input = numbers(classes * count, -4.0, 4.0, random);
    let target = indices(count, classes, random);
    vec![("input", tensor(F32, shape, &input)), ("target", tensor(DType::I64, &rows, &target))]
}

pub(super) fn everything_of(dtype: DType, shape: &[usize], random: &mut Random) -> Inputs {
    let (classes, rows) = rows_of(shape);
    let count: usize = rows.iter().product();
    let mut over =
        |dtype, from, to| tensor(dtype, shape, &numbers(classes * count, from, to, random));
    let (a, b) = (over(dtype, -2.0, 2.0), over(dtype, -1.0, 1.0));
    let flags: Vec<f64> = (0..classes * count).map(|i| f64::from(u8::from(i % 5 != 3))).collect();
    let kept = tensor(DType::U8, shape, &flags);
    let target = tensor(DType::I32, &rows, &indices(count, classes, random));
    let factor = tensor(dtype, &rows, &numbers(count, 0.5, 2.0, random));
    let power = tensor(DType::I64, &rows, &indices(count, 4, random));
    let mirrored = tensor(DType::U8, &rows, &indices(count, 2, random));
    vec![
        ("a", a),
        ("b", b),
        ("kept", kept),
        ("target", target),
        ("factor", factor),
        ("power", power),
        ("mirrored", mirrored),
    ]
}

/// The types of the inputs of everything, of so many rows of 7 classes.
pub(super) fn kinds_of_everything(count: usize) -> Vec<(&'static str, TensorKind)> {
    let inputs = everything_of(F32, &[count, 7], &mut Random(0));
    inputs.iter().map(|(name, own)| (*name, own.kind())).collect()
}

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

/// The references of two losses are the same.
fn assert_same(what: &str, own: &dyn Loss, other: &dyn Loss, batch: &Batch<'_>) {
    let of = |loss| reference::evaluate(loss, batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (own, other) = (of(own), of(other));
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-11 || (a.is_nan() && b.is_nan());
    assert!(own.value.iter().zip(&other.value).all(near), "{what}: value");
    for ((name, own), (_, other)) in own.gradients.iter().zip(&other.gradients) {
        assert!(own.iter().zip(other).all(near), "{what}: gradient of {name}");
    }
}

#[test]
fn cross_entropy_is_the_built_in_one() {
    let mut random = Random(71);
    let mut own = Custom::new(CROSS_ENTROPY).unwrap_or_else(|e| panic!("{e}"));
    own.set("ignore_index", 1.0).expect("a parameter");
    let other = CrossEntropy { ignore_index: 1, ..CrossEntropy::default() };
    for shape in
        [&[5][..], &[3, 1], &[70, 10], &[3, 8, 2, 2], &[3, 1000], &[1, 50_000], &[9, 7, 33]]
    {
        let inputs = logits(shape, &mut random);
        for reduction in REDUCTIONS {
            let request = Request { reduction, gradients: &["input"], ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let what = format!("{shape:?}, {reduction}");
            assert_agrees(&what, &own, &batch);
            assert_same(&what, &own, &other, &batch);
        }
    }
}

#[test]
fn losses_that_are_built_in() {
    let read = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/losses_over_rows/");
        let text = std::fs::read_to_string([folder, name].concat()).expect("an example");
        Custom::new(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let mut random = Random(72);
    let mut focal = read("focal_softmax.wgsl");
    focal.set("gamma", 2.0).expect("a parameter");
    let mut margin = read("multi_margin.wgsl");
    margin.set("margin", 1.0).expect("a parameter");
    let inputs = logits(&[30, 12], &mut random);
    let request = Request { gradients: &["input"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    assert_same("focal", &focal, &SoftmaxFocal::default(), &batch);
    assert_same("margin", &margin, &MultiMargin::default(), &batch);
    assert!(focal.derived().contains("fn gradient("));
}

/// Both backends agree with the reference on rows of these shapes, in all types, reductions and for some gradients.
fn assert_agrees_in_shapes(
    loss: &Custom,
    inputs_of: impl Fn(DType, &[usize], &mut Random) -> Inputs,
    shapes: &[&[usize]],
    gradients: [&[&str]; 4],
    random: &mut Random,
) {
    for (i, shape) in shapes.iter().enumerate() {
        let dtype = [F32, DType::F16, F32, DType::BF16, DType::F64][i % 5];
        let inputs = inputs_of(dtype, shape, random);
        let (_, rows) = rows_of(shape);
        for (k, gradients) in gradients.into_iter().enumerate() {
            let reduction = REDUCTIONS[(i + k) % 3];
            let terms = if reduction == Reduction::None { &rows[..] } else { &[] };
            let upstream = numbers(terms.iter().product(), -1.0, 1.0, random);
            let batch = Batch {
                inputs: &inputs,
                request: Request {
                    reduction,
                    gradients,
                    gradient_type: GradientType::Float32,
                    ..Request::default()
                },
                upstream: (!gradients.is_empty()).then(|| tensor(F32, terms, &upstream)),
                ..Batch::default()
            };
            assert_agrees(&format!("{shape:?}, {dtype}, {gradients:?}"), loss, &batch);
        }
    }
}

#[test]
fn everything_at_once() {
    let shapes = [&[6][..], &[17, 5], &[2, 8, 3], &[3, 300], &[4, 256]];
    let gradients = [ALL, &[], &["b"], &["factor"]];
    let (loss, mut random) = (everything(), Random(73));
    assert_agrees_in_shapes(&loss, everything_of, &shapes, gradients, &mut random);
}

/// The derivatives are those of the values, by differences in float64: of some numbers, away from kinks. How many
/// were compared.
fn assert_differences(what: &str, loss: &dyn Loss, inputs: &Inputs, gradients: &[&str]) -> usize {
    let evaluated = |inputs: &Inputs| {
        let request = Request { reduction: Reduction::Sum, gradients, ..Request::default() };
        let batch = Batch { inputs, request, ..Batch::default() };
        reference::evaluate(loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"))
    };
    let answer = evaluated(inputs);
    let mut compared = 0;
    for (name, slopes) in &answer.gradients {
        let place = inputs.iter().position(|(own, _)| own == name).expect("an input");
        for (i, slope) in slopes.iter().enumerate() {
            let at = |offset: f64| {
                let mut moved = inputs.clone();
                let own = &mut moved[place].1;
                let mut all: Vec<f64> = own.to_f32().iter().map(|&x| x.into()).collect();
                all[i] += offset;
                *own = tensor(DType::F64, own.shape(), &all);
                evaluated(&moved).value[0]
            };
            // Inputs are float32, which has these.
            let by = |h: f64| (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let (want, other) = (by(1.0 / 1024.0), by(1.0 / 2048.0));
            let size = 1.0 + want.abs();
            if (want - other).abs() < 1e-7 * size {
                compared += 1;
                assert!((slope - want).abs() < 1e-6 * size, "{what}: {name}[{i}]: {slope}, {want}");
            }
        }
    }
    compared
}

#[test]
fn differences() {
    let (loss, mut random) = (everything(), Random(74));
    let inputs = everything_of(DType::F64, &[3, 5], &mut random);
    assert!(assert_differences("everything", &loss, &inputs, ALL) > 15);
}

/// An expression of these.
fn expression(of: &[&str], depth: usize, random: &mut Random) -> String {
    let mut below = |count: usize| (random.unit() * count as f64) as usize;
    if depth == 0 {
        return of[below(of.len())].into();
    }
    let kind = below(7);
    let a = expression(of, depth - 1, random);
    let b = expression(of, depth - 1, random);
    match kind {
        0 => format!("({a} + {b})"),
        1 => format!("({a} - 0.5 * {b})"),
        2 => format!("({a} * {b})"),
        3 => format!("tanh({a})"),
        4 => format!("sigmoid({a} - {b})"),
        5 => format!("max({a}, {b})"),
        _ => format!("exp(0.25 * tanh({a})) * {b}"),
    }
}

/// Random losses over rows: both backends agree with the reference, and that with differences.
#[test]
fn random_losses() {
    let mut random = Random(77);
    let mut compared = 0;
    for round in 0..16 {
        let (peaks, running) = (round % 2 == 0, round % 5 > 2);
        let second = running || round % 3 == 0;
        let mut known = vec!["row.factor", "picked.a", "picked.b", "0.75"];
        let item = ["item.a", "item.b", "item.a", "row.factor"];
        let mut text = String::from(
            "struct Item { a: f32, b: f32 }\nstruct Row { factor: f32, target: i32 }\n",
        );
        let mut taken = String::from("row: Row, picked: Item");
        if peaks {
            let [x, y] = [0, 1].map(|_| expression(&item, 1, &mut random));
            text += &format!(
                "fn peaks(item: Item, row: Row) -> vec2<f32> {{ return vec2({x}, {y}); }}\n"
            );
            taken += ", peaks: vec2<f32>";
            known.extend(["peaks.x", "peaks.y"]);
        }
        for (name, own) in [("sums", true), ("running_sums", running), ("second_sums", second)] {
            if own {
                let of = [&item[..], &known].concat();
                let x = expression(&of, 2, &mut random);
                text +=
                    &format!("fn {name}(item: Item, {taken}) -> f32 {{ return 0.25 * {x}; }}\n");
                taken += &format!(", {name}: f32");
                known.push(name);
            }
        }
        // These are items'.
        taken = taken.replace(", running_sums: f32", "");
        known.retain(|own| *own != "running_sums");
        let last = known[known.len() - 1];
        let x = expression(&known, 3, &mut random);
        text += &format!("fn value({taken}) -> f32 {{ return {x} + tanh({last}) + sums; }}\n");
        let loss = match Custom::new(&text) {
            Ok(loss) => loss,
            Err(error)
                if ["come to", "does not change"]
                    .iter()
                    .any(|own| error.to_string().contains(own)) =>
            {
                continue;
            }
            Err(error) => panic!("{error}\n{text}"),
        };
        let mut inputs = everything_of(DType::F64, &[3, 4], &mut random);
        inputs.retain(|(name, _)| loss.definition().input(name).is_ok());
        let inputs_of = loss.definition().inputs.iter();
        let gradients: Vec<&str> =
            inputs_of.filter(|input| input.differentiable).map(|input| input.name).collect();
        let request = Request { gradients: &gradients, ..Request::default() };
        leave(&format!("random rows {round}"), &loss, &inputs, &gradients);
        assert_agrees(&text, &loss, &Batch { inputs: &inputs, request, ..Batch::default() });
        compared += assert_differences(&text, &loss, &inputs, &gradients);
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn ties_infinities_and_nan() {
    let source = "
        struct Item { input: f32 }
        fn peaks(item: Item) -> f32 { return item.input; }
        fn value(peaks: f32) -> f32 { return 3.0 * peaks; }";
    let highest = Custom::new(source).unwrap_or_else(|e| panic!("{e}"));
    const INFINITY: f64 = f64::INFINITY;
    let third = 1.0;
    for (row, value, slopes) in [
        ([1.0, 2.0, 2.0, 2.0], 6.0, [0.0, third, third, third]),
        ([-INFINITY, 2.0, 1.0, -INFINITY], 6.0, [0.0, 3.0, 0.0, 0.0]),
        ([-INFINITY; 4], -INFINITY, [0.75; 4]),
        ([1.0, INFINITY, 2.0, 0.0], INFINITY, [0.0, 3.0, 0.0, 0.0]),
        ([1.0, f64::NAN, 2.0, 0.0], f64::NAN, [0.0; 4]),
    ] {
        let inputs = [("input", tensor(F32, &[1, 4], &row))];
        let request = Request { gradients: &["input"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let want = reference::evaluate(&highest, &batch).expect("a valid batch");
        for (name, backend) in backends() {
            let what = format!("{row:?} on {name}");
            let got = backend.evaluate_blocking(&highest, &batch).unwrap_or_else(|e| panic!("{e}"));
            let got_value = f64::from(got.scalar().expect("a value"));
            let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            assert!(same(got_value, value) && same(want.value[0], value), "{what}: {got_value}");
            if !value.is_nan() {
                assert_close(&what, &got.gradients[0].1.to_f32(), &slopes, 1.0);
                assert_eq!(want.gradients[0].1[..], slopes, "{what}");
            }
        }
    }
    // A maximum is another one for the slopes than for the sums.
    let source = "
        struct Item { input: f32 }
        fn peaks(item: Item) -> f32 { return item.input; }
        fn sums(item: Item, peaks: f32) -> f32 { return exp(item.input - peaks); }
        fn value(sums: f32) -> f32 { return sums; }";
    let shares = Custom::new(source).unwrap_or_else(|e| panic!("{e}"));
    for row in [[1.0, -INFINITY, 2.0, 2.0], [-INFINITY; 4]] {
        let inputs = [("input", tensor(F32, &[1, 4], &row))];
        let request = Request { gradients: &["input"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{row:?}"), &shares, &batch);
    }
    // Classes that do not exist.
    let mut own = Custom::new(CROSS_ENTROPY).unwrap_or_else(|e| panic!("{e}"));
    own.set("ignore_index", -100.0).expect("a parameter");
    let row = [1.0, -INFINITY, 2.0, -INFINITY, f64::NAN, 0.0];
    for row in [&row[..4], &row] {
        let inputs = [
            ("input", tensor(F32, &[1, row.len()], row)),
            ("target", tensor(DType::I64, &[1], &[2.0])),
        ];
        let request = Request { gradients: &["input"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&format!("{row:?}"), &own, &batch);
        assert_same(&format!("{row:?}"), &own, &CrossEntropy::default(), &batch);
    }
}

#[test]
fn totals_of_parts() {
    let (loss, mut random) = (everything(), Random(75));
    let inputs = everything_of(F32, &[9000, 3], &mut random);
    for (name, backend) in backends() {
        let totals = |from: usize, to: usize| -> Totals {
            let part = |(name, tensor): &(&'static str, Tensor<'static>)| {
                let row = tensor.bytes().len() / 9000;
                let bytes = tensor.bytes()[from * row..to * row].to_vec();
                let shape = [&[to - from], &tensor.shape()[1..]].concat();
                (*name, Tensor::from_bytes(tensor.dtype(), shape, bytes).expect("the shape"))
            };
            let own: Inputs = inputs.iter().map(part).collect();
            let part = Part { first: from as u64, of: Some(9000) };
            let request = Request { totals: true, ..Request::default() };
            let batch = Batch { inputs: &own, request, part: Some(part), ..Batch::default() };
            let answer = backend.evaluate_blocking(&loss, &batch);
            answer.unwrap_or_else(|e| panic!("{name}: {e}")).totals.expect("totals")
        };
        let mut parts = totals(0, 4095);
        parts.merge(&totals(4095, 9000)).expect("parts that fit");
        assert_eq!(parts.value(), totals(0, 9000).value(), "{name}");
    }
}

/// Devices that bind few buffers, small parts of tensors and few workgroups give the same bits, and so do pieces.
#[test]
fn small_devices() {
    let (loss, mut random) = (everything(), Random(76));
    let whole = Evaluator::Gpu(gpu());
    for shape in [&[700, 9][..], &[3, 41, 70]] {
        let inputs = everything_of(F32, shape, &mut random);
        for (reduction, gradients) in [(Reduction::Mean, ALL), (Reduction::None, &["a"])] {
            let request = Request { reduction, gradients, ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let evaluated = |evaluator: &Evaluator| {
                let answer = evaluator.evaluate_blocking(&loss, &batch);
                bits(&answer.unwrap_or_else(|e| panic!("{shape:?}: {e}")))
            };
            let want = evaluated(&whole);
            for (binding, groups, buffers) in [(1 << 27, 65_535, 4), (1 << 15, 40, 8)] {
                let small = limited(binding, groups, buffers);
                assert!(evaluated(&small) == want, "{shape:?}, {binding}, {groups}, {buffers}");
            }
        }
    }
}
