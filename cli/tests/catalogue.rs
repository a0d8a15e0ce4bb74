//! `list` and `show` know every loss.

use crate::common::{data, run};

#[test]
fn list_has_every_loss() {
    let list = run(&data(), &["list"]);
    let table = run(&data(), &["list", "--markdown"]);
    assert_eq!((list.code, table.code), (Some(0), Some(0)));
    let rows: Vec<_> = table.out.lines().skip(2).collect();
    let losses = wgloss::catalogue();
    assert_eq!(rows.len(), losses.len());
    for (mut loss, row) in losses.into_iter().zip(rows) {
        let definition = loss.definition();
        assert!(list.out.contains(definition.summary), "{}", definition.name);
        for input in definition.inputs {
            assert!(row.contains(&format!("`{}`", input.name)), "{row}");
        }
        for (name, value) in loss.options() {
            let option = format!("{name}={}", value.value());
            assert!(row.contains(&option) && list.out.contains(&option), "{row}");
        }
        assert!(row.contains(&definition.formula.replace('|', "\\|")), "{row}");
        assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
    }
    assert_eq!(run(&data(), &["list", "--markdown"]).out, table.out, "the same every time");
}

#[test]
fn the_readme_has_the_table() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(readme).expect("a README");
    let table = run(&data(), &["list", "--markdown"]).out;
    assert!(readme.contains(&table), "put `wgloss list --markdown` into README.md:\n{table}");
}

#[test]
fn show_has_the_kernels_of_every_loss() {
    for loss in wgloss::catalogue() {
        let definition = loss.definition();
        let show = run(&data(), &["show", definition.name]);
        assert_eq!((show.code, show.err.as_str()), (Some(0), ""), "{show:?}");
        for part in [definition.formula, "@compute", "fn main("] {
            assert!(show.out.contains(part), "{}: {part}", definition.name);
        }
    }
    let show = run(&data(), &["show", "huber", "delta=2.5"]);
    assert!(show.out.contains("delta=2.5"), "{show:?}");
}
