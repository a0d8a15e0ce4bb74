//! Integers and booleans among the members of `Item` and `Row`: all 32 bits arrive.

use super::rows_of;
use crate::common::{assert_agrees, assert_close, backends, bits, gpu, limited};
use wgloss::{
    Batch, Custom, DType, Evaluator, Loss, Plan, Reduction, Request, SourceOptions, Tensor,
    reference,
};

/// Counts what has arrived: at each item its `mark` and `code`, which follow from the row's seed and the class, each
/// with a weight `x`; and at the target both, and the row's `key`, with the weight there.
const TEXT: &str = "
struct Item { mark: u32, x: f32, code: i32, index: i32 }
struct Row { seed: u32, target: u32, key: i32 }
struct Parameters { mark_shift: u32, code_shift: u32 }

fn mark_of(seed: u32, class_: u32) -> u32 {
    return (seed + class_ * 2654435761u) >> (class_ % 29u);
}

fn code_of(seed: u32, class_: u32) -> i32 { return i32(mark_of(seed + 7u, class_)) * -3 + 1; }

fn sums(item: Item, row: Row, c: Parameters) -> vec2<f32> {
    let class_ = u32(item.index);
    let is_mark = item.mark == mark_of(row.seed, class_) >> c.mark_shift;
    let is_code = item.code == code_of(row.seed, class_) >> c.code_shift;
    return vec2(select(0.0, item.x, is_mark), select(0.0, item.x, is_code));
}

fn value(picked: Item, row: Row, sums: vec2<f32>, c: Parameters) -> f32 {
    var found = select(0.0, 1.0, picked.mark == mark_of(row.seed, row.target) >> c.mark_shift);
    found += select(0.0, 2.0, picked.code == code_of(row.seed, row.target) >> c.code_shift);
    found += select(0.0, 4.0, row.key == i32(row.seed) * 5);
    found += select(0.0, 8.0, picked.index == i32(row.target));
    return sums.x + 2.0 * sums.y + found * picked.x;
}";

/// Seeds of which float32 changes most, or which are no numbers there.
const SEEDS: [u32; 8] =
    [u32::MAX, (1 << 24) + 1, 1 << 31, 1, 0x7f80_0001, 0x00ff_fffe, 0xffc0_0001, 0x1234_5679];

fn mark_of(seed: u32, class: u32) -> u32 {
    seed.wrapping_add(class.wrapping_mul(2_654_435_761)) >> (class % 29)
}

fn code_of(seed: u32, class: u32) -> i32 {
    mark_of(seed.wrapping_add(7), class).cast_signed().wrapping_mul(-3).wrapping_add(1)
}

/// Integers as a tensor of any integer type that holds them.
fn integers(dtype: DType, shape: &[usize], numbers: &[i64]) -> Tensor<'static> {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()[..dtype.size()].to_vec());
    Tensor::from_bytes(dtype, shape, bytes.collect::<Vec<u8>>()).expect("as many as the shape has")
}

type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// The types of marks and codes, and how many bits they leave out at the low end.
type Types = [(DType, u32); 2];

/// Inputs of which all that is counted is there, and the losses and slopes.
fn inputs(shape: &[usize], [mark, code]: Types) -> (Inputs, Vec<f64>, Vec<f64>) {
    let (classes, rows) = rows_of(shape);
    let count: usize = rows.iter().product();
    let inner: usize = shape.iter().skip(2).product();
    let seeds: Vec<u32> = (0..count).map(|row| SEEDS[row % SEEDS.len()]).collect();
    let target = |row: usize| (row * 13 + 5) % classes;
    let weight = |row: usize, class: usize| ((row + class) % 3 + 1) as f32;
    let (mut marks, mut codes, mut x, mut slopes) = (vec![], vec![], vec![], vec![]);
    for place in 0..classes * count {
        let (class, row) =
            (place / inner % classes, place / (inner * classes) * inner + place % inner);
        let own = u32::try_from(class).expect("few classes");
        marks.push(i64::from(mark_of(seeds[row], own) >> mark.1));
        codes.push(i64::from(code_of(seeds[row], own) >> code.1));
        x.push(weight(row, class));
        slopes.push(if class == target(row) { 18.0 } else { 3.0 });
    }
    let all = |row: usize| (0..classes).map(|class| f64::from(weight(row, class))).sum::<f64>();
    let losses =
        (0..count).map(|row| 3.0 * all(row) + 15.0 * f64::from(weight(row, target(row)))).collect();
    let keys: Vec<i64> =
        seeds.iter().map(|seed| seed.cast_signed().wrapping_mul(5).into()).collect();
    let seeds: Vec<i64> = seeds.into_iter().map(i64::from).collect();
    let targets: Vec<i64> = (0..count).map(|row| target(row) as i64).collect();
    let bytes: Vec<u8> = bytemuck::cast_slice(&x).to_vec();
    let inputs = vec![
        ("mark", integers(mark.0, shape, &marks)),
        ("x", Tensor::from_bytes(DType::F32, shape, bytes).expect("as many as the shape has")),
        ("code", integers(code.0, shape, &codes)),
        ("seed", integers(if inner == 1 { DType::U32 } else { DType::I64 }, &rows, &seeds)),
        ("target", integers(DType::I32, &rows, &targets)),
        ("key", integers(if inner == 1 { DType::I64 } else { DType::I32 }, &rows, &keys)),
    ];
    (inputs, losses, slopes)
}

fn loss([mark, code]: Types) -> Custom {
    let mut loss = Custom::new(TEXT).unwrap_or_else(|e| panic!("{e}"));
    loss.set("mark_shift", mark.1.into()).expect("a parameter");
    loss.set("code_shift", code.1.into()).expect("a parameter");
    loss
}

const WIDE: Types = [(DType::U32, 0), (DType::I32, 0)];

#[test]
fn every_bit_arrives() {
    let types = [
        WIDE,
        [(DType::U64, 0), (DType::I64, 0)],
        [(DType::I64, 0), (DType::I16, 16)],
        [(DType::U16, 16), (DType::I8, 24)],
        [(DType::U8, 24), (DType::I32, 0)],
    ];
    let shapes: [&[usize]; 10] = [
        &[1],
        &[9, 1],
        &[10, 3],
        &[11, 4],
        &[17, 10],
        &[9, 1000],
        &[2, 50_000],
        &[2, 50_001],
        &[3, 7, 5],
        &[2, 8, 40],
    ];
    for (i, shape) in shapes.into_iter().enumerate() {
        for (k, types) in types.into_iter().enumerate().filter(|(k, _)| (i + k) % 2 == 0) {
            let (inputs, losses, slopes) = inputs(shape, types);
            let request =
                Request { reduction: Reduction::None, gradients: &["x"], ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let (loss, what) = (loss(types), format!("{shape:?}, types {k}"));
            let own = reference::evaluate(&loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(own.value == losses, "{what}: the reference's losses");
            assert!(own.gradients[0].1 == slopes, "{what}: the reference's slopes");
            for (name, backend) in backends() {
                let got = backend.evaluate_blocking(&loss, &batch);
                let got = got.unwrap_or_else(|e| panic!("{what} on {name}: {e}"));
                let value = got.value.expect("losses").to_f64();
                let bad = value.iter().zip(&losses).position(|(got, want)| got != want);
                assert_eq!(bad, None, "{what} on {name}: {value:?}, {losses:?}");
                let got = got.gradients[0].1.to_f64();
                let bad = got.iter().zip(&slopes).position(|(got, want)| got != want);
                assert_eq!(bad, None, "{what} on {name}: slopes");
            }
        }
    }
}

/// Devices that bind few buffers and small parts of tensors give the same bits.
#[test]
fn small_devices() {
    let whole = Evaluator::Gpu(gpu());
    for shape in [&[3000, 9][..], &[3, 41, 70]] {
        let types = [(DType::U8, 24), (DType::I64, 0)];
        let (inputs, ..) = inputs(shape, types);
        let request = Request::with_gradients(&["x"]);
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let evaluated = |evaluator: &Evaluator| {
            bits(
                &evaluator
                    .evaluate_blocking(&loss(types), &batch)
                    .unwrap_or_else(|e| panic!("{e}")),
            )
        };
        let want = evaluated(&whole);
        for (binding, groups, buffers) in [(1 << 27, 65_535, 4), (1 << 15, 40, 8)] {
            let small = limited(binding, groups, buffers);
            assert!(evaluated(&small) == want, "{shape:?}, {binding}, {groups}, {buffers}");
        }
    }
}

/// Whatever is not 0 is true.
#[test]
fn flags_of_every_type() {
    let text = "
        struct Item { x: f32, on: bool }
        struct Row { target: i32, up: bool }
        fn sums(item: Item) -> f32 { return select(0.0, item.x * item.x, item.on); }
        fn value(picked: Item, row: Row, sums: f32) -> f32 {
            return select(-sums, sums, row.up) + select(0.0, 8.0 * picked.x, picked.on);
        }";
    let loss = Custom::new(text).unwrap_or_else(|e| panic!("{e}"));
    for (dtype, on) in [
        (DType::U8, 128),
        (DType::I8, -1),
        (DType::U16, 1 << 15),
        (DType::I16, 256),
        (DType::I32, i32::MIN.into()),
        (DType::U32, 1 << 24),
        (DType::I64, 1 << 32),
        (DType::U64, i64::MIN),
    ] {
        for classes in [3, 4] {
            let flags: Vec<i64> =
                (0..5 * classes).map(|i| if i % 3 == 1 { on } else { 0 }).collect();
            let x: Vec<f32> = (0..5 * classes).map(|i| i as f32 - 4.0).collect();
            let inputs = [
                ("x", Tensor::from_slice(&x, [5, classes]).expect("a shape")),
                ("on", integers(dtype, &[5, classes], &flags)),
                ("target", integers(DType::U8, &[5], &[0, 1, 2, 1, 0])),
                ("up", integers(dtype, &[5], &[0, on, on, 0, on])),
            ];
            let request = Request { gradients: &["x"], ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees(&format!("{dtype}, {classes}"), &loss, &batch);
            let is_on = |i: usize| i % 3 == 1;
            let row = |row: usize| {
                let sum: f32 = (0..classes)
                    .map(|class| row * classes + class)
                    .filter(|&i| is_on(i))
                    .map(|i| x[i] * x[i])
                    .sum();
                let picked = row * classes + [0, 1, 2, 1, 0][row];
                let sign = if [1, 2, 4].contains(&row) { 1.0 } else { -1.0 };
                f64::from(sign * sum + if is_on(picked) { 8.0 * x[picked] } else { 0.0 })
            };
            let want = (0..5).map(row).sum::<f64>() / 5.0;
            let got = Evaluator::Cpu.evaluate_blocking(&loss, &batch).expect("a mean");
            assert_close("the mean", &[got.scalar().expect("a mean")], &[want], 1.0);
        }
    }
}

/// Integers that have no place in 32 bits are refused, and so are floats.
#[test]
fn what_is_refused() {
    let loss = loss(WIDE);
    let (good, ..) = inputs(&[2, 3], WIDE);
    let wide = |number: i64| integers(DType::I64, &[2, 3], &[0, 0, 0, 0, number, 0]);
    let rows = |number: i64| integers(DType::I64, &[2], &[0, number]);
    let too_large = integers(DType::U64, &[2], &[0, -1]);
    for (name, tensor, reason) in [
        ("mark", wide(-1), "mark[1, 1]: -1 is not valid, expected a number that u32 holds"),
        (
            "mark",
            wide(1 << 32),
            "mark[1, 1]: 4294967296 is not valid, expected a number that u32 holds",
        ),
        (
            "code",
            wide(1 << 31),
            "code[1, 1]: 2147483648 is not valid, expected a number that i32 holds",
        ),
        (
            "key",
            rows(-(1 << 31) - 1),
            "key[1]: -2147483649 is not valid, expected a number that i32 holds",
        ),
        (
            "seed",
            too_large,
            "seed[1]: 18446744073709551615 is not valid, expected a number that u32 holds",
        ),
        (
            "code",
            Tensor::from_slice(&[0.0f32; 6], [2, 3]).expect("a shape"),
            "code: element type float32 does not fit, expected an integer type",
        ),
        (
            "key",
            Tensor::from_slice(&[0.0f32; 2], [2]).expect("a shape"),
            "key: element type float32 does not fit, expected an integer type",
        ),
    ] {
        let mut inputs = good.clone();
        inputs.iter_mut().filter(|(own, _)| *own == name).for_each(|own| own.1 = tensor.clone());
        for (backend_name, backend) in backends() {
            let batch = Batch { inputs: &inputs, ..Batch::default() };
            let error = backend.evaluate_blocking(&loss, &batch).expect_err("it is refused");
            assert!(error.to_string().contains(reason), "{backend_name}: {error}");
        }
    }
}

/// Kernels of losses without integers have no words.
#[test]
fn only_integers_have_words() {
    let text = |kind: &str| {
        format!(
            "struct Item {{ x: f32, other: {kind} }}
            fn sums(item: Item) -> f32 {{ return item.x * f32(item.other); }}
            fn value(sums: f32) -> f32 {{ return sums; }}"
        )
    };
    for (kind, has_words) in [("f32", false), ("i32", true), ("u32", true)] {
        let loss = Custom::new(&text(kind)).unwrap_or_else(|e| panic!("{e}"));
        let request = Request::with_gradients(&["x"]);
        let sources = Plan::sources(&loss, &loss.example(), &request, SourceOptions::default());
        let sources = sources.unwrap_or_else(|e| panic!("{e}"));
        assert!(sources.iter().any(|source| source.text.contains("words: Words")) == has_words);
    }
}
