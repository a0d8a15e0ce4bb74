//! `bench` times the workloads, and says what they are.

use crate::common::{self, Run, folder, names, run, run_without_adapter};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The rows of one workload's run with `--json`, which shows a table on standard error: each place, the
/// head, and each row.
fn rows(run: &Run) -> Vec<Value> {
    let rows = run.json()["rows"].as_array().expect("rows").clone();
    assert_eq!(run.err.lines().count(), 2 * rows.len() + 2, "{run:?}");
    rows
}

fn number(object: &Value, field: &str) -> f64 {
    object[field].as_f64().unwrap_or_else(|| panic!("no number {field}: {object}"))
}

#[test]
fn rows_have_all_fields() {
    let run = run(folder().path(), &["bench", "small_mse_fwdbwd", "--json"]);
    let rows = rows(&run);
    let backends: Vec<_> = rows.iter().map(|row| row["backend"].as_str()).collect();
    assert_eq!(backends, [Some("gpu"), Some("cpu")]);
    for row in &rows {
        assert_eq!(row["workload"], "small_mse_fwdbwd");
        assert_eq!(row["dtype"], "float32");
        assert!(row["error"].is_null(), "{row}");
        // Two inputs and a gradient of 1024 numbers, and the loss.
        assert_eq!(number(row, "bytes"), 3.0 * 4096.0 + 4.0);
        let (median, min) = (number(row, "median_ms"), number(row, "min_ms"));
        assert!(0.0 < min && min <= median, "{row}");
        let rate = number(row, "bytes") / median / 1e6;
        assert!((number(row, "gb_per_s") / rate - 1.0).abs() < 1e-6, "{row}");
        assert!(number(row, "roof_percent") > 0.0 && number(row, "runs") >= 7.0, "{row}");
        assert_eq!(row["runs_per_sample"], 1);
        let (wall, shortest) = (number(row, "wall_ms"), number(row, "wall_min_ms"));
        assert!(0.0 < shortest && shortest <= wall, "{row}");
    }
    let clocks = ["timestamps", "wall"].map(Value::from);
    assert!(clocks.contains(&rows[0]["clock"]), "{}", rows[0]);
    assert_eq!(rows[1]["clock"], "wall");
    // The mean of the squares of differences of numbers of variance 1.
    let [gpu, cpu] = [0, 1].map(|i| number(&rows[i], "value"));
    assert!((gpu - cpu).abs() < 1e-5 * cpu && (cpu - 2.0).abs() < 0.4, "{gpu} {cpu}");
}

#[test]
fn results_say_on_what() {
    let arguments =
        ["bench", "small_mse_fwdbwd", "--json", "--report", "r.html", "--largest", "1024"];
    let results = run(folder().path(), &arguments).json();
    assert_eq!((&results["form"], &results["program"]), (&json!(1), &json!("wgloss bench")));
    assert_eq!(results["wgloss"], env!("CARGO_PKG_VERSION"));
    assert_eq!(results["reuse"], false);
    let date = results["date"].as_str().expect("a date");
    let shape = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
    assert_eq!(shape.collect::<String>(), "0000-00-00");
    for (what, fields) in [("cpu", &["name"][..]), ("gpu", &["name", "backend", "device_type"])] {
        for field in fields {
            let text = results[what][field].as_str();
            assert!(text.is_some_and(|text| !text.is_empty()), "{what}.{field}: {results}");
        }
    }
    assert!(number(&results["cpu"], "threads") >= 1.0, "{results}");
    // WebGPU's least.
    let limits = &results["gpu"]["limits"];
    assert!(number(limits, "maxStorageBufferBindingSize") >= f64::from(128 << 20), "{limits}");
    for roof in ["gpu_copy_gb_per_s", "cpu_copy_gb_per_s"] {
        assert!(number(&results["roofs"], roof) > 0.0, "{results}");
    }
    let curves = results["sizes"].as_array().expect("curves");
    assert_eq!(curves.len(), 7);
    for curve in curves {
        let points = curve["points"].as_array().expect("points");
        let sizes: Vec<_> = points.iter().map(|point| number(point, "elements")).collect();
        assert_eq!(sizes, [256.0, 1024.0], "{curve}");
        for time in ["gpu_ms", "gpu_with_transfers_ms", "cpu_ms"] {
            assert!(points.iter().all(|point| number(point, time) > 0.0), "{curve}");
        }
    }
}

#[test]
fn narrow_floats_move_half_the_bytes() {
    for (dtype, backend) in [("float16", "gpu"), ("bfloat16", "cpu")] {
        let arguments =
            ["bench", "small_mse_fwdbwd", "--json", "--dtype", dtype, "--backend", backend];
        for row in rows(&run(folder().path(), &arguments)) {
            assert_eq!(row["dtype"], dtype);
            assert_eq!(number(&row, "bytes"), 3.0 * 2048.0 + 4.0);
            assert!((number(&row, "value") - 2.0).abs() < 0.4, "{row}");
        }
    }
}

#[test]
fn reused_memory_has_the_same_loss() {
    let arguments = ["bench", "small_mse_fwdbwd", "--backend", "cpu", "--json", "--reuse"];
    let [new, reused] = [&arguments[..5], &arguments].map(|arguments| {
        let rows = rows(&run(folder().path(), arguments));
        assert_eq!(rows.len(), 1, "{rows:?}");
        number(&rows[0], "value")
    });
    assert_eq!(new.to_bits(), reused.to_bits(), "{new} {reused}");
}

/// Outputs of 64 MB at least, and nothing like the inputs once more.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_what_a_run_adds() {
    let arguments = ["bench", "smooth_l1_fwdbwd", "--backend", "cpu", "--json"];
    let memory = number(&rows(&run(folder().path(), &arguments))[0], "memory_bytes");
    assert!((67.0e6..100.0e6).contains(&memory), "{memory}");
}

#[test]
fn the_table_has_both_backends_and_their_ratio() {
    let run = run(folder().path(), &["bench", "small_mse_fwdbwd"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines.len(), 6, "{run:?}");
    for part in ["median ms", "min ms", "MB moved", "GB/s", "roof", "clock", "gpu gain"] {
        assert!(lines[3].contains(part), "{part}: {run:?}");
    }
    assert!(lines[0].starts_with("gpu ") && lines[1].starts_with("cpu "), "{run:?}");
    assert!(lines[4].starts_with("small_mse_fwdbwd ") && lines[5].ends_with('x'), "{run:?}");
}

#[test]
fn where_it_runs() {
    let folder = folder();
    let only = |backend| ["bench", "small_mse_fwdbwd", "--json", "--backend", backend];
    for backend in ["gpu", "cpu"] {
        let rows = rows(&run(folder.path(), &only(backend)));
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["backend"], backend);
    }
    let alone = run_without_adapter(folder.path(), &["bench", "small_mse_fwdbwd", "--json"]);
    let json = alone.json();
    assert_eq!((json["gpu"].is_null(), json["rows"].as_array().map(Vec::len)), (true, Some(1)));
    assert!(json["roofs"]["gpu_copy_gb_per_s"].is_null(), "{alone:?}");
    assert!(alone.err.contains("on the CPU alone"), "{alone:?}");
    let refused = run_without_adapter(folder.path(), &only("gpu"));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let error: serde_json::Value = serde_json::from_str(&refused.out).expect("JSON");
    assert_eq!(error["error"]["kind"], "no_adapter", "{refused:?}");
}

#[test]
fn unknown_names() {
    let folder = folder();
    let unknown = run(folder.path(), &["bench", "small_mse_fwdbwd", "mse"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(2), ""), "{unknown:?}");
    let known = run(folder.path(), &["bench", "--list"]).out;
    let known: Vec<_> = known.lines().collect();
    let near = "did you mean mse_fwd, mse_fwdbwd or small_mse_fwdbwd? 20 are known";
    let message = format!("workload \"mse\" is not known; {near}\n");
    assert_eq!(unknown.err, format!("wgloss: error: {message}"));
    assert!(known.len() == 20 && known.contains(&"ctc_fwdbwd"), "{known:?}");

    let adapter = ["bench", "small_mse_fwdbwd", "--backend", "cpu", "--adapter", "x"];
    let adapter = run(folder.path(), &adapter);
    assert_eq!(adapter.code, Some(2));
    assert!(adapter.err.contains("--adapter: \"x\" with --backend cpu"), "{adapter:?}");
    let file = run(folder.path(), &["bench", "small_mse_fwdbwd", "--report", "r.pdf"]);
    assert_eq!((file.code, file.out.as_str()), (Some(2), ""), "{file:?}");
    assert!(file.err.contains("--report: r.pdf") && file.err.contains(".html"), "{file:?}");
}

#[test]
fn a_report_needs_nothing_else() {
    let folder = folder();
    let arguments = ["--report", "report.html", "--largest", "65536"];
    let run = run(folder.path(), &[&["bench", "small_mse_fwdbwd"], &arguments[..]].concat());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(names(folder.path()), ["report.html"]);
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a report");
    assert_balanced(&page);
    // Two of the rows, four of losses on both backends, two of growth.
    assert_eq!(page.matches("<svg ").count(), 11);
    let namespace = "xmlns=\"http://www.w3.org/2000/svg\"";
    assert_eq!(page.matches(namespace).count(), 11);
    let rest = page.replace(namespace, "");
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "<script"] {
        assert!(!rest.contains(outside), "{outside}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf "), "a number that is none");
    assert_colours_have_a_dark_meaning(&page);
}

/// Every element that begins ends, in the right order.
fn assert_balanced(page: &str) {
    let mut open = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("the tag's end");
        let name = tag.split_whitespace().next().expect("a name");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') && !["!DOCTYPE", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
}

/// The style replaces every colour of the charts where the reader's system is dark.
fn assert_colours_have_a_dark_meaning(page: &str) {
    for name in ["fill", "stroke"] {
        let start = format!(" {name}=\"#");
        let colours = page.split(&start).skip(1).map(|rest| &rest[..6]);
        for colour in colours.collect::<std::collections::BTreeSet<_>>() {
            assert!(page.contains(&format!("[{name}=\"#{colour}\"] {{")), "{name} {colour}");
        }
    }
}

#[test]
fn inputs_are_written() {
    let folder = folder();
    let arguments = ["bench", "ctc_fwdbwd", "small_mse_fwdbwd", "--write-inputs", "inputs"];
    let run = run(folder.path(), &arguments);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (Some(0), "", ""), "{run:?}");
    let written = folder.path().join("inputs").join("ctc_fwdbwd");
    let inputs = ["log_probs", "targets", "input_lengths", "target_lengths"];
    let asked = fs::read_to_string(written.join("workload.json")).expect("what is asked");
    let asked: Value = serde_json::from_str(&asked).expect("JSON");
    assert_eq!(asked["loss"], "ctc_loss");
    assert_eq!(asked["reduction"], "mean");
    assert_eq!(asked["inputs"], Value::from(inputs.to_vec()));
    assert_eq!(asked["gradients"], Value::from(vec!["log_probs"]));
    // They are those that are timed: evaluated from the files, the loss is the same.
    let files = inputs.map(|name| format!("{name}={name}.npy"));
    let mut eval = vec!["eval", "ctc", "--json", "--backend", "cpu"];
    eval.extend(files.iter().map(String::as_str));
    let value = common::run(&written, &eval).value();
    let timed = ["bench", "ctc_fwdbwd", "--json", "--backend", "cpu"];
    assert_eq!(number(&rows(&common::run(&written, &timed))[0], "value"), value);
}

#[test]
fn kernels_are_written() {
    let folder = folder();
    let arguments = ["bench", "kl_div_fwdbwd", "ce_512x32000_fwdbwd", "--kernels", "kernels"];
    let run = run(folder.path(), &arguments);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (Some(0), "", ""), "{run:?}");
    let kernels = folder.path().join("kernels");
    let types = ["bfloat16", "float16", "float32"].map(String::from);
    let with =
        [32, 64, 8].map(|lanes| types.clone().map(|dtype| format!("{dtype}-subgroups{lanes}")));
    let mut kinds = [&types[..], with.as_flattened()].concat();
    kinds.sort_unstable();
    assert_eq!(names(&kernels), kinds);
    let all = names(&kernels.join("float16"));
    assert!(all.contains(&"kl_div_fwdbwd.1.kl_div.wgsl".into()), "{all:?}");
    // Only what differs with subgroups is there for them.
    assert_eq!(
        names(&kernels.join("float16-subgroups32")),
        [2, 3].map(|number| format!("ce_512x32000_fwdbwd.{number}.cross_entropy.wgsl"))
    );
    let text = fs::read_to_string(kernels.join("float16/kl_div_fwdbwd.1.kl_div.wgsl"));
    assert!(text.is_ok_and(|text| text.contains("unpack2x16float") && text.contains("fn main(")));
}

#[test]
fn readme_has_the_table_of_all_results() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let files = fs::read_dir(root.join("benches/results")).expect("results");
    let files = files.map(|file| file.expect("a file").path().to_string_lossy().into_owned());
    let files: Vec<_> = files.filter(|file| file.ends_with(".json")).collect();
    assert!(!files.is_empty());
    let arguments = ["bench", "--table"].into_iter().chain(files.iter().map(String::as_str));
    let table = run(root, &arguments.collect::<Vec<_>>());
    assert_eq!((table.code, table.err.as_str()), (Some(0), ""), "{table:?}");
    let readme = fs::read_to_string(root.join("README.md")).expect("README");
    let (_, rest) = readme.split_once("<!-- benches/results -->\n").expect("where it begins");
    let (shown, _) = rest.split_once("<!-- end of benches/results -->\n").expect("where it ends");
    let command = "cargo run --release -- bench --table benches/results/*.json";
    assert_eq!(shown, table.out, "`{command}` prints the table");
}

#[test]
fn results_become_a_table() {
    let folder = folder();
    let written = |name: &str, results: &Value| {
        fs::write(folder.path().join(name), results.to_string()).expect("a file");
    };
    let arguments = ["bench", "small_mse_fwdbwd", "--json"];
    let mut results = run(folder.path(), &arguments).json();
    (results["rows"][0]["median_ms"], results["rows"][0]["roof_percent"]) = (json!(1.5), json!(40));
    (results["rows"][0]["wall_ms"], results["rows"][1]["wall_ms"]) = (json!(2), json!(5));
    (results["gpu"]["name"], results["date"]) = (json!("Z | 1"), json!("2026-01-02"));
    written("z.json", &results);
    (results["gpu"]["name"], results["rows"]) = (json!("A"), json!([]));
    results["browser"] = json!("Mozilla/5.0 (X11) Gecko/20100101 Firefox/160.0");
    written("a.json", &results);
    let table = run(folder.path(), &["bench", "--table", "z.json", "a.json"]);
    assert_eq!((table.code, table.err.as_str()), (Some(0), ""), "{table:?}");
    let lines: Vec<_> = table.out.lines().collect();
    assert_eq!(lines.len(), 4, "{table:?}");
    assert!(lines[2].starts_with("| A |") && lines[2].ends_with(" | - | - | - | - | - |"));
    assert!(lines[2].contains("Firefox/160.0 | 2026-01-02 |"), "{table:?}");
    assert!(lines[3].starts_with("| Z \\| 1 |"), "{table:?}");
    assert!(lines[3].ends_with(" | - | 1.50 ms, 40 %, 2.50x |"), "{table:?}");

    results["form"] = json!(2);
    written("a.json", &results);
    let refused = run(folder.path(), &["bench", "--table", "z.json", "a.json"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
    let problem = "--table: a.json: results of form 2; this version reads form 1\n";
    assert_eq!(refused.err, format!("wgloss: error: {problem}"));
    let missing = run(folder.path(), &["bench", "--table", "none.json"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("--table: none.json: "), "{missing:?}");
}
