//! As many members of `Item` and `Row` as there may be.

use super::{F32, Inputs, assert_agrees_in_shapes, assert_differences, indices, numbers, rows_of};
use crate::common::{
    Random, assert_agrees, assert_agrees_on, bits, gpu, limited, tensor, with_limits,
};
use crate::custom::case::leave;
use crate::shared_buffers::assert_same_bits;
use wgloss::{Batch, Custom, DType, Evaluator, GradientType, Reduction, Request, Tuning};

/// Poses: eight members of `Item`, and eight of `Row` beside the target. Structs have names that kernels have too.
const POSES: &str = "
struct Item { x: f32, y: f32, to_x: f32, to_y: f32, kind: i32, sigma: f32, seen: bool, weight: f32, index: i32 }
struct Row { scale: f32, a: f32, b: f32, shift: i32, target: i32, c: f32, mirrored: bool, d: f32, e: f32 }

struct Slopes { x: f32, y: f32 }
struct Numbers { words: Slopes, z: f32 }

fn peaks(item: Item, row: Row) -> f32 { return item.weight * row.a; }

fn sums(item: Item, picked: Item, row: Row, peaks: f32) -> Numbers {
    if (!item.seen) { return Numbers(); }
    let x = select(item.x, -item.x, row.mirrored) - item.to_x + row.b;
    let y = item.y - item.to_y - 0.1 * picked.weight;
    let alike = exp(-(x * x + y * y) / (2.0 * row.scale * item.sigma * item.sigma));
    let kinds = f32((item.kind + row.shift) % 5);
    return Numbers(Slopes(item.weight * alike, item.weight), kinds * item.y * row.c + 0.1 * peaks);
}

fn second_sums(item: Item, picked: Item, row: Row, sums: Numbers) -> f32 {
    let d = item.weight - sums.words.y * row.d + 0.1 * picked.sigma * picked.to_y;
    return d * d * row.e;
}

fn value(picked: Item, row: Row, peaks: f32, sums: Numbers, second_sums: f32) -> f32 {
    let rest = 0.1 * sums.z + peaks * row.c + tanh(0.1 * second_sums) + f32(picked.kind);
    return 1.0 - sums.words.x / (1.0 + sums.words.y) + rest * picked.sigma + picked.to_y;
}";

const ALL: &[&str] =
    &["x", "y", "to_x", "to_y", "sigma", "weight", "scale", "a", "b", "c", "d", "e"];

fn poses() -> Custom {
    Custom::new(POSES).unwrap_or_else(|e| panic!("{e}"))
}

fn inputs_of(dtype: DType, shape: &[usize], random: &mut Random) -> Inputs {
    let (classes, rows) = rows_of(shape);
    let count: usize = rows.iter().product();
    let all = classes * count;
    let mut inputs = Vec::new();
    for (name, from, to) in [
        ("x", -1.0, 1.0),
        ("y", -1.0, 1.0),
        ("to_x", -1.0, 1.0),
        ("to_y", -1.0, 1.0),
        ("sigma", 0.5, 2.0),
        ("weight", 0.25, 1.0),
    ] {
        inputs.push((name, tensor(dtype, shape, &numbers(all, from, to, random))));
    }
    inputs.push(("kind", tensor(DType::I64, shape, &indices(all, 7, random))));
    inputs.push(("seen", tensor(DType::U8, shape, &indices(all, 3, random))));
    for (name, from) in
        [("scale", 0.5), ("a", 0.5), ("b", -1.0), ("c", -1.0), ("d", 0.0), ("e", 0.0)]
    {
        inputs.push((name, tensor(dtype, &rows, &numbers(count, from, 2.0, random))));
    }
    inputs.push(("shift", tensor(DType::I32, &rows, &indices(count, 9, random))));
    inputs.push(("mirrored", tensor(DType::U8, &rows, &indices(count, 2, random))));
    inputs.push(("target", tensor(DType::I64, &rows, &indices(count, classes, random))));
    inputs
}

#[test]
fn all_members_at_once() {
    let (loss, mut random) = (poses(), Random(140));
    leave("poses", &loss, &inputs_of(F32, &[3, 7], &mut random), ALL);
    let shapes = [&[6][..], &[17, 5], &[2, 8, 3], &[3, 301], &[4, 256]];
    let gradients = [ALL, &[], &["weight", "e"], &["sigma"]];
    assert_agrees_in_shapes(&loss, inputs_of, &shapes, gradients, &mut random);
    let inputs = inputs_of(DType::F64, &[3, 5], &mut random);
    let compared = assert_differences("poses", &loss, &inputs, ALL);
    assert!(compared > 80, "{compared}");
}

/// Whatever else is asked for, where rows are shared by workgroups, on devices that bind few buffers or small parts of
/// tensors, in pieces, and in the place of the inputs.
#[test]
fn all_members_however_they_are_asked_for() {
    let (loss, mut random) = (poses(), Random(141));
    let tuning = Tuning { quads_per_group: 16, ..Tuning::default() };
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..Default::default() };
    let Evaluator::Gpu(few) = with_limits(limits) else { panic!("a GPU") };
    let of_items = &ALL[..6];
    for (dtype, shape) in
        [(F32, &[1101, 9][..]), (DType::F16, &[6, 301]), (F32, &[5, 901]), (F32, &[70, 5, 7])]
    {
        let inputs = inputs_of(dtype, shape, &mut random);
        let request = Request {
            reduction: Reduction::Sum,
            gradients: ALL,
            gradient_type: GradientType::Float32,
            ..Request::default()
        };
        let batch = Batch { inputs: &inputs, request: request.clone(), ..Batch::default() };
        let of_batch = |evaluator: &Evaluator, batch: &Batch<'_>| {
            let answer = evaluator.evaluate_blocking(&loss, batch);
            bits(&answer.unwrap_or_else(|e| panic!("{shape:?}: {e}")))
        };
        let of = |evaluator: &Evaluator| of_batch(evaluator, &batch);
        let shared = gpu().with_tuning(tuning);
        let wanted = of(&Evaluator::Gpu(shared.clone()));
        assert!(wanted == of(&Evaluator::Gpu(few.clone().with_tuning(tuning))), "{shape:?}");
        assert_agrees_on(&format!("{shape:?}"), &Evaluator::Gpu(shared.clone()), &loss, &batch);
        for own in &["to_y", "weight", "e"] {
            let request = Request { gradients: &[own], ..request.clone() };
            let alone = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees(&format!("{shape:?}, {own}"), &loss, &alone);
        }
        if shape[0] > 1000 {
            let want = of(&Evaluator::Gpu(gpu()));
            assert!(of(&limited(1 << 27, 65_535, 4)) == want, "{shape:?}: few buffers");
            // No more than 28 buffers of any kind together.
            assert!(of(&limited(1 << 27, 65_535, 32)) == want, "{shape:?}: many buffers");
            // With few gradients all is bound, in windows.
            let request = Request { gradients: &["sigma", "weight", "e", "a"], ..request.clone() };
            let few = Batch { inputs: &inputs, request, ..Batch::default() };
            let [small, whole] = [limited(1 << 15, 4000, 32), Evaluator::Gpu(gpu())];
            assert!(of_batch(&small, &few) == of_batch(&whole, &few), "{shape:?}: windows");
            let pieces = Evaluator::Gpu(gpu().with_memory(1 << 18));
            assert!(of(&pieces) == want, "{shape:?}: pieces");
        }
        if dtype == F32 {
            let request = Request { gradients: of_items, ..request };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            for gpu in [gpu(), shared] {
                let in_place = assert_same_bits(&gpu, &loss, &batch, true);
                assert!(in_place.iter().all(|&own| own), "{in_place:?}");
            }
        }
    }
}

#[test]
fn more_are_refused() {
    let members: String = ('a'..='i').map(|name| format!("{name}: f32, ")).collect();
    let text = format!(
        "struct Item {{ {members} }}
        fn sums(item: Item) -> f32 {{ return item.a; }}
        fn value(sums: f32) -> f32 {{ return sums; }}"
    );
    let error = Custom::new(&text).expect_err("it is refused").to_string();
    assert!(error.contains("Item has 9 inputs, expected at most 8"), "{error}");
}
