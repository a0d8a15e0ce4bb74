//! Arguments of all types: integers, booleans, vectors, and up to 16 of them.

use crate::common::{
    FLOATS, INTEGERS, Random, assert_answers, backends, bits, limited, tensor, with_limits,
};
use wgloss::{
    Batch, Custom, DType, Error, GradientType, Reduction, Request, Tensor, TensorKind, reference,
};

pub(crate) type Inputs = Vec<(&'static str, Tensor<'static>)>;

/// Numbers that every float type holds.
pub(crate) fn floats(dtype: DType, shape: &[usize], random: &mut Random) -> Tensor<'static> {
    let count: usize = shape.iter().product();
    let numbers: Vec<f64> =
        (0..count).map(|_| (random.unit() * 64.0).floor() / 16.0 - 2.0).collect();
    tensor(dtype, shape, &numbers)
}

fn wholes(dtype: DType, shape: &[usize], most: f64, random: &mut Random) -> Tensor<'static> {
    let count: usize = shape.iter().product();
    let low =
        if matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64) { 0.4 } else { 0.0 };
    let number = |_| ((random.unit() - low) * most).trunc();
    tensor(dtype, shape, &(0..count).map(number).collect::<Vec<_>>())
}

pub(crate) fn batch<'a>(
    inputs: &'a Inputs,
    reduction: Reduction,
    gradients: &'a [&'a str],
) -> Batch<'a> {
    let gradient_type = GradientType::Input;
    let request = Request { reduction, gradients, gradient_type, ..Request::default() };
    Batch { inputs, request, ..Batch::default() }
}

/// Both backends, and a device of few buffers and bytes, agree with the reference, and with central differences
/// of it by the numbers of these inputs.
#[track_caller]
pub(crate) fn check(
    what: &str,
    loss: &Custom,
    inputs: &Inputs,
    reduction: Reduction,
    gradients: &[&str],
) {
    let batch = batch(inputs, reduction, gradients);
    let want = reference::evaluate(loss, &batch).unwrap_or_else(|e| panic!("{what}: {e}"));
    let few = ("few buffers", limited(1 << 20, 16, 4));
    for (name, backend) in backends().into_iter().chain([few]) {
        assert_answers(&format!("{what}, {reduction}, on {name}"), &backend, loss, &batch, &want);
    }
}

/// The reference's gradients are what its values say.
#[track_caller]
pub(crate) fn check_differences(what: &str, loss: &Custom, inputs: &Inputs, gradients: &[&str]) {
    let answer = |inputs: &Inputs| {
        reference::evaluate(loss, &batch(inputs, Reduction::Sum, gradients)).expect("an answer")
    };
    let want = answer(inputs);
    let terms: usize = inputs.iter().map(|(_, tensor)| tensor.len()).max().unwrap_or(0);
    assert!(terms <= 256, "{what}: differences of so many numbers take long");
    for (name, slopes) in &want.gradients {
        let place = inputs.iter().position(|(own, _)| own == name).expect("an input");
        let (shape, numbers) = (inputs[place].1.shape().to_vec(), inputs[place].1.to_f64());
        for (i, slope) in slopes.iter().enumerate().step_by(slopes.len().div_ceil(12)) {
            let at = |offset: f64| {
                let mut moved = numbers.clone();
                moved[i] += offset;
                let mut inputs = inputs.clone();
                inputs[place].1 = tensor(DType::F64, &shape, &moved);
                answer(&inputs).value[0]
            };
            let h = 1e-4;
            let difference = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
            let near =
                (slope - difference).abs() <= 1e-6 * (slope.abs() + want.value[0].abs() + 1.0);
            assert!(near, "{what} by {name}[{i}]: {slope}, and differences are {difference}");
        }
    }
}

const REDUCTIONS: [Reduction; 3] = [Reduction::None, Reduction::Mean, Reduction::Sum];

const WHOLES: &str = "fn value(p: f32, n: i32, u: u32, m: bool) -> f32 {
    let y = f32(n % 7) * p + f32(u & 15u) * p * p;
    return select(y, -0.5 * y + f32(n / 1000), m);
}";

#[test]
fn integers_and_booleans_of_all_types() {
    let loss = Custom::new(WHOLES).expect("a loss");
    let mut random = Random(5);
    // Whole blocks and a part of one, a few, and broadcast in every way.
    let shapes: [[&[usize]; 4]; 6] = [
        [&[8195]; 4],
        [&[3]; 4],
        [&[4096], &[], &[1], &[4096]],
        [&[5, 1, 3], &[4, 1], &[3], &[5, 4, 3]],
        [&[], &[7, 9], &[9], &[7, 1]],
        [&[]; 4],
    ];
    for (i, dtype) in INTEGERS.into_iter().enumerate() {
        for j in 0..2 {
            let own = shapes[(i + 3 * j) % 6];
            let flags = if j == 0 { DType::U8 } else { dtype };
            let inputs: Inputs = vec![
                ("p", floats(FLOATS[(i + j) % 4], own[0], &mut random)),
                ("n", wholes(dtype, own[1], 120.0, &mut random)),
                (
                    "u",
                    tensor(dtype, own[2], &wholes(DType::U8, own[2], 120.0, &mut random).to_f64()),
                ),
                ("m", wholes(flags, own[3], 2.0, &mut random)),
            ];
            let what = format!("{dtype} {own:?}");
            check(&what, &loss, &inputs, REDUCTIONS[(i + j) % 3], &["p"]);
            if own[0].iter().product::<usize>() < 100 {
                check_differences(&what, &loss, &inputs, &["p"]);
            }
        }
    }
}

#[test]
fn integers_are_not_rounded() {
    let text = "fn value(p: f32, n: i32, u: u32) -> f32 {
        return p + f32(n & 0xff) + 256.0 * f32(u >> 24u) + 65536.0 * f32(u & 1u);
    }";
    let loss = Custom::new(text).expect("a loss");
    let n = [16_777_217i64, -16_777_217, i32::MAX.into(), i32::MIN.into(), 2_147_483_645];
    let u = [16_777_217i64, u32::MAX.into(), 1 << 31, 4_294_967_293, 3];
    let want: Vec<f32> = n
        .iter()
        .zip(&u)
        .map(|(n, u)| ((n & 255) + 256 * (u >> 24) + 65_536 * (u & 1)) as f32)
        .collect();
    let p = Tensor::from_slice(&[0.0f32; 5], [5]).expect("a tensor");
    let integers = |dtype, numbers: [i64; 5]| tensor(dtype, &[5], &numbers.map(|x| x as f64));
    for (signed, unsigned) in
        [(DType::I32, DType::U32), (DType::I64, DType::I64), (DType::I64, DType::U64)]
    {
        let inputs =
            vec![("p", p.clone()), ("n", integers(signed, n)), ("u", integers(unsigned, u))];
        for (name, backend) in backends() {
            let got = backend.evaluate_blocking(&loss, &batch(&inputs, Reduction::None, &[]));
            let got = got.expect("an evaluation").value.expect("a value");
            assert_eq!(*got.to_f32(), want, "{signed}, {unsigned} on {name}");
        }
    }
}

const VECTORS: &str =
    "fn value(a: vec4<f32>, b: vec4<f32>, c: vec2<f32>, d: vec3<f32>, p: f32, n: i32) -> f32 {
    let low = max(a.xy, b.xy);
    let high = min(a.zw, b.zw);
    let inner = max(high - low, vec2(0.0));
    var sum = inner.x * inner.y + dot(c, a.yz) * p;
    let e = normalize(d + vec3(3.0)) * f32(n);
    sum += length(c - 5.0) * e.y + distance(a, 2.0 * b) * d[n % 3];
    return sum + select(c, b.xz, n > 1).y * tanh(p);
}";

#[test]
fn vectors_broadcast_beside_numbers() {
    let loss = Custom::new(VECTORS).expect("a loss");
    let mut random = Random(9);
    let shapes: [[&[usize]; 6]; 6] = [
        [&[4099]; 6],
        [&[3]; 6],
        [&[5, 4], &[], &[1, 4], &[4], &[5, 1], &[]],
        [&[1], &[9], &[1], &[1], &[9], &[9]],
        [&[2, 1, 3], &[4, 1], &[2, 4, 3], &[1, 1, 1], &[3], &[2, 1, 1]],
        [&[]; 6],
    ];
    let sizes = [Some(4), Some(4), Some(2), Some(3), None, None];
    let names = ["a", "b", "c", "d", "p", "n"];
    for (i, shapes) in shapes.into_iter().enumerate() {
        for (j, dtype) in FLOATS.into_iter().enumerate().skip(i % 2).step_by(2) {
            let mut inputs = Vec::new();
            for ((name, shape), size) in names.into_iter().zip(shapes).zip(sizes) {
                let shape: Vec<usize> = shape.iter().copied().chain(size).collect();
                inputs.push((
                    name,
                    match name {
                        "n" => wholes(DType::U8, &shape, 4.0, &mut random),
                        _ => floats(dtype, &shape, &mut random),
                    },
                ));
            }
            let all: &[&str] =
                if (i + j) % 2 == 0 { &["a", "b", "c", "d", "p"] } else { &["p", "b", "d"] };
            let what = format!("{dtype} {shapes:?}");
            check(&what, &loss, &inputs, REDUCTIONS[(i + j) % 3], all);
            if i > 0 && dtype == DType::F32 {
                // Not at the kinks.
                let mut near = inputs.clone();
                for (name, own) in near.iter_mut().filter(|(name, _)| *name != "n") {
                    let moved: Vec<f64> =
                        own.to_f64().iter().map(|x| x + 0.05 * random.unit()).collect();
                    *own = tensor(DType::F64, own.shape(), &moved);
                    assert!(!name.is_empty());
                }
                check_differences(&what, &loss, &near, all);
            }
        }
    }
}

#[test]
fn a_vector_alone() {
    let text = "fn value(z: vec2<f32>) -> f32 { return z.x * z.x * z.y + exp(z.y); }";
    let loss = Custom::new(text).expect("a loss");
    let inputs = vec![("z", floats(DType::F32, &[4100, 2], &mut Random(3)))];
    check("a vector alone", &loss, &inputs, Reduction::Mean, &["z"]);
    let inputs = vec![("z", floats(DType::F32, &[9, 2], &mut Random(3)))];
    check_differences("a vector alone", &loss, &inputs, &["z"]);
    // Its derivatives by each number are losses.
    for (number, want) in [("z.x", 12.0), ("z.y", 4.0 + 3f64.exp())] {
        let slope = loss.derivative(number).expect("a derivative");
        let inputs = vec![("z", tensor(DType::F32, &[1, 2], &[2.0, 3.0]))];
        let got = reference::evaluate(&slope, &batch(&inputs, Reduction::Sum, &["z"]));
        let got = got.expect("an answer").value[0];
        assert!((got - want).abs() < 1e-12, "{number}: {got}, not {want}");
        check_differences(number, &slope, &inputs, &["z"]);
    }
    let error = loss.derivative("z").expect_err("which number?").to_string();
    assert!(error.contains("z.x") && error.contains("z.y"), "{error}");
    let error = loss.derivative("z.w").expect_err("no such number").to_string();
    assert!(error.contains("z.w") && error.contains("z.y"), "{error}");
}

/// What follows from one number of a vector only does not depend on the others, whatever they are.
#[test]
fn slopes_of_a_vector_are_apart() {
    let text = "fn roots(v: vec3<f32>) -> vec3<f32> { return sqrt(v); }
    fn value(v: vec3<f32>) -> f32 {
        let r = sqrt(v);
        let s = roots(v * v);
        return r.x + 1.0 / v.y + select(0.0, log(r.z), v.z > 0.0) + s.x;
    }";
    let loss = Custom::new(text).expect("a loss");
    let inputs = vec![("v", tensor(DType::F32, &[2, 3], &[4.0, 2.0, 0.0, 1.0, 0.5, 4.0]))];
    let want = [1.25f32, -0.25, 0.0, 1.5, -4.0, 0.125];
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch(&inputs, Reduction::Sum, &["v"]));
        let got = got.expect("an evaluation");
        for (got, want) in got.gradients[0].1.to_f32().iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "{name}: {:?}", got);
        }
    }
}

/// 16 arguments of all types, through loops, variables, helpers and structs.
#[test]
fn sixteen_arguments() {
    let text = "struct Pair { first: vec4<f32>, second: f32 }
    fn way(a: vec4<f32>, b: vec4<f32>, scale: f32) -> Pair {
        let d = (a - b) * scale;
        return Pair(d * d, dot(d, a));
    }
    fn value(
        a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec3<f32>, f: vec2<f32>,
        p: f32, q: f32, r: f32, s: f32, t: f32, w: f32, i: i32, j: i32, u: u32, m: bool,
    ) -> f32 {
        var sum = 0.0;
        var v = c;
        for (var k = 0; k < 3 + i % 2; k++) {
            let pair = way(v, d, p);
            v = 0.5 * pair.first + b * q;
            sum += pair.second * r + e[k % 3];
        }
        if (m) { v.x = s * f.x; } else { v = v.wzyx - a; }
        switch j % 3 {
            case 0: { sum += v.y * t; }
            case 1: { sum -= length(v) * w; }
            default: { sum += select(f, e.xy, u > 3u).y; }
        }
        return sum + dot(v, a);
    }";
    let names = "a b c d e f p q r s t w i j u m".split(' ').collect::<Vec<_>>();
    let loss = Custom::new(text).expect("a loss");
    let mut random = Random(77);
    for (round, shape) in [&[4099][..], &[3, 5], &[7]].into_iter().enumerate() {
        let mut inputs: Inputs = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let size = [4, 4, 4, 4, 3, 2].get(place).copied();
            // Some of them are single.
            let single = round > 0 && place % 5 == 2;
            let own = if single { &[][..] } else { shape };
            let own: Vec<usize> = own.iter().copied().chain(size).collect();
            let name: &'static str = name.to_string().leak();
            inputs.push((
                name,
                match place {
                    12..=14 => wholes(DType::U8, &own, 6.0, &mut random),
                    15 => wholes(DType::I16, &own, 2.0, &mut random),
                    _ => floats(DType::F32, &own, &mut random),
                },
            ));
        }
        let gradients = &names[..12];
        check("16 arguments", &loss, &inputs, REDUCTIONS[round], gradients);
        if round == 1 {
            check_differences("16 arguments", &loss, &inputs, gradients);
        }
    }
}

/// Pieces that fit into little memory, and buffers of few bytes, give the same bits.
#[test]
fn windows_and_pieces() {
    let loss = Custom::new(VECTORS).expect("a loss");
    let mut random = Random(19);
    for broadcasts in [false, true] {
        let rows: &[usize] = if broadcasts { &[1, 256] } else { &[40, 256] };
        let of = |shape: &[usize], size: usize| [shape, &[size]].concat();
        let inputs: Inputs = vec![
            ("a", floats(DType::F32, &of(&[40, 256], 4), &mut random)),
            ("b", floats(DType::F16, &of(rows, 4), &mut random)),
            ("c", floats(DType::F32, &of(&[40, 1], 2), &mut random)),
            ("d", floats(DType::F32, &[3], &mut random)),
            ("p", floats(DType::BF16, &[40, 256], &mut random)),
            ("n", wholes(DType::I8, rows, 4.0, &mut random)),
        ];
        let all = ["a", "b", "c", "d", "p"];
        let batch = batch(&inputs, Reduction::Mean, &all);
        let whole = backends()[0].1.evaluate_blocking(&loss, &batch).expect("an evaluation");
        let small = limited(if broadcasts { 1 << 18 } else { 1 << 16 }, 8, 5)
            .evaluate_blocking(&loss, &batch);
        assert_eq!(bits(&small.expect("an evaluation")), bits(&whole), "{broadcasts}");
    }
}

#[test]
fn inputs_that_do_not_fit() {
    let loss = Custom::new(
        "fn value(p: f32, n: i32, u: u32, m: bool, v: vec4<f32>) -> f32 { return p * v.x; }",
    )
    .expect("a loss");
    let mut random = Random(1);
    let right: Inputs = vec![
        ("p", floats(DType::F32, &[2, 3], &mut random)),
        ("n", wholes(DType::I64, &[3], 9.0, &mut random)),
        ("u", wholes(DType::U8, &[3], 9.0, &mut random)),
        ("m", wholes(DType::U8, &[3], 2.0, &mut random)),
        ("v", floats(DType::F32, &[2, 3, 4], &mut random)),
    ];
    let wrong: [(&str, Tensor<'static>, &[&str]); 9] = [
        ("n", floats(DType::F32, &[3], &mut random), &["n", "float32", "integer"]),
        ("u", floats(DType::F16, &[3], &mut random), &["u", "float16", "integer"]),
        ("m", floats(DType::F64, &[3], &mut random), &["m", "float64", "booleans"]),
        ("v", wholes(DType::I32, &[2, 3, 4], 9.0, &mut random), &["v", "int32", "float"]),
        ("v", floats(DType::F32, &[2, 3, 3], &mut random), &["v", "[2, 3, 3]", "[..., 4]"]),
        ("v", floats(DType::F32, &[2, 2, 4], &mut random), &["v", "[2, 2, 4]", "[2, 3, 4]"]),
        ("n", tensor(DType::I64, &[3], &[1.0, 2.0, 3e9]), &["n[2]", "3000000000", "i32"]),
        ("u", tensor(DType::I16, &[3], &[1.0, -2.0, 3.0]), &["u[1]", "-2", "u32"]),
        ("n", wholes(DType::I32, &[4], 9.0, &mut random), &["n", "[4]", "[2, 3]"]),
    ];
    for (name, given, parts) in wrong {
        let mut inputs = right.clone();
        inputs.iter_mut().filter(|(own, _)| *own == name).for_each(|own| own.1 = given.clone());
        for (backend_name, backend) in backends() {
            let error = backend.evaluate_blocking(&loss, &batch(&inputs, Reduction::Mean, &["p"]));
            let error = error.expect_err(name).to_string();
            let all = parts.iter().all(|part| error.contains(part));
            assert!(all, "{name} on {backend_name}: {error}");
        }
    }
    // There is no gradient by an integer, and the message says where it is in the text.
    for (name, kind, column) in [("n", "i32", 18), ("u", "u32", 26), ("m", "bool", 34)] {
        for (_, backend) in backends() {
            let error = backend.evaluate_blocking(&loss, &batch(&right, Reduction::Mean, &[name]));
            let error = error.expect_err(name);
            let Error::Custom { line: 1, column: at, reason } = &error else {
                panic!("{name}: {error}");
            };
            assert_eq!(*at, column, "{error}");
            assert!(reason.contains(&format!("{name} is {kind}")), "{error}");
        }
    }
    let error = loss.derivative("n").expect_err("an integer").to_string();
    assert!(error.contains("n is i32"), "{error}");
}

#[test]
fn kernels_read_integers_where_they_lie() {
    let loss = Custom::new(WHOLES).expect("a loss");
    let kinds = |dtype| {
        let kind = |dtype| TensorKind::new(dtype, [8192]);
        [("p", kind(DType::F32)), ("n", kind(dtype)), ("u", kind(dtype)), ("m", kind(DType::U8))]
    };
    for dtype in INTEGERS {
        let request = Request::with_gradients(&["p"]);
        let sources = wgloss::Plan::sources(&loss, &kinds(dtype), &request, Default::default());
        let text = &sources.expect("kernels")[0].text;
        assert!(text.contains("fn n_quad(") && text.contains("-> vec4<bool>"), "{text}");
    }
}

/// A device that binds all of them at once gives the same bits as one that copies most of them.
#[test]
fn packed_inputs_are_the_same() {
    let loss = Custom::new(WHOLES).expect("a loss");
    let mut random = Random(23);
    let inputs: Inputs = vec![
        ("p", floats(DType::F32, &[9000], &mut random)),
        (
            "n",
            tensor(DType::I64, &[9000], &(0..9000).map(|i| f64::from(i) * 1e5).collect::<Vec<_>>()),
        ),
        ("u", wholes(DType::U16, &[9000], 6e4, &mut random)),
        ("m", wholes(DType::I8, &[9000], 3.0, &mut random)),
    ];
    let batch = batch(&inputs, Reduction::None, &["p"]);
    let whole = backends()[0].1.evaluate_blocking(&loss, &batch).expect("an evaluation");
    for buffers in [3, 4, 5] {
        let few = with_limits(wgpu::Limits {
            max_storage_buffers_per_shader_stage: buffers,
            ..wgpu::Limits::default()
        });
        let got = few.evaluate_blocking(&loss, &batch).expect("an evaluation");
        assert_eq!(bits(&got), bits(&whole), "{buffers} buffers");
    }
}

/// Vectors of integers that become floats are taken apart number by number.
#[test]
fn converted_vectors() {
    let text = "fn value(v: vec3<f32>, n: i32) -> f32 {
        let whole = vec3<i32>(v * 4.0);
        let w = vec3<f32>(whole) + vec3<f32>(vec3(n, 2, n * n));
        return dot(v, w) + max(w, v * v).z;
    }";
    let loss = Custom::new(text).expect("a loss");
    let inputs = vec![
        ("v", tensor(DType::F32, &[2, 3], &[1.5, -2.25, 3.0, 0.5, 9.0, -7.75])),
        ("n", tensor(DType::I64, &[2], &[3.0, -2.0])),
    ];
    let of = |v: [f64; 3], n: f64| {
        let w =
            [(v[0] * 4.0).trunc() + n, (v[1] * 4.0).trunc() + 2.0, (v[2] * 4.0).trunc() + n * n];
        v[0] * w[0] + v[1] * w[1] + v[2] * w[2] + w[2].max(v[2] * v[2])
    };
    let want = [of([1.5, -2.25, 3.0], 3.0), of([0.5, 9.0, -7.75], -2.0)];
    for (name, backend) in backends() {
        let got = backend.evaluate_blocking(&loss, &batch(&inputs, Reduction::None, &["v"]));
        let got = got.expect("an evaluation").value.expect("a value").to_f64();
        assert_eq!(got, want, "{name}");
    }
}
