//! Texts of losses over rows that are refused, with their places and reasons.

use super::everything;
use wgloss::{Custom, Error, Loss};

#[test]
fn what_is_refused() {
    const ITEM: &str = "struct Item { p: f32 }\n";
    for (text, line, reason) in [
        (
            "fn value(sums: f32) -> f32 { return sums; }",
            2,
            "sums are what fn sums gives, which is missing",
        ),
        ("fn sums(item: Item) -> f32 { return item.p; }", 1, "fn value(...) -> f32 is missing"),
        (
            "fn value() -> f32 { return 1.0; }",
            1,
            "has fn sums(item: Item, ...), fn running_sums(item: Item, ...) or fn peaks",
        ),
        (
            "fn sums(item: Item) -> i32 { return 1; }\nfn value(sums: i32) -> f32 { return 1.0; }",
            2,
            "sums gives something else than f32, or a vector, an array or a struct of f32",
        ),
        (
            "fn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32) -> i32 { return 1; }",
            3,
            "value gives something else than f32",
        ),
        (
            "fn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: vec2<f32>) -> f32 { return sums.x; }",
            3,
            "sums is not of the type that fn sums gives",
        ),
        (
            "fn sums(item: Item, sums: f32) -> f32 { return item.p; }\nfn value(sums: f32) -> f32 { return sums; }",
            2,
            "sums takes item: Item, picked: Item, row: Row, shifts, peaks and Parameters, and no sums",
        ),
        (
            "fn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32, q: f32) -> f32 { return q; }",
            3,
            "and no q",
        ),
        (
            "fn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32, picked: Item) -> f32 { return sums; }",
            3,
            "struct Row has no target",
        ),
        (
            "fn running_sums(item: Item) -> f32 { return item.p; }\nfn value(running_sums: f32) -> f32 { return 1.0; }",
            3,
            "and no running_sums",
        ),
        (
            "struct Row { a: f32, b: f32, c: f32, d: f32, e: i32, f: f32, g: f32, target: u32, h: f32, i: f32 }\nfn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32) -> f32 { return sums; }",
            2,
            "Row has 9 inputs beside the target, expected at most 8",
        ),
        (
            "fn sums(item: Item) -> f32 { return item.p; }\nfn running_sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32) -> f32 { return sums; }",
            3,
            "running_sums are for fn second_sums, which takes those up to its item: none does",
        ),
        (
            "fn running_sums(item: Item) -> f32 { return item.p; }\nfn second_sums(item: Item) -> f32 { return item.p; }\nfn value(second_sums: f32) -> f32 { return second_sums; }",
            2,
            "running_sums are for fn second_sums",
        ),
        (
            "fn running_sums(item: Item) -> array<f32, 5> { return array(item.p, 1.0, 1.0, 1.0, 1.0); }\nfn second_sums(running_sums: array<f32, 5>) -> f32 { return running_sums[0]; }\nfn value(second_sums: f32) -> f32 { return second_sums; }",
            2,
            "running_sums gives 5 numbers, expected at most 4",
        ),
        (
            "fn running_sums(item: Item) -> f32 { return item.p; }\nfn second_sums(running_sums: f32) -> f32 { var x = 0.0; for (var i = 0; i < 9; i++) { x += running_sums; } return x; }\nfn value(second_sums: f32) -> f32 { return second_sums; }",
            3,
            "second_sums loops, and losses with running_sums have no loops",
        ),
        (
            "fn sums(item: Item) -> vec4<f32> { return vec4(item.p); }\nfn running_sums(item: Item, sums: vec4<f32>) -> vec4<f32> { return vec4(item.p * dot(sums, sums)); }\nfn second_sums(running_sums: vec4<f32>) -> f32 { return dot(running_sums, running_sums); }\nfn value(second_sums: f32) -> f32 { return second_sums; }",
            3,
            "4 running sums come to 20 with those that derivatives by sums, maxima and what items share need, expected at most 16",
        ),
        (
            "fn sums(item: Item) -> f32 { return item.p + lost(1.0); }\nfn value(sums: f32) -> f32 { return sums; }",
            2,
            "no definition in scope for identifier: `lost`",
        ),
        (
            "fn sums(item: Item) -> f32 { return 1.0; }\nfn value(sums: f32) -> f32 { return sums; }",
            3,
            "the loss does not change with p: it has no derivative by that",
        ),
        (
            "fn sums(item: Item) -> f32 { var x = item.p;\nloop { x *= x; } return x; }\nfn value(sums: f32) -> f32 { return sums; }",
            3,
            "this loop never ends",
        ),
        (
            "fn peaks(item: Item) -> vec4<f32> { var x = vec4(item.p); for (var i = 0; i < 3; i++) { x *= x; } return x; }\nfn value(peaks: vec4<f32>) -> f32 { return peaks.x; }",
            2,
            "peaks with loops are more than 3 numbers",
        ),
        (
            "fn twice(x: f32) -> f32 { var y = 0.0; while (y < x) { y += x; } return y; }\nfn peaks(item: Item) -> vec2<f32> { return vec2(item.p); }\nfn shifts(item: Item) -> vec2<f32> { return vec2(twice(item.p)); }\nfn value(peaks: vec2<f32>, shifts: vec2<f32>) -> f32 { return peaks.x; }",
            4,
            "shifts and peaks with loops are more than 3 numbers together",
        ),
        (
            "fn peaks(item: Item) -> vec4<f32> { return vec4(item.p); }\nfn shifts(item: Item) -> f32 { return item.p; }\nfn value(peaks: vec4<f32>, shifts: f32) -> f32 { return peaks.x; }",
            3,
            "shifts and peaks are more than 4 numbers together",
        ),
        (
            "fn peaks(item: Item) -> vec4<f32> { return vec4(item.p); }\nfn sums(item: Item, peaks: vec4<f32>) -> vec4<f32> { return vec4(item.p * dot(peaks, peaks)); }\nfn value(peaks: vec4<f32>, sums: vec4<f32>) -> f32 { return sums.x; }",
            4,
            "4 sums of a row come to 24",
        ),
        (
            "struct Row { p: f32 }\nfn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32) -> f32 { return sums; }",
            2,
            "p is a member of Item and of Row: rename one",
        ),
        (
            "struct Row { q: vec2<f32> }\nfn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32) -> f32 { return sums; }",
            2,
            "q of Row is not f32, i32, u32 or bool",
        ),
        (
            "struct Row { classes: f32 }\nfn sums(item: Item) -> f32 { return item.p; }\nfn value(sums: f32) -> f32 { return sums; }",
            2,
            "classes of Row is the number of classes, an i32 or u32: give an input another name",
        ),
    ] {
        let text = [ITEM, text].concat();
        match Custom::new(&text) {
            Err(Error::Custom { line: own, reason: got, .. }) => {
                assert!(got.contains(reason), "{text}\n{got}");
                assert_eq!(own, line, "{text}\n{got}");
            }
            other => panic!("{text}\n{other:?}"),
        }
    }
    let misspelt = "struct Items { p: f32 }
        fn sums(item: Items) -> f32 { return item.p; }
        fn value(sums: f32) -> f32 { return sums; }";
    let error = Custom::new(misspelt).expect_err("no struct Item").to_string();
    assert!(error.contains("line 2, column 9: value takes what fn sums gives"), "{error}");
    let loss = everything();
    let error = loss.derivative("a").expect_err("no derivative that is a loss");
    assert!(error.to_string().contains("no loss over rows"), "{error}");
    for (name, reason) in [
        ("power", "power is i32: there are gradients by f32 only"),
        ("target", "target is u32: there are gradients by f32 only"),
        ("kept", "kept is bool: there are gradients by f32 only"),
    ] {
        let error = loss.check_gradient(loss.definition().input(name).expect("an input"));
        assert!(error.expect_err("no gradient").to_string().contains(reason));
    }
}
