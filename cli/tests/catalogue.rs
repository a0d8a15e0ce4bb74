//! `list` and `show` know every loss.

use crate::common::{data, run};
use serde_json::{Value, json};

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

#[test]
fn list_for_programs() {
    let listed = |arguments: &[&str]| {
        let run = run(&data(), &[&["list", "--json"], arguments].concat());
        let array = run.json();
        array.as_array().expect("an array").clone()
    };
    let losses = wgloss::catalogue();
    let all = listed(&[]);
    assert_eq!(all.len(), losses.len());
    for (mut loss, entry) in losses.into_iter().zip(&all) {
        let definition = loss.definition();
        assert_eq!(entry["name"], definition.name);
        assert_eq!(entry["aliases"], json!(definition.aliases));
        assert_eq!(entry["formula"], definition.formula);
        assert_eq!(entry["documentation"], loss.documentation());
        assert_eq!(entry["arguments"], json!(definition.arguments));
        assert_eq!(entry["reductions"][0], definition.reductions[0].name());
        let inputs = entry["inputs"].as_array().expect("an array");
        assert_eq!(inputs.len(), definition.inputs.len());
        for (input, entry) in definition.inputs.iter().zip(inputs) {
            assert_eq!(entry["name"], input.name);
            assert_eq!(entry["optional"], input.optional);
            assert_eq!(entry["differentiable"], input.differentiable);
        }
        let options = entry["options"].as_array().expect("an array");
        assert_eq!(options.len(), loss.options().len());
        // What is listed as the default is taken as a value, and stays the default.
        for (entry, (name, value)) in options.iter().zip(loss.values()) {
            assert_eq!(entry["name"], name);
            let text = entry["default"].as_str().map_or(entry["default"].to_string(), String::from);
            let place = loss.options().iter().position(|(own, _)| *own == name).expect("there");
            assert_eq!(loss.options()[place].1.set(name, &text), Ok(()));
            assert_eq!(loss.options()[place].1.value(), value);
        }
    }
    let huber = &listed(&["huber"])[0];
    let delta = json!([{
        "name": "delta", "type": "number", "default": 1.0, "valid": "a finite number above 0",
        "choices": [], "documentation": "Where the quadratic part ends; above 0.",
    }]);
    assert_eq!(huber["options"], delta);
    let weight = json!({
        "name": "weight", "role": "weight", "domain": "non_negative", "optional": true,
        "differentiable": true, "documentation": "A factor of each term.",
    });
    assert_eq!(huber["inputs"][2], weight);
}

#[test]
fn list_of_some() {
    let names = |filter: &str| -> Vec<String> {
        let run = run(&data(), &["list", "--json", filter]);
        let name = |entry: &Value| entry["name"].as_str().expect("a name").into();
        run.json().as_array().expect("an array").iter().map(name).collect()
    };
    assert_eq!(names("MARGIN-RANKING"), ["margin_ranking_loss"], "another spelling");
    assert_eq!(names("nn.CrossEntropyLoss"), ["cross_entropy"], "another spelling");
    assert_eq!(names("pinball"), ["quantile_loss"], "an alias");
    assert_eq!(names("alignments"), ["ctc_loss"], "a summary");
    let triplets = names("Triplet");
    assert_eq!(triplets, ["triplet_margin_loss", "triplet_margin_with_distance_loss"]);
    let text = run(&data(), &["list", "triplet"]).out;
    assert!(text.contains("triplet_margin_loss") && !text.contains("mse_loss"), "{text}");
    let table = run(&data(), &["list", "triplet", "--markdown"]).out;
    assert_eq!(table.lines().count(), 2 + triplets.len());
}

#[test]
fn the_program_says_its_own_name() {
    let version = run(&data(), &["--version"]);
    let expected = format!("wgloss {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.code, version.out), (Some(0), expected));
    let help = run(&data(), &["--help"]);
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    assert!(help.out.contains("Usage: wgloss") && help.out.contains("target_out_of_range"));
}

#[test]
fn the_program_is_a_function_too() {
    let code = |arguments: &[&str]| {
        wgloss_cli::run(["wgloss"].iter().chain(arguments).map(std::ffi::OsString::from))
    };
    assert_eq!(code(&["--version"]), 0);
    assert_eq!(code(&["list", "--markdown", "--json"]), 2);
}
