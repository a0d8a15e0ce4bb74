//! Loops in losses over rows: what they come to, as many rounds as there may be, and an error past these.

use super::{F32, Inputs, assert_differences, assert_same, numbers, rows_of};
use crate::common::{Random, assert_agrees, assert_close, backends, tensor, with_limits};
use crate::custom::rounds::Nothing;
use wgloss::{Batch, Custom, DType, Error, Reduction, Request, reference};

const DECLARED: &str = "
struct Item { p: f32, n: i32 }
struct Row { factor: f32, times: i32, target: i32 }
struct Sums { powers: f32, all: vec2<f32> }
";

/// Functions with loops, each beside one without that comes to the same.
const SHIFTS: [&str; 2] = [
    "fn shifts(item: Item) -> f32 {
        var x = 0.0;
        for (var i = 0; i < 4; i++) { x += 0.5 * item.p; }
        return x;
    }",
    "fn shifts(item: Item) -> f32 { return 2.0 * item.p; }",
];
const PEAKS: [&str; 2] = [
    "fn peaks(item: Item, row: Row) -> vec2<f32> {
        var x = vec2(item.p, row.factor);
        var i = 0;
        while (i < item.n) { i++; x += vec2(item.p * item.p, item.p); }
        return x;
    }",
    "fn peaks(item: Item, row: Row) -> vec2<f32> {
        return vec2(item.p, row.factor) + f32(item.n) * vec2(item.p * item.p, item.p);
    }",
];
/// As many terms of a geometric series as an integer of the item says.
const SUMS: [&str; 2] = [
    "fn series(x: f32, n: i32) -> f32 {
        var y = 0.0;
        var power = 1.0;
        for (var i = 0; i < 5; i++) {
            if (i >= n) { break; }
            power *= x;
            y += power;
        }
        return y;
    }
    fn sums(item: Item, picked: Item, shifts: f32) -> Sums {
        return Sums(series(item.p, item.n), vec2(item.p * series(picked.p, item.n), exp(2.0 * item.p - shifts)));
    }",
    "fn series(x: f32, n: i32) -> f32 {
        let all = array(0.0, x, x + x * x, x + x * x + x * x * x, x * (1.0 + x * (1.0 + x * (1.0 + x))));
        return all[n];
    }
    fn sums(item: Item, picked: Item, shifts: f32) -> Sums {
        return Sums(series(item.p, item.n), vec2(item.p * series(picked.p, item.n), exp(2.0 * item.p - shifts)));
    }",
];
const SECOND_SUMS: [&str; 2] = [
    "fn second_sums(item: Item, row: Row, sums: Sums, peaks: vec2<f32>) -> f32 {
        var x = item.p;
        var i = 0u;
        loop {
            if (i == 3u) { break; }
            for (var k = 0; k < 2; k++) { if (k == 1) { continue; } x += 0.125 * sums.all.x * item.p; }
            continuing { i++; }
        }
        return x * peaks.y * row.factor;
    }",
    "fn second_sums(item: Item, row: Row, sums: Sums, peaks: vec2<f32>) -> f32 {
        return item.p * (1.0 + 0.375 * sums.all.x) * peaks.y * row.factor;
    }",
];
/// A square root by Newton's method.
const VALUE: [&str; 2] = [
    "fn value(picked: Item, row: Row, shifts: f32, peaks: vec2<f32>, sums: Sums, second_sums: f32) -> f32 {
        let x = 2.0 + sums.powers * sums.powers;
        var root = x;
        for (var i = 0; i < 40 + row.times; i++) { root = 0.5 * (root + x / root); }
        return root * picked.p + tanh(peaks.x) + second_sums + shifts + log(sums.all.y);
    }",
    "fn value(picked: Item, row: Row, shifts: f32, peaks: vec2<f32>, sums: Sums, second_sums: f32) -> f32 {
        let root = sqrt(2.0 + sums.powers * sums.powers);
        return root * picked.p + tanh(peaks.x) + second_sums + shifts + log(sums.all.y);
    }",
];

fn inputs_of(dtype: DType, shape: &[usize], random: &mut Random) -> Inputs {
    let (classes, rows) = rows_of(shape);
    let count: usize = rows.iter().product();
    let p = tensor(dtype, shape, &numbers(classes * count, -1.0, 1.0, random));
    let mut integers = |shape: &[usize], below: usize| {
        let all: Vec<f64> =
            (0..shape.iter().product()).map(|_| random.below(below) as f64).collect();
        tensor(DType::I32, shape, &all)
    };
    let (n, times) = (integers(shape, 5), integers(&rows, 7));
    let target = integers(&rows, classes);
    let factor = tensor(F32, &rows, &numbers(count, 0.5, 2.0, random));
    vec![("p", p), ("n", n), ("factor", factor), ("times", times), ("target", target)]
}

#[test]
fn loops_and_what_they_stand_for() {
    let functions = [SHIFTS, PEAKS, SUMS, SECOND_SUMS, VALUE];
    let text = |looped: &dyn Fn(usize) -> bool| -> String {
        let own = functions.iter().enumerate().map(|(i, own)| own[usize::from(!looped(i))]);
        [DECLARED].into_iter().chain(own).collect::<Vec<_>>().join("\n")
    };
    let made = |text: &str| Custom::new(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let plain = made(&text(&|_| false));
    let mut random = Random(91);
    let shapes = [&[5][..], &[9, 3], &[2, 7, 40], &[3, 300], &[1, 2500], &[2, 2, 33, 3]];
    for (looped, shape) in shapes.into_iter().enumerate() {
        // Each alone, and then all.
        let loss = made(&text(&|i| i == looped || looped == functions.len()));
        for (k, shape) in [shape, &[6, 11]].into_iter().enumerate() {
            let inputs = inputs_of(F32, shape, &mut random);
            for gradients in [&["p", "factor"][..], &[]] {
                let reduction = super::REDUCTIONS[(looped + k) % 3];
                let request = Request { reduction, gradients, ..Request::default() };
                let batch = Batch { inputs: &inputs, request, ..Batch::default() };
                let what = format!("{looped}, {shape:?}, {gradients:?}");
                assert_same(&what, &loss, &plain, &batch);
                assert_agrees(&what, &loss, &batch);
            }
        }
        let inputs = inputs_of(DType::F64, &[2, 4], &mut random);
        assert!(assert_differences("loops", &loss, &inputs, &["p", "factor"]) > 4, "{looped}");
    }
}

/// A loop of some statements over `x`.
fn looped(known: &[&str], random: &mut Random) -> String {
    let expression = |random: &mut Random| super::expression(known, 1, random);
    let rounds = 1 + random.below(6);
    let step = match random.below(4) {
        0 => format!("x = 0.5 * x + {};", expression(random)),
        1 => {
            format!("if (x > {}) {{ continue; }} x += {};", expression(random), expression(random))
        }
        2 => format!("x = tanh(x + {}); if (i > 2 && x < 0.1) {{ break; }}", expression(random)),
        _ => {
            format!("for (var k = 0; k < i; k++) {{ x = 0.8 * x + 0.1 * {}; }}", expression(random))
        }
    };
    let start = expression(random);
    format!("var x = {start}; for (var i = 0; i < {rounds}; i++) {{ {step} }} return x;")
}

/// Both backends agree with the reference, and that with differences.
#[test]
fn random_loops() {
    let mut random = Random(92);
    let mut compared = 0;
    for round in 0..12 {
        let mut text = String::from(DECLARED);
        let mut known = vec!["row.factor", "picked.p", "0.75"];
        let item = ["item.p", "f32(item.n)", "item.p", "row.factor"];
        let mut taken = String::from("row: Row, picked: Item");
        if round % 2 == 0 {
            let body = looped(&item, &mut random);
            text += &format!("fn peaks(item: Item, row: Row) -> f32 {{ {body} }}\n");
            taken += ", peaks: f32";
            known.push("peaks");
        }
        for (name, own) in [("sums", true), ("second_sums", round % 3 == 0)] {
            if own {
                let body = looped(&[&item[..], &known].concat(), &mut random);
                text += &format!("fn {name}(item: Item, {taken}) -> f32 {{ {body} }}\n");
                taken += &format!(", {name}: f32");
                known.push(name);
            }
        }
        let body = looped(&known, &mut random).replace("return x;", "return x + sums;");
        text += &format!("fn value({taken}) -> f32 {{ {body} }}\n");
        let loss = match Custom::new(&text) {
            Ok(loss) => loss,
            Err(error) if error.to_string().contains("does not change") => continue,
            Err(error) => panic!("{error}\n{text}"),
        };
        let inputs = inputs_of(DType::F64, &[3, 5], &mut random);
        let request = Request { gradients: &["p"], ..Request::default() };
        assert_agrees(&text, &loss, &Batch { inputs: &inputs, request, ..Batch::default() });
        compared += assert_differences(&text, &loss, &inputs, &["p"]);
    }
    assert!(compared > 60, "{compared}");
}

/// As many rounds as a number of the row says, for each item.
const TIMES: &str = "
struct Item { p: f32 }
struct Row { times: i32 }
fn sums(item: Item, row: Row) -> f32 {
    var x = 0.0;
    for (var i = 0; i < row.times; i++) { x += item.p; }
    return x;
}
fn value(sums: f32) -> f32 { return sums; }";

fn times_of(classes: usize, times: f64) -> Inputs {
    let p: Vec<f64> = (0..2 * classes).map(|i| ((i % 32) as f64 - 16.0) / 64.0).collect();
    vec![("p", tensor(F32, &[2, classes], &p)), ("times", tensor(DType::I32, &[2], &[times, 3.0]))]
}

/// Longer rows leave fewer rounds to each item, and so do more functions with loops.
#[test]
fn as_many_rounds_as_there_may_be() {
    let twice = TIMES.replace("fn value(sums: f32) -> f32 { return sums; }", "")
        + "fn second_sums(item: Item, row: Row, sums: f32) -> f32 {
            var x = 0.0;
            for (var i = 0; i < row.times; i++) { x += item.p * sums; }
            return x;
        }
        fn value(sums: f32, second_sums: f32) -> f32 { return sums + 0.0 * second_sums; }";
    let [once, twice] = [TIMES, &twice].map(|text| Custom::new(text).expect("a loss"));
    for (loss, classes, most) in [
        (&once, 1, 4000),
        (&once, 512, 4000),
        (&once, 513, 3247),
        (&once, 2048, 1622),
        (&once, 2049, 1297),
        (&once, 5000, 647),
        (&once, 70_000, 44),
        (&twice, 1001, 1622),
        (&twice, 5000, 322),
    ] {
        for (times, fits) in [(most, true), (most + 1, false)] {
            let inputs = times_of(classes, f64::from(times));
            let reduction = Reduction::None;
            let request = Request { reduction, gradients: &["p"], ..Request::default() };
            let batch = Batch { inputs: &inputs, request, ..Batch::default() };
            let p = inputs[0].1.to_f32();
            for (name, backend) in backends() {
                let what = format!("{classes} classes, {times} rounds on {name}");
                match backend.evaluate_blocking(loss, &batch) {
                    Ok(got) => {
                        assert!(fits, "{what}");
                        let times = [f64::from(times), 3.0];
                        let sum = |r: usize| -> f64 {
                            let row = &p[r * classes..(r + 1) * classes];
                            row.iter().map(|&x| f64::from(x) * times[r]).sum()
                        };
                        let value = got.value.as_ref().expect("a value").to_f32();
                        assert_close(&what, &value, &[sum(0), sum(1)], classes as f64 * times[0]);
                        let slopes: Vec<f64> =
                            (0..2 * classes).map(|i| times[i / classes]).collect();
                        assert_close(&what, &got.gradients[0].1.to_f32(), &slopes, times[0]);
                    }
                    Err(error) => {
                        assert!(!fits, "{what}: {error}");
                        let want = format!(
                            "line 6, column 5: in row 0 at class 0 with p = -0.25 the loops of sums take more than \
                             {most} rounds in all, which is as many as every driver makes of rows of {classes} classes"
                        );
                        assert!(error.to_string().ends_with(&want), "{what}: {error}");
                    }
                }
            }
        }
    }
}

/// Wherever a loop goes on for ever it is said, also where nothing else would show it.
#[test]
fn too_many_rounds() {
    let forever = |x: &str| format!("var x = {x}; while (item.p > 0.7) {{ x += 0.5; }} return x;");
    let of_row = "var x = sums; while (row.bound > 0.5) { x += 0.5; } return sums;";
    let plain = "return item.p;";
    let sum = "return sums;";
    // Second sums, maxima and shifts that the loss hardly minds.
    for (functions, place, name) in [
        ([plain, plain, &forever("item.p"), plain, sum], "at class 2 with p = 0.75", "sums"),
        ([plain, &forever("item.p"), plain, plain, sum], "at class 2 with p = 0.75", "peaks"),
        ([&forever("-4.0"), plain, plain, plain, sum], "at class 2 with p = 0.75", "shifts"),
        ([plain, plain, plain, &forever("item.p"), sum], "at class 2 with p = 0.75", "second_sums"),
        ([plain, plain, plain, plain, of_row], "", "value"),
    ] {
        let [shifts, peaks, sums, second_sums, value] = functions;
        let source = format!(
            "struct Item {{ p: f32 }}
            struct Row {{ bound: f32, target: i32 }}
            struct Parameters {{ ignore_index: i32 }}
            fn shifts(item: Item) -> f32 {{ {shifts} }}
            fn peaks(item: Item) -> f32 {{ {peaks} }}
            fn sums(item: Item) -> f32 {{ {sums} }}
            fn second_sums(item: Item, shifts: f32, peaks: f32, sums: f32) -> f32 {{ {second_sums} }}
            fn value(row: Row, picked: Item, sums: f32, second_sums: f32, c: Parameters) -> f32 {{ {value} }}"
        );
        let mut loss = Custom::new(&source).unwrap_or_else(|e| panic!("{e}\n{source}"));
        loss.set("ignore_index", 1.0).expect("a parameter");
        let p = [0.75, 0.75, 0.75, 0.75, 0.25, 0.0, 0.5, 0.25, 0.0, 0.5, 0.75, 1.0];
        let inputs = |marked: [f64; 3]| -> Inputs {
            vec![
                ("p", tensor(F32, &[3, 4], &p)),
                ("bound", tensor(F32, &[3], &[1.0, 0.0, 1.0])),
                ("target", tensor(DType::I64, &[3], &marked)),
            ]
        };
        for (name_of, backend) in backends() {
            let what = format!("{name} on {name_of}");
            // The first row is ignored, as is its loop.
            let refused = inputs([1.0, 0.0, 3.0]);
            for (reduction, value, gradients) in [
                (Reduction::None, true, &["p"][..]),
                (Reduction::Sum, true, &[]),
                (Reduction::Mean, false, &["p"]),
            ] {
                let request = Request { reduction, value, gradients, ..Request::default() };
                let batch = Batch { inputs: &refused, request, ..Batch::default() };
                let answers = [
                    backend.evaluate_blocking(&loss, &batch),
                    backend.evaluate_to_blocking(&loss, &batch, &mut Nothing),
                ];
                for answer in answers {
                    match answer {
                        Err(Error::Custom { line, column, reason }) => {
                            let before = &source[..source.find("while (").expect("a loop")];
                            let own = before.rsplit('\n').next().expect("a line").len();
                            let at = (1 + before.matches('\n').count(), 1 + own);
                            assert_eq!((line, column), at, "{what}: {reason}");
                            let want =
                                format!("in row 2 {place} the loops of {name} take more than ");
                            let want = want.replace("  ", " ");
                            assert!(reason.starts_with(&want), "{what}: {reason}");
                        }
                        other => panic!("{what}, {reduction}, {gradients:?}: {other:?}"),
                    }
                }
            }
            let rest = inputs([1.0, 0.0, 1.0]);
            let request = Request { gradients: &["p"], ..Request::default() };
            let batch = Batch { inputs: &rest, request, ..Batch::default() };
            let answer = backend.evaluate_blocking(&loss, &batch);
            let answer = answer.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(answer.scalar(), Some(1.0), "{what}");
            let want = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
            assert_eq!(answer.gradients[0].1.to_f32()[..], want, "{what}");
        }
        // The reference has no number either.
        let refused = inputs([1.0, 0.0, 3.0]);
        let request = Request { reduction: Reduction::None, ..Request::default() };
        let batch = Batch { inputs: &refused, request, ..Batch::default() };
        let value = reference::evaluate(&loss, &batch).expect("a valid batch").value;
        assert!(value[2].is_nan() && value[..2] == [0.0, 1.0], "{name}: {value:?}");
    }
}

/// NaN that no loop makes stays what it is.
#[test]
fn nan_beside_loops() {
    let loss = Custom::new(TIMES).expect("a loss");
    let p = [1.0, f64::NAN, 2.0, 3.0];
    let times = tensor(DType::I32, &[2], &[1000.0, 1000.0]);
    let inputs = [("p", tensor(F32, &[2, 2], &p)), ("times", times)];
    let request = Request { reduction: Reduction::None, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    for (name, backend) in backends() {
        let answer = backend.evaluate_blocking(&loss, &batch).unwrap_or_else(|e| panic!("{e}"));
        let value = answer.value.expect("a value");
        assert!(value.to_f32()[0].is_nan() && value.to_f32()[1] == 5000.0, "{name}: {value:?}");
    }
}

/// Rows that leave no round to their items, on any device, or on one whose workgroups have few lanes.
#[test]
fn rows_that_are_too_long() {
    let loss = Custom::new(TIMES).expect("a loss");
    let batch_of = |classes: usize| {
        let p = tensor(F32, &[1, classes], &vec![0.0; classes]);
        [("p", p), ("times", tensor(DType::I32, &[1], &[0.0]))]
    };
    let (long, short) = (batch_of(950_785), batch_of(600));
    for (name, backend) in backends() {
        let answer = backend.evaluate_blocking(&loss, &Batch { inputs: &long, ..Batch::default() });
        let want = "p: 950785 classes, at most 950784 (rounds of a loop)";
        assert_eq!(answer.expect_err(name).to_string(), want, "{name}");
    }
    let array =
        "var x: array<f32, 13>; for (var i = 0; i < row.times; i++) { x[i] += item.p; } return x;";
    let many = TIMES
        .replace(
            "fn sums(item: Item, row: Row) -> f32 {",
            "fn sums(item: Item, row: Row) -> array<f32, 13> { ",
        )
        .replace("var x = 0.0;\n", array)
        .replace("    for (var i = 0; i < row.times; i++) { x += item.p; }\n    return x;\n", "")
        .replace(
            "(sums: f32) -> f32 { return sums;",
            "(sums: array<f32, 13>) -> f32 { return sums[0];",
        );
    let many = Custom::new(&many).unwrap_or_else(|e| panic!("{e}\n{many}"));
    let backend = with_limits(wgpu::Limits {
        max_compute_workgroup_storage_size: 1 << 12,
        ..wgpu::Limits::downlevel_defaults()
    });
    let answer = backend.evaluate_blocking(&many, &Batch { inputs: &short, ..Batch::default() });
    let want = "p: 600 classes, at most 4 (rounds of a loop)";
    assert_eq!(answer.expect_err("few lanes").to_string(), want);
    assert!(
        backend.evaluate_blocking(&loss, &Batch { inputs: &short, ..Batch::default() }).is_ok()
    );
}

/// Lanes that go different ways through loops take turns, and a driver's count goes on for all of them.
#[test]
fn loops_that_lanes_go_through_by_turns() {
    const DECLARED: &str = "struct Item { p: f32, one: i32, other: i32 }
        fn value(sums: f32) -> f32 { return sums; }\n";
    let after = "fn sums(item: Item) -> f32 {
        var x = 0.0;
        for (var i = 0; i < item.one; i++) { x += item.p; }
        for (var i = 0; i < item.other; i++) { x += item.p; }
        return x;
    }";
    let within = "fn sums(item: Item) -> f32 {
        var x = 0.0;
        for (var i = 0; i < 64; i++) {
            if (i % 8 == item.one) { for (var k = 0; k < item.other / 64; k++) { x += item.p; } }
        }
        return x;
    }";
    let classes = 2048;
    for (text, most, times) in [(after, 810, 809.0), (within, 99, 8.0)] {
        let loss = Custom::new(&[DECLARED, text].concat()).unwrap_or_else(|e| panic!("{e}"));
        // A lane's quads all go the same way, and the next lane's another.
        let turn = |i: usize| i / 4 % 8;
        let column =
            |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..classes).map(|i| of(turn(i))).collect() };
        let [one, other] = match text == after {
            true => [0, 1].map(|own| column(&|turn| if turn % 2 == own { times } else { 0.0 })),
            false => [column(&|turn| turn as f64), column(&|_| 64.0)],
        };
        let integers = |all: &[f64]| tensor(DType::I32, &[1, classes], all);
        let inputs = [
            ("p", tensor(F32, &[1, classes], &vec![0.25; classes])),
            ("one", integers(&one)),
            ("other", integers(&other)),
        ];
        let request = Request { gradients: &["p"], ..Request::default() };
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        for (name, backend) in backends() {
            let answer = backend.evaluate_blocking(&loss, &batch);
            let answer = answer.unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
            let wrong = answer.gradients[0].1.to_f32().iter().position(|&x| f64::from(x) != times);
            assert_eq!(wrong, None, "{name}: {text}");
        }
        let more = integers(&vec![1e6; classes]);
        let inputs = [inputs[0].clone(), ("one", more.clone()), ("other", more)];
        let loss = Custom::new(&[DECLARED, &text.replace("item.one)", "0)")].concat());
        let batch = Batch { inputs: &inputs, ..Batch::default() };
        for (name, backend) in backends() {
            let answer = backend.evaluate_blocking(loss.as_ref().expect("a loss"), &batch);
            let error = answer.expect_err(name).to_string();
            assert!(error.contains(&format!("more than {most} rounds")), "{name}: {error}");
        }
    }
}
