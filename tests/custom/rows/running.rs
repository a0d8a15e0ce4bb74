//! Sums up to each item.

use super::{F32, Inputs, assert_agrees_in_shapes, assert_differences, logits, numbers, rows_of};
use crate::common::{
    Random, assert_agrees, assert_agrees_on, assert_close, backends, bits, gpu, limited, tensor,
    with_limits,
};
use crate::shared_buffers::assert_same_bits;
use wgloss::{
    Batch, Custom, DType, Error, Evaluator, Plan, Reduction, Request, SourceOptions, TensorKind,
    Tuning, reference,
};

/// Everything that running sums depend on and lead to: two of them with slopes by maxima, sums, the item at the target,
/// numbers of the row and of items, and second sums that take both.
const EVERYTHING: &str = "
struct Item { a: f32, b: f32, index: i32 }
struct Row { target: i32, factor: f32 }
struct Parameters { ignore_index: i32, scale: f32 }

fn peaks(item: Item) -> f32 { return item.b; }

fn sums(item: Item, row: Row) -> f32 { return exp(0.2 * item.a * row.factor); }

fn running_sums(item: Item, picked: Item, row: Row, peaks: f32, sums: f32, c: Parameters) -> vec2<f32> {
    let share = exp(0.2 * item.a * row.factor) / sums;
    return vec2(share * (1.0 + picked.b), c.scale * item.a * item.b * peaks / f32(item.index + 1));
}

fn second_sums(item: Item, row: Row, running_sums: vec2<f32>, sums: f32, peaks: f32) -> vec2<f32> {
    let way = running_sums.x - f32(row.target <= item.index);
    return vec2(way * way * item.b, tanh(running_sums.y) * running_sums.x / sums + 0.1 * peaks * item.a);
}

fn value(row: Row, sums: f32, second_sums: vec2<f32>) -> f32 {
    return second_sums.x * row.factor + sin(second_sums.y) + log(sums);
}";

/// Each item counts as often as there are items from it on.
const COUNTED: &str = "
struct Item { x: f32 }
fn running_sums(item: Item) -> f32 { return item.x; }
fn second_sums(running_sums: f32) -> f32 { return running_sums; }
fn value(second_sums: f32) -> f32 { return second_sums; }";

const ALL: &[&str] = &["a", "b", "factor"];

fn made(text: &str) -> Custom {
    Custom::new(text).unwrap_or_else(|e| panic!("{e}"))
}

fn everything() -> Custom {
    let mut loss = made(EVERYTHING);
    loss.set("scale", 0.5).expect("a parameter");
    loss.set("ignore_index", 1.0).expect("a parameter");
    loss
}

fn everything_of(dtype: DType, shape: &[usize], random: &mut Random) -> Inputs {
    let mut inputs = logits(shape, random);
    let (classes, rows) = rows_of(shape);
    let count: usize = rows.iter().product();
    let mut of =
        |shape: &[usize], count, from, to| tensor(dtype, shape, &numbers(count, from, to, random));
    let (a, b) = (of(shape, classes * count, -2.0, 2.0), of(shape, classes * count, -1.0, 1.0));
    let factor = of(&rows, count, 0.5, 2.0);
    let target = inputs.remove(1);
    vec![("a", a), ("b", b), target, ("factor", factor)]
}

#[test]
fn everything_at_once() {
    let shapes =
        [&[6][..], &[17, 5], &[2, 8, 3], &[3, 300], &[4, 256], &[70, 40], &[2, 1500], &[1, 5003]];
    let gradients = [ALL, &[], &["b"], &["factor"]];
    let (loss, mut random) = (everything(), Random(141));
    assert_agrees_in_shapes(&loss, everything_of, &shapes, gradients, &mut random);
}

#[test]
fn differences() {
    let (loss, mut random) = (everything(), Random(142));
    let inputs = everything_of(DType::F64, &[3, 5], &mut random);
    assert!(assert_differences("everything", &loss, &inputs, ALL) > 20);
}

/// Cox's partial likelihood by hand: of three subjects with the hazards 1, 2, 3 the second one is censored, so that the
/// risks are 1 / 1 and 3 / 6.
#[test]
fn hazards_by_hand() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/losses_over_rows/");
    let text = std::fs::read_to_string([folder, "cox_partial_likelihood.wgsl"].concat());
    let loss = made(&text.expect("an example"));
    let hazards = [1.0f64, 2.0, 3.0].map(f64::ln);
    let inputs = [
        ("input", tensor(F32, &[1, 3], &hazards)),
        ("event", tensor(F32, &[1, 3], &[1.0, 0.0, 1.0])),
    ];
    let request = Request { gradients: &["input"], ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let answer = backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}"));
        let value = answer.scalar().expect("a mean");
        assert!((value - 0.5 * 2.0f32.ln()).abs() < 1e-6, "{name}: {value}");
        let want = [1.0 / 12.0, 1.0 / 6.0, -0.25];
        assert_close(name, &answer.gradients[0].1.to_f32(), &want, 0.0);
    }
}

/// Sums are added up from either end: none is what is left of a larger one. Of scores that fall by 60 in all, the last
/// items' slopes are 1e-13 of what those before add up to, and of scores that rise so are the first ones' sums.
#[test]
fn nothing_cancels() {
    let loss = made(
        "struct Item { x: f32, w: f32 }
        fn shifts(item: Item) -> f32 { return max(item.x, item.w); }
        fn running_sums(item: Item, shifts: f32) -> f32 { return exp(item.x - shifts); }
        fn second_sums(item: Item, shifts: f32, running_sums: f32) -> f32 {
            return exp(item.w - shifts) * running_sums;
        }
        fn value(second_sums: f32) -> f32 { return second_sums; }",
    );
    for classes in [40, 700, 3001] {
        let steps = |from: f64, to: f64| -> Vec<f64> {
            let at = |i: usize| from + (to - from) * i as f64 / (classes - 1) as f64;
            (0..classes).map(at).collect()
        };
        for (x, w) in
            [(steps(0.0, -30.0), steps(0.0, -30.0)), (steps(-30.0, 0.0), steps(-30.0, 0.0))]
        {
            let inputs =
                [("x", tensor(F32, &[1, classes], &x)), ("w", tensor(F32, &[1, classes], &w))];
            let request = Request { gradients: &["x", "w"], ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let want = reference::evaluate(&loss, &batch).expect("a valid batch");
            for (name, backend) in backends() {
                let got =
                    backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}"));
                for ((_, got), (_, want)) in got.gradients.iter().zip(&want.gradients) {
                    // Of itself, not of the largest one.
                    assert_close(&format!("{classes} on {name}"), &got.to_f32(), want, 0.0);
                }
            }
        }
    }
}

/// NaN is in all sums from its item on, and infinite terms leave those before as they are.
#[test]
fn what_is_not_finite() {
    let loss = made(
        "struct Item { x: f32 }
        fn running_sums(item: Item) -> f32 { return item.x; }
        fn second_sums(item: Item, running_sums: f32) -> vec2<f32> {
            return select(vec2(1.0, 0.0), vec2(0.0, item.x), is_finite(running_sums));
        }
        fn value(second_sums: vec2<f32>) -> f32 { return second_sums.x + 100.0 * second_sums.y; }",
    );
    let of = |numbers: &[f64]| {
        let inputs = [("x", tensor(F32, &[1, numbers.len()], numbers))];
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        let one = |(_, backend): (_, Evaluator)| {
            backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}")).scalar()
        };
        backends().into_iter().map(one).collect::<Vec<_>>()
    };
    for place in [0, 3, 4, 1500] {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut numbers = vec![0.0; 1501];
            numbers[0] = 1.0;
            numbers[place] = number;
            let want = (1501 - place) as f32 + if place == 0 { 0.0 } else { 100.0 };
            assert_eq!(of(&numbers), [Some(want); 2], "{number} at {place}");
        }
    }
}

/// However rows are cut, few buffers there are and whatever takes the place of what; a row is never shared.
#[test]
fn the_same_bits_however_they_are_bound() {
    let (loss, mut random) = (everything(), Random(143));
    let tuning = Tuning { quads_per_group: 8, ..gpu().tuning() };
    for shape in [&[5, 901][..], &[40, 12], &[9, 5, 3]] {
        let inputs = everything_of(F32, shape, &mut random);
        let request = Request { reduction: Reduction::None, gradients: ALL, ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        let of = |backend: &Evaluator| {
            bits(&backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}")))
        };
        let usual = of(&Evaluator::Gpu(gpu()));
        assert!(of(&Evaluator::Gpu(gpu().with_tuning(tuning))) == usual, "{shape:?}, tuned");
        // How many lanes a row has depends on the memory of a workgroup.
        let whole = of(&limited(1 << 27, 65_535, 8));
        for (binding, groups, buffers) in [(1 << 27, 65_535, 4), (1 << 14, 40, 8)] {
            let small = of(&limited(binding, groups, buffers));
            assert!(small == whole, "{shape:?}, {binding}, {groups}, {buffers}");
        }
        let in_place = assert_same_bits(&gpu(), &loss, &batch, true);
        assert!(in_place.iter().all(|&own| own), "{shape:?}: {in_place:?}");
    }
}

/// What a device's workgroups have room for: fewer invocations of each row, and shorter rows.
#[test]
fn small_workgroups() {
    let (loss, mut random) = (everything(), Random(144));
    for invocations in [64, 128] {
        let limits = wgpu::Limits {
            max_compute_invocations_per_workgroup: invocations,
            max_compute_workgroup_size_x: invocations,
            ..wgpu::Limits::default()
        };
        let small = with_limits(limits);
        for shape in [&[3, 300][..], &[1, 2100], &[20, 7]] {
            let inputs = everything_of(F32, shape, &mut random);
            let request = Request { gradients: ALL, ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees_on(&format!("{shape:?}, {invocations}"), &small, &loss, &batch);
        }
        let longest = 2048 * invocations as usize;
        let of = |classes: usize| [("x", tensor(F32, &[1, classes], &vec![0.25; classes]))];
        let (fits, too_long) = (of(longest), of(longest + 1));
        let request = Request { gradients: &["x"], ..Request::default() };
        let batch = Batch { inputs: &too_long, request: request.clone(), ..Batch::default() };
        let error = small.evaluate_blocking(&made(COUNTED), &batch).expect_err("too long a row");
        let want = format!("x: {} classes, at most {longest}", longest + 1);
        assert!(error.to_string().starts_with(&want), "{error}");
        let batch = Batch { inputs: &fits, request, ..Batch::default() };
        assert_agrees_on("the longest row", &small, &made(COUNTED), &batch);
    }
}

/// A row is as long as what comes before its tiles fits beside the workgroup's other memory.
#[test]
fn the_longest_row() {
    let loss = made(COUNTED);
    let of = |classes: usize, backend: &Evaluator| {
        let numbers: Vec<f64> =
            (0..classes).map(|i| f64::from(u8::from(i % 100_000 == 0))).collect();
        let inputs = [("x", tensor(F32, &[1, classes], &numbers))];
        let request = Request { gradients: &["x"], ..Request::default() };
        backend.evaluate_blocking(&loss, &Batch { inputs: &inputs, request, ..Batch::default() })
    };
    for (name, backend) in backends() {
        let Err(error) = of(1 << 24, &backend) else { panic!("{name}: too long a row") };
        let Error::Limit { got, limit, .. } = error else { panic!("{name}: {error}") };
        assert_eq!((got, limit), (1 << 24, 1 << 19), "{name}: {error}");
        let answer = of(1 << 19, &backend).unwrap_or_else(|e| panic!("{name}: {e}"));
        let want: f64 = (0..6).map(|k| f64::from((1 << 19) - 100_000 * k)).sum();
        let got = f64::from(answer.scalar().expect("a mean"));
        assert!((got - want).abs() <= 1e-6 * want, "{name}: {got}, {want}");
        let slopes = answer.gradients[0].1.to_f32();
        let is_left = |(i, slope): (usize, &f32)| *slope == ((1 << 19) - i) as f32;
        assert!(slopes.iter().enumerate().all(is_left), "{name}");
    }
}

/// Losses of as many numbers as may be, and of some.
fn of_many_numbers() -> [Custom; 2] {
    let most = "
        fn running_sums(item: Item, sums: vec3<f32>) -> vec4<f32> {
            let share = item.x * dot(sums, vec3(1.0, 1.0, 0.001));
            return vec4(share, 2.0 * share, 0.5 * share, -share);
        }
        fn second_sums(running_sums: vec4<f32>) -> vec2<f32> {
            return vec2(dot(running_sums, vec4(1.0, 2.0, 3.0, 4.0)), length(running_sums));
        }
        fn value(second_sums: vec2<f32>, sums: vec3<f32>) -> f32 {
            return (second_sums.x + second_sums.y) * 1e-9 + sums.z;
        }";
    let some = "
        fn running_sums(item: Item, sums: vec3<f32>) -> f32 {
            return item.x * dot(sums, vec3(1.0, 1.0, 0.001));
        }
        fn second_sums(running_sums: f32) -> f32 { return running_sums; }
        fn value(second_sums: f32, sums: vec3<f32>) -> f32 { return second_sums * 1e-9 + sums.z; }";
    [most, some].map(|functions| {
        made(&format!(
            "struct Item {{ x: f32 }}
            fn sums(item: Item) -> vec3<f32> {{ return vec3(item.x, 1.0, item.x * item.x); }}
            {functions}"
        ))
    })
}

/// With more numbers a row is shorter.
#[test]
fn the_longest_row_of_many_numbers() {
    let mut random = Random(145);
    for (loss, longest) in of_many_numbers().iter().zip([16_384, 262_144]) {
        let mut of = |classes: usize| {
            [("x", tensor(F32, &[1, classes], &numbers(classes, 0.0, 1.0, &mut random)))]
        };
        let (fits, too_long) = (of(longest), of(longest + 1));
        let request = Request { gradients: &["x"], ..Request::default() };
        for (name, backend) in backends() {
            let batch = Batch { inputs: &too_long, request: request.clone(), ..Batch::default() };
            let error = backend.evaluate_blocking(loss, &batch).expect_err("too long a row");
            let Error::Limit { got, limit, .. } = error else { panic!("{name}: {error}") };
            assert_eq!((got, limit), (longest as u64 + 1, longest as u64), "{name}");
        }
        assert_agrees("a long row", loss, &Batch { inputs: &fits, request, ..Batch::default() });
    }
}

/// The bytes of a workgroup's memory that a kernel uses.
fn workgroup_memory(text: &str) -> u64 {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{e}"));
    let (flags, all) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
    let info = naga::valid::Validator::new(flags, all).validate(&module);
    let info = info.unwrap_or_else(|e| panic!("{e}"));
    let used = |own: naga::Handle<naga::GlobalVariable>| !info.get_entry_point(0)[own].is_empty();
    let globals = module.global_variables.iter();
    let shared =
        globals.filter(|(handle, own)| own.space == naga::AddressSpace::WorkGroup && used(*handle));
    shared.map(|(_, own)| u64::from(module.types[own.ty].inner.size(module.to_ctx()))).sum()
}

/// Kernels stay within the memory that the device's workgroups have, which wgpu does not check; and rows are refused for
/// which there is too little of it.
#[test]
fn kernels_fit_into_workgroups() {
    let mut losses = of_many_numbers().to_vec();
    losses.push(made(COUNTED));
    let mut planned = 0;
    for loss in &losses {
        for classes in (0..20).flat_map(|power| [1 << power, (1 << power) + 1, 3 << power]) {
            for (inner, lanes) in [(1, None), (40, None), (1, Some(4))] {
                let kinds = [("x", TensorKind::new(F32, vec![1, classes, inner]))];
                let request = Request::with_gradients(&["x"]);
                let options = SourceOptions { subgroup: lanes, ..SourceOptions::default() };
                let sources = match Plan::sources(loss, &kinds, &request, options) {
                    Ok(sources) => sources,
                    Err(Error::Limit { unit: "classes", .. }) => continue,
                    Err(error) => panic!("{classes}, {inner}: {error}"),
                };
                planned += 1;
                for source in sources {
                    let got = workgroup_memory(&source.text);
                    assert!(got <= 16 << 10, "{classes}, {inner}: {got} bytes");
                }
            }
        }
    }
    assert!(planned > 300, "{planned}");
    let less = with_limits(wgpu::Limits {
        max_compute_workgroup_storage_size: 4 << 10,
        ..wgpu::Limits::downlevel_defaults()
    });
    for (loss, classes) in losses.iter().zip([2000, 60_000, 500_000]) {
        let inputs = [("x", tensor(F32, &[1, classes], &vec![0.25; classes]))];
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        let error = less.evaluate_blocking(loss, &batch).expect_err("too little memory");
        let name = "sums up to each item in a workgroup's memory";
        assert!(matches!(error, Error::Limit { name: own, .. } if own == name), "{error}");
        for classes in [9, 90] {
            let mut random = Random(146);
            let x = tensor(F32, &[3, classes], &numbers(3 * classes, 0.0, 1.0, &mut random));
            let inputs = [("x", x)];
            let request = Request::with_gradients(&["x"]);
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            assert_agrees_on("little memory", &less, loss, &batch);
        }
    }
}
