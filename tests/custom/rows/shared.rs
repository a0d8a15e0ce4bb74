//! Members of `Item` that are the same for all rows, `[C]`.

use super::{Inputs, indices, numbers, rows_of};
use crate::common::{
    Random, assert_agrees, assert_agrees_on, backends, bits, gpu, limited, tensor,
};
use wgloss::{
    Batch, CrossEntropy, Custom, DType, Error, Evaluator, Part, Reduction, Request, Tensor, Totals,
    batch_axes, loss_shape,
};

const F32: DType = DType::F32;

/// Of which `prior` and `kind` may be the same for all rows.
const TEXT: &str = "
struct Item { prior: f32, input: f32, kind: i32, index: i32 }
struct Row { target: i32, factor: f32, classes: i32 }

fn shifts(item: Item) -> f32 { return item.input + log(item.prior); }

fn peaks(item: Item) -> f32 { return item.input * item.prior; }

fn sums(item: Item, picked: Item, shifts: f32) -> vec2<f32> {
    let e = exp(item.input + log(item.prior) - shifts);
    let is_alike = item.kind == picked.kind;
    return vec2(e, select(0.0, item.prior * item.input, is_alike));
}

fn second_sums(item: Item, picked: Item, sums: vec2<f32>) -> f32 {
    let d = item.input * picked.prior - sums.y;
    return item.prior * d * d;
}

fn value(picked: Item, row: Row, shifts: f32, peaks: f32, sums: vec2<f32>, second_sums: f32) -> f32 {
    let cross_entropy = log(sums.x) + (shifts - picked.input - log(picked.prior));
    let deviation = sqrt(1.0 + second_sums / f32(row.classes));
    return row.factor * cross_entropy + 0.1 * peaks + 0.01 * deviation + f32(picked.kind & 1);
}";

fn loss() -> Custom {
    Custom::new(TEXT).unwrap_or_else(|e| panic!("{e}"))
}

/// The inputs, of which the first and the third have a number for each class of all rows.
fn inputs(dtype: DType, shape: &[usize], random: &mut Random) -> Inputs {
    let (classes, rows) = rows_of(shape);
    let count: usize = rows.iter().product();
    let kinds: Vec<f64> = (0..classes).map(|class| (class * 16_777_217 % 9) as f64).collect();
    let wide = kinds.iter().map(|kind| 16_777_213.0 + kind).collect::<Vec<_>>();
    vec![
        ("prior", tensor(dtype, &[classes], &numbers(classes, 0.25, 2.0, random))),
        ("input", tensor(dtype, shape, &numbers(classes * count, -2.0, 2.0, random))),
        ("kind", tensor(DType::I64, &[classes], &wide)),
        ("target", tensor(DType::I32, &rows, &indices(count, classes, random))),
        ("factor", tensor(F32, &rows, &numbers(count, 0.5, 2.0, random))),
    ]
}

/// The same with all that rows share written out for each of them.
fn written_out(inputs: &Inputs, shape: &[usize]) -> Inputs {
    let (classes, rows) = rows_of(shape);
    let count: usize = rows.iter().product();
    let inner: usize = shape.iter().skip(2).product();
    let each = |(name, own): &(&'static str, Tensor<'static>)| {
        if own.shape() != [classes] || ["target", "factor"].contains(name) {
            return (*name, own.clone());
        }
        let size = own.dtype().size();
        let places = (0..classes * count).map(|place| place / inner % classes);
        let bytes = places.flat_map(|class| own.bytes()[class * size..][..size].to_vec());
        let bytes: Vec<u8> = bytes.collect();
        (*name, Tensor::from_bytes(own.dtype(), shape, bytes).expect("as many as the shape has"))
    };
    inputs.iter().map(each).collect()
}

const SHAPES: [&[usize]; 9] = [
    &[7, 1],
    &[1, 3],
    &[5, 3],
    &[33, 4],
    &[70, 10],
    &[5, 1000],
    &[2, 20_001],
    &[3, 8, 5],
    &[2, 6, 40],
];

#[test]
fn rows_share_numbers() {
    let (loss, mut random) = (loss(), Random(91));
    for (i, shape) in SHAPES.into_iter().enumerate() {
        let dtype = [F32, DType::F16, DType::F64, DType::BF16][i % 4];
        let shared = inputs(dtype, shape, &mut random);
        let whole = written_out(&shared, shape);
        for gradients in [&["input"][..], &[]].into_iter().skip(usize::from(i % 3 == 2)) {
            let reduction = [Reduction::None, Reduction::Mean, Reduction::Sum][i % 3];
            let request = Request { reduction, gradients, ..Request::default() };
            let [shared, whole] = [&shared, &whole].map(|inputs| Batch {
                inputs,
                request: request.clone(),
                ..Batch::default()
            });
            let what = format!("{shape:?}, {dtype}, {reduction}");
            assert_agrees(&what, &loss, &shared);
            for (name, backend) in backends() {
                let [own, want] = [&shared, &whole].map(|batch| {
                    let answer = backend.evaluate_blocking(&loss, batch);
                    bits(&answer.unwrap_or_else(|e| panic!("{what} on {name}: {e}")))
                });
                assert!(own == want, "{what} on {name}: other bits than written out");
            }
        }
    }
}

/// Where all members are `[C]` there is one row, which has gradients by all.
#[test]
fn one_row() {
    let (loss, mut random) = (loss(), Random(92));
    let inputs = inputs(F32, &[6], &mut random);
    let request = Request::with_gradients(&["prior", "input"]);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    assert_agrees("one row", &loss, &batch);
    let kinds: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let request = Request { reduction: Reduction::None, ..Request::default() };
    assert!(loss_shape(&loss, &kinds, &request).is_ok_and(|shape| shape.is_empty()));
}

#[test]
fn parts_and_pieces() {
    const ROWS: usize = 9000;
    let (loss, mut random) = (loss(), Random(93));
    let shape = [ROWS, 3];
    let whole = inputs(F32, &shape, &mut random);
    let kinds: Vec<_> = whole.iter().map(|(name, tensor)| (*name, tensor.kind())).collect();
    let axes = batch_axes(&loss, &kinds, &Request::default()).expect("inputs that fit");
    let axes: Vec<_> = axes.into_iter().map(|(_, axis)| axis).collect();
    assert_eq!(axes, [None, Some(0), None, Some(0), Some(0)]);
    for (name, backend) in backends() {
        let totals = |from: usize, to: usize| -> Totals {
            let part =
                |((name, tensor), axis): (&(&'static str, Tensor<'static>), &Option<usize>)| {
                    if axis.is_none() {
                        return (*name, tensor.clone());
                    }
                    let row = tensor.bytes().len() / ROWS;
                    let bytes = tensor.bytes()[from * row..to * row].to_vec();
                    let shape = [&[to - from], &tensor.shape()[1..]].concat();
                    (*name, Tensor::from_bytes(tensor.dtype(), shape, bytes).expect("the shape"))
                };
            let own: Inputs = whole.iter().zip(&axes).map(part).collect();
            let part = Part { first: from as u64, of: Some(ROWS as u64) };
            let request = Request { totals: true, ..Request::default() };
            let batch = Batch { inputs: &own, request, part: Some(part), ..Batch::default() };
            let answer = backend.evaluate_blocking(&loss, &batch);
            answer.unwrap_or_else(|e| panic!("{name}: {e}")).totals.expect("totals")
        };
        let mut parts = totals(0, 4095);
        parts.merge(&totals(4095, ROWS)).expect("parts that fit");
        assert_eq!(parts.value(), totals(0, ROWS).value(), "{name}");
    }
    // Pieces, and devices that bind few buffers, small parts of tensors and few workgroups.
    let gpu = Evaluator::Gpu(gpu());
    for shape in [&[ROWS, 3][..], &[700, 8], &[3, 41, 70]] {
        let whole = inputs(F32, shape, &mut random);
        for (reduction, gradients) in [(Reduction::Mean, &["input"][..]), (Reduction::None, &[])] {
            let request = Request { reduction, gradients, ..Request::default() };
            let batch = Batch { inputs: &whole, request, ..Batch::default() };
            let evaluated = |evaluator: &Evaluator| {
                let answer = evaluator.evaluate_blocking(&loss, &batch);
                bits(&answer.unwrap_or_else(|e| panic!("{shape:?}: {e}")))
            };
            let want = evaluated(&gpu);
            for (binding, groups, buffers) in [(1 << 27, 65_535, 4), (1 << 15, 40, 8)] {
                let small = limited(binding, groups, buffers);
                assert!(evaluated(&small) == want, "{shape:?}, {binding}, {groups}, {buffers}");
            }
            let Evaluator::Gpu(own) = &gpu else { unreachable!("it is a GPU") };
            let pieces = Evaluator::Gpu(own.clone().with_memory(1 << 16));
            assert!(evaluated(&pieces) == want, "{shape:?}, {reduction}: pieces");
        }
    }
    // On one backend once more, where pieces begin within blocks.
    let request = Request::with_gradients(&["input"]);
    let batch = Batch { inputs: &whole, request, ..Batch::default() };
    let Evaluator::Gpu(own) = gpu else { unreachable!("it is a GPU") };
    assert_agrees_on("pieces", &Evaluator::Gpu(own.with_memory(1 << 16)), &loss, &batch);
}

#[test]
fn what_is_refused() {
    let (loss, mut random) = (loss(), Random(94));
    let good = inputs(F32, &[4, 3], &mut random);
    let request = |gradients| Request { gradients, ..Request::default() };
    let error = |inputs: &Inputs, gradients| {
        let batch = Batch { inputs, request: request(gradients), ..Batch::default() };
        Evaluator::Cpu.evaluate_blocking(&loss, &batch).expect_err("it is refused").to_string()
    };
    assert_eq!(
        error(&good, &["input", "prior"]),
        "gradient prior: prior of [3] for all rows is not valid, expected prior of [4, 3], the shape of input"
    );
    let with = |name: &str, shape: &[usize]| {
        let mut inputs = good.clone();
        let ones = tensor(F32, shape, &vec![1.0; shape.iter().product()]);
        inputs.iter_mut().filter(|(own, _)| *own == name).for_each(|own| own.1 = ones.clone());
        inputs
    };
    for shape in [&[4][..], &[1], &[]] {
        assert_eq!(
            error(&with("prior", shape), &[]),
            format!(
                "prior: shape {shape:?} does not fit, expected [4, 3], the shape of input, or [3] for all rows"
            )
        );
    }
    assert_eq!(
        error(&with("input", &[2]), &[]),
        "input: shape [2] does not fit, expected [3], the shape of prior"
    );

    // Losses that are built in take what they took.
    let logits = tensor(F32, &[3], &[1.0, 2.0, 3.0]);
    let target = tensor(F32, &[4, 3], &[0.1; 12]);
    let inputs = [("input", logits), ("target", target)];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    let error = Evaluator::Cpu.evaluate_blocking(&CrossEntropy::default(), &batch);
    assert!(matches!(error, Err(Error::Shape { .. })), "{error:?}");
}
