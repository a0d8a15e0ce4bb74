//! Names of the user's that kernels or derived text have too.

use super::{F32, numbers};
use crate::common::{Random, assert_agrees, tensor};
use wgloss::{Batch, Custom, Request};

/// A user's names may be those of the kernels, and of the functions that are written.
#[test]
fn names_of_the_user() {
    let source = "
        struct Item { input: f32, other: f32 }
        struct Sums { known: f32, own: f32 }
        const total: f32 = 2.0;
        fn row_sums(x: f32) -> f32 { return total * x; }
        fn sums_of_item(x: f32) -> f32 { return row_sums(x); }
        fn gradient(x: f32) -> f32 { return sums_of_item(x) * x; }
        fn sums(item: Item) -> Sums {
            let peak = gradient(item.input);
            let trunc = item.input % item.other;
            let sign = Sums(peak + 0.1 * (trunc % item.other), item.input);
            return sign;
        }
        fn value(sums: Sums) -> f32 { return sums.known / sums.own; }";
    let loss = Custom::new(source).unwrap_or_else(|e| panic!("{e}"));
    let inputs = [
        ("input", tensor(F32, &[2, 3], &[1.0, 2.0, 3.0, 0.5, 1.5, -1.0])),
        ("other", tensor(F32, &[2, 3], &[0.7, 0.8, 0.7, 1.7, 0.4, 0.3])),
    ];
    let request = Request::with_gradients(&["input", "other"]);
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    assert_agrees("names", &loss, &batch);
}

/// Members have any name that WGSL allows, those of functions, kernels and what is derived too.
#[test]
fn names_of_members() {
    let all = [
        ["sums", "peaks", "shifts", "running_sums", "second_sums", "later"],
        ["loss", "value", "known", "row", "item", "picked"],
        ["part", "first", "end", "numbers", "words", "input_1"],
        ["scratch", "status", "total", "state", "peak_0", "sum_0"],
    ];
    for (k, names) in all.iter().enumerate() {
        let of_row = all[(k + 1) % 4];
        let declared = |names: &[&str; 6]| names.map(|name| format!("{name}: f32, ")).concat();
        let added = |of: &str, names: &[&str; 6]| {
            names.map(|name| format!("{of}.{name} * {of}.{name}")).join(" + ")
        };
        let source = format!(
            "struct Item {{ {} }}
            struct Row {{ {} }}
            fn peaks(item: Item) -> f32 {{ return item.{}; }}
            fn sums(item: Item, row: Row) -> f32 {{ return {} + {}; }}
            fn running_sums(item: Item) -> f32 {{ return item.{}; }}
            fn second_sums(item: Item, sums: f32, running_sums: f32) -> f32 {{
                return 0.1 * item.{} * (sums + running_sums);
            }}
            fn value(peaks: f32, sums: f32, second_sums: f32) -> f32 {{
                return sums + second_sums + peaks;
            }}",
            declared(names),
            declared(&of_row),
            names[0],
            added("item", names),
            added("row", &of_row),
            names[1],
            names[2]
        );
        let loss = Custom::new(&source).unwrap_or_else(|e| panic!("{source}: {e}"));
        let mut random = Random(96);
        let of = |name, shape: &[usize], random: &mut Random| {
            let count = shape.iter().product();
            (name, tensor(F32, shape, &numbers(count, -1.0, 1.0, random)))
        };
        let items = names.map(|name| of(name, &[2, 3], &mut random));
        let rows = of_row.map(|name| of(name, &[2], &mut random));
        let inputs = [items, rows].concat();
        let request = Request::with_gradients(names);
        let batch = Batch { inputs: &inputs, request, ..Batch::default() };
        assert_agrees(&source, &loss, &batch);
    }
}
