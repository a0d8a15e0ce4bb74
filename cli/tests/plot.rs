//! Pictures of losses: what they show is what the formulas say.

use crate::common::{Run, bytes, data, folder, names, npy, npy_f32, put, run};
use std::fs;
use std::path::Path;

/// The colours of the curves in their order.
const COLORS: [&str; 3] = ["#0072B2", "#D55E00", "#009E73"];
const AXIS: &str = "#8A9098";

/// A picture as it was written.
struct Svg(String);

/// The part of a picture that has axes of its own.
struct Panel<'a> {
    svg: &'a Svg,
    /// Left, top, right, bottom.
    frame: [f64; 4],
}

/// Plots in an empty folder.
fn plot(arguments: &[&str]) -> Svg {
    let folder = folder();
    let run = run(folder.path(), &[&["plot"], arguments, &["--out", "a.svg"]].concat());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{arguments:?}: {run:?}");
    assert!(run.out.contains("a.svg"), "{run:?}");
    Svg::read(&folder.path().join("a.svg"))
}

impl Svg {
    fn read(path: &Path) -> Self {
        Self(fs::read_to_string(path).expect("a picture"))
    }

    /// The attributes of all elements of a kind, each with the line that follows it.
    fn elements(&self, kind: &str) -> Vec<(&str, &str)> {
        let lines = self.0.lines().zip(self.0.lines().skip(1));
        lines
            .filter_map(|(line, next)| Some((line.strip_prefix(&format!("<{kind} "))?, next)))
            .collect()
    }

    fn texts(&self) -> Vec<&str> {
        self.elements("text").into_iter().map(|(_, text)| text).collect()
    }

    /// The points of the lines of a colour: that of the legend first.
    fn lines(&self, color: &str) -> Vec<Vec<(f64, f64)>> {
        let lines = self.elements("polyline").into_iter();
        let lines = lines.filter(|(line, _)| attribute(line, "stroke") == color);
        let point = |pair: &str| {
            let (x, y) = pair.split_once(',').expect("a point");
            (float(x), float(y))
        };
        lines
            .map(|(line, _)| attribute(line, "points").split_whitespace().map(point).collect())
            .collect()
    }

    fn panels(&self) -> Vec<Panel<'_>> {
        let frames = self.lines(AXIS).into_iter().filter(|line| line.len() == 5);
        let panel = |line: Vec<(f64, f64)>| {
            let (lower, upper) = (line[0], line[2]);
            Panel { svg: self, frame: [lower.0, upper.1, upper.0, lower.1] }
        };
        frames.map(panel).collect()
    }
}

impl Panel<'_> {
    /// The places and the numbers at the axis on the left.
    fn marks(&self) -> Vec<(f64, f64)> {
        let texts = self.svg.elements("text").into_iter();
        let marks = texts.filter(|(text, _)| attribute(text, "text-anchor") == "end");
        let marks = marks.map(|(text, mark)| (float(attribute(text, "y")), float(mark)));
        marks.filter(|(y, _)| (self.frame[1]..=self.frame[3]).contains(y)).collect()
    }

    /// How much higher a number is whose place is higher by 1.
    fn unit(&self) -> f64 {
        let marks = self.marks();
        let (first, last) = (marks[0], marks[marks.len() - 1]);
        ((last.1 - first.1) / (last.0 - first.0)).abs()
    }

    /// The parts of the curve of a colour, by the axes' numbers.
    fn curve(&self, color: &str, from: f64, to: f64) -> Vec<Vec<(f64, f64)>> {
        let [left, top, right, bottom] = self.frame;
        let marks = self.marks();
        let (first, last) = (marks[0], marks[marks.len() - 1]);
        let number = |(x, y): (f64, f64)| {
            let x = from + (to - from) * (x - left) / (right - left);
            (x, first.1 + (last.1 - first.1) * (y - first.0) / (last.0 - first.0))
        };
        let inside = |line: &Vec<(f64, f64)>| {
            line.iter().all(|(_, y)| (top - 1.0..=bottom + 1.0).contains(y))
        };
        let lines = self.svg.lines(color).into_iter().filter(inside);
        lines.map(|line| line.into_iter().map(number).collect()).collect()
    }
}

fn attribute<'a>(element: &'a str, name: &str) -> &'a str {
    let start = format!("{name}=\"");
    let found = element.split(' ').position(|part| part.starts_with(&start));
    let Some(found) = found else { return "" };
    let rest: usize = element.split(' ').take(found).map(|part| part.len() + 1).sum();
    element[rest + start.len()..].split('"').next().unwrap_or_default()
}

/// A number, with a minus sign as people write it.
fn float(text: &str) -> f64 {
    text.replace('\u{2212}', "-").parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

#[test]
fn the_picture_has_names_and_a_curve_for_each_loss() {
    let svg = plot(&["l1", "mse", "smooth_l1", "beta=0.5"]);
    let texts = svg.texts();
    for text in [
        "l1_loss, mse_loss, smooth_l1_loss",
        "l1_loss",
        "mse_loss",
        "smooth_l1_loss beta=0.5",
        "target = 0",
        "input",
        "loss",
        "slope by input",
    ] {
        assert_eq!(texts.iter().filter(|other| **other == text).count(), 1, "{text}: {texts:?}");
    }
    assert_eq!(svg.panels().len(), 2);
    for color in COLORS {
        // One in the legend, one in each panel.
        assert_eq!(svg.lines(color).len(), 3, "{color}");
    }
}

#[test]
fn the_curves_are_the_formulas() {
    let svg = plot(&["mse", "smooth_l1", "beta=0.5", "target=1", "--from", "-2", "--to", "3"]);
    let smooth = |d: f64| if d.abs() < 0.5 { d * d } else { d.abs() - 0.25 };
    let smooth_slope = |d: f64| if d.abs() < 0.5 { 2.0 * d } else { d.signum() };
    let formulas: [[&dyn Fn(f64) -> f64; 2]; 2] =
        [[&|x| x * x, &smooth], [&|x| 2.0 * x, &smooth_slope]];
    for (panel, formulas) in svg.panels().iter().zip(formulas) {
        let offsets = [0.0, 1.0];
        for ((color, formula), target) in COLORS.into_iter().zip(formulas).zip(offsets) {
            let curve = panel.curve(color, -2.0, 3.0);
            assert_eq!(curve.len(), 1, "{color}");
            let curve = &curve[0];
            assert_eq!((curve[0].0, curve[curve.len() - 1].0), (-2.0, 3.0), "{color}");
            // Places are rounded, and what is nearly straight has no points between.
            let close = 3.0 * panel.unit();
            for (x, y) in curve {
                let expected = formula(x - target);
                assert!((y - expected).abs() < close, "{color} {x}: {y}, {expected}");
            }
        }
    }
}

#[test]
fn a_straight_line_needs_no_points_between() {
    let svg = plot(&["mse"]);
    let slope = svg.panels()[1].curve(COLORS[0], -3.0, 3.0);
    assert_eq!(slope[0].len(), 2, "{slope:?}");
    assert!((slope[0][0].1 + 6.0).abs() < 0.01, "{slope:?}");
}

#[test]
fn a_pole_does_not_flatten_the_rest() {
    let svg = plot(&["bce"]);
    let marks = svg.panels().iter().map(|panel| panel.marks()).collect::<Vec<_>>();
    let largest = |marks: &[(f64, f64)]| marks.iter().map(|(_, y)| y.abs()).fold(0.0, f64::max);
    // The loss ends at 100, and the slope at 1e12.
    assert!((2.0..10.0).contains(&largest(&marks[0])), "{marks:?}");
    assert!((5.0..50.0).contains(&largest(&marks[1])), "{marks:?}");
}

#[test]
fn what_is_not_finite_is_a_gap() {
    let folder = folder();
    put(folder.path(), "root.wgsl", "fn value(p: f32) -> f32 { return sqrt(p * p - 1.0); }");
    let run = run(folder.path(), &["plot", "--custom", "root.wgsl", "--out", "a.svg"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let svg = Svg::read(&folder.path().join("a.svg"));
    let loss = svg.panels()[0].curve(COLORS[0], -3.0, 3.0);
    assert_eq!(loss.len(), 2, "{loss:?}");
    assert!((loss[0].last().expect("points").0 + 1.0).abs() < 0.01, "{loss:?}");
    assert!((loss[1][0].0 - 1.0).abs() < 0.01, "{loss:?}");
    put(folder.path(), "nothing.wgsl", "fn value(p: f32) -> f32 { return sqrt(-1.0 - p * p); }");
    refused(
        folder.path(),
        &["nothing.wgsl"],
        &["--from, --to: ", "-3 to 3", "nothing is nowhere finite"],
    );
}

#[test]
fn a_custom_loss_beside_others() {
    let folder = folder();
    let source = "struct Parameters { epsilon: f32 }\n\
        fn value(p: f32, t: f32, c: Parameters) -> f32 {\n\
        let d = p - t; return sqrt(d * d + c.epsilon * c.epsilon); }\n";
    put(folder.path(), "charbonnier.wgsl", source);
    let arguments = [
        "plot",
        "--custom",
        "charbonnier.wgsl",
        "epsilon=0.5",
        "t=1",
        "charbonnier.wgsl",
        "epsilon=2",
        "mse",
        "--out",
        "a.svg",
    ];
    let run = run(folder.path(), &arguments);
    assert_eq!(run.code, Some(0), "{run:?}");
    let svg = Svg::read(&folder.path().join("a.svg"));
    let texts = svg.texts();
    for text in [
        "charbonnier epsilon=0.5 t=1",
        "charbonnier epsilon=2",
        "charbonnier epsilon=2: t = 0",
        "mse_loss: target = 0",
        "p, input",
        "slope by p, input",
    ] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    let panel = &svg.panels()[0];
    let ends = [(3.0f64 - 1.0).hypot(0.5), 3.0f64.hypot(2.0), 9.0];
    for (color, expected) in COLORS.into_iter().zip(ends) {
        let curve = panel.curve(color, -3.0, 3.0);
        let end = curve[0].last().expect("points").1;
        assert!((end - expected).abs() < 0.01, "{color}: {end}, {expected}");
    }
}

#[test]
fn rows_vary_by_one_of_their_numbers() {
    let svg = plot(&["cross_entropy", "input=0,1,2", "target=2", "--by", "input[2]"]);
    let texts = svg.texts();
    for text in
        ["input[2]", "slope by input[2]", "cross_entropy input=0,1,2 target=2", "input = [0, 1, x]"]
    {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    let curve = svg.panels()[0].curve(COLORS[0], -3.0, 3.0);
    let loss = |x: f64| (1.0 + 1f64.exp() + x.exp()).ln() - x;
    for (x, y) in &curve[0] {
        assert!((y - loss(*x)).abs() < 0.01, "{x}: {y}, {}", loss(*x));
    }
    let slope = svg.panels()[1].curve(COLORS[0], -3.0, 3.0);
    let (x, y) = slope[0][0];
    let expected = x.exp() / (1.0 + 1f64.exp() + x.exp()) - 1.0;
    assert!((y - expected).abs() < 0.002, "{y}, {expected}");
    // A probability for each class, of which the first varies.
    let svg = plot(&["cross_entropy", "input=0,1", "target=0.5,0.25", "--by", "target"]);
    assert!(svg.texts().contains(&"target = [x, 0.25]"), "{:?}", svg.texts());
}

#[test]
fn tables_vary_by_one_of_their_numbers() {
    let svg = plot(&["ctc", "target_lengths=0", "--by", "log_probs[0,1]"]);
    let texts = svg.texts();
    let table = "log_probs = log_softmax of [[0, x, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]],";
    assert!(texts.iter().any(|text| text.starts_with(table)), "{texts:?}");
    assert!(texts.contains(&"slope by logit of log_probs[0,1]"), "{texts:?}");
    // Four blanks: one of the softmax of 0, x, 0 and three of a third.
    let curve = svg.panels()[0].curve(COLORS[0], -3.0, 3.0);
    for (x, y) in &curve[0] {
        let loss = (2.0 + x.exp()).ln() + 3.0 * 3f64.ln();
        assert!((y - loss).abs() < 0.02, "{x}: {y}, {loss}");
    }
    refused(
        folder().path(),
        &["ctc", "--by", "log_probs[3]"],
        &["--by: log_probs[3]", "2 indices, below those of the shape [4, 3]"],
    );
}

#[test]
fn every_loss_has_a_picture() {
    for loss in wgloss::catalogue() {
        let definition = loss.definition();
        for input in definition.inputs.iter().filter(|input| input.differentiable) {
            let svg = plot(&[definition.name, "--by", input.name]);
            for panel in svg.panels() {
                let curve = panel.curve(COLORS[0], 0.0, 1.0);
                assert!(!curve.is_empty(), "{} by {}", definition.name, input.name);
            }
        }
        plot(&[definition.name]);
    }
}

#[test]
fn a_png_has_its_size_and_its_letters() {
    let folder = folder();
    for name in ["a.svg", "a.png"] {
        let run = run(folder.path(), &["plot", "huber", "delta=2", "--out", name]);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let png = fs::read(folder.path().join("a.png")).expect("a picture");
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    let pixels = tiny_skia::Pixmap::decode_png(&png).expect("a PNG file");
    let svg = Svg::read(&folder.path().join("a.svg"));
    let size = svg.elements("svg")[0].0;
    let size = ["width", "height"].map(|name| float(attribute(size, name)));
    assert_eq!([pixels.width(), pixels.height()].map(f64::from), size.map(|side| 2.0 * side));
    // In the picture's own pixels: title, note and a mark of the axis, and the margin.
    for (place, letters) in [
        ([76, 12, 84, 22], true),
        ([76, 44, 60, 16], true),
        ([40, 80, 30, 280], true),
        ([0, 0, 760, 12], false),
    ] {
        let [x, y, width, height] = place.map(|pixel| 2 * pixel);
        let dark = |(x, y)| pixels.pixel(x, y).is_some_and(|pixel| pixel.red() < 100);
        let columns = x..x + width;
        let found =
            columns.flat_map(|x| (y..y + height).map(move |y| (x, y))).filter(|at| dark(*at));
        assert_eq!(found.count() > 50, letters, "{place:?}");
    }
}

#[test]
fn the_picture_in_the_readme_is_what_its_command_draws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).expect("a README");
    let command = readme.lines().find_map(|line| line.strip_prefix("cargo run --release -- plot "));
    let arguments: Vec<&str> = command.expect("a command").split_whitespace().collect();
    let path = arguments.last().expect("a file");
    assert!(readme.contains(&format!("]({path})")), "README shows {path}");
    let folder = folder();
    let parent = Path::new(path).parent().expect("a folder");
    fs::create_dir_all(folder.path().join(parent)).expect("a folder");
    let run = run(folder.path(), &[&["plot"], &arguments[..]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let drawn = Svg::read(&folder.path().join(path)).0;
    assert!(drawn == Svg::read(&root.join(path)).0, "draw {path} again with README's command");
}

#[test]
fn errors_say_what_is_wrong() {
    let folder = folder();
    let cases: [(&[&str], &[&str]); 20] = [
        (&["mse", "--out", "a.gif"], &["--out: a.gif", "\"gif\"", ".svg or .png"]),
        (&["mse", "--out", "no/a.svg"], &["--out: no/a.svg", "the folder no"]),
        (&["msee"], &["loss", "\"msee\"", "mse_loss"]),
        (&["mse", "beta=1"], &["\"beta\"", "input, target, weight"]),
        (&["delta=1", "huber"], &["LOSS: ", "delta=1", "a loss before"]),
        (&["mse", "target=1e30"], &["--from, --to: ", "mse_loss target=1e30", "nowhere finite"]),
        (&["huber", "delta=-1"], &["delta: ", "-1", "above 0"]),
        (&["mse", "--by", "x"], &["input with a gradient", "\"x\"", "input, target, weight"]),
        (&["soft_margin", "hinge_embedding", "--by", "target"], &["\"target\"", "known: input"]),
        (&["mse", "--by", "input[1]"], &["--by: ", "input[1]", "one number"]),
        (&["cross_entropy", "--by", "input[3]"], &["--by: ", "input[3]", "below 3"]),
        (&["cross_entropy", "--by", "input[x]"], &["--by: ", "input[x]", "NAME[INDEX]"]),
        (&["mse", "target=a"], &["target: ", "a is not valid", "a number"]),
        (&["mse", "target=0,1"], &["target: ", "2 numbers", "one number"]),
        (&["mse", "target=nan"], &["target: ", "NaN", "finite"]),
        (&["cross_entropy", "input=1,2", "weight=1,2,3"], &["weight: ", "3 numbers", "2 numbers"]),
        (&["nll", "target=0.5"], &["target: ", "0.5", "a whole number"]),
        (&["mse", "--from", "2", "--to", "-1"], &["--from: ", "2", "less than --to -1"]),
        (&["mse", "--to=inf"], &["--to: ", "inf", "a finite number"]),
        (&["mse"; 8], &["8 losses", "at most 7"]),
    ];
    for (arguments, parts) in cases {
        refused(folder.path(), arguments, parts);
    }
    refused(folder.path(), &["--custom", "none.wgsl"], &["--custom", "none.wgsl"]);
    refused(folder.path(), &["nll", "target=5"], &["target[0] is 5", "0 to 2"]);
}

/// A histogram of eight squares in a folder, with more arguments.
fn histogram(folder: &Path, arguments: &[&str]) -> Run {
    let input = [1.0, 1.5, -0.5, 2.0, f32::NAN, f32::INFINITY, 0.0, 5.0];
    put(folder, "x.npy", npy_f32("(8,)", &input));
    put(folder, "y.npy", npy_f32("(8,)", &[0.0; 8]));
    let inputs = ["eval", "mse", "input=x.npy", "target=y.npy", "--backend", "cpu"];
    run(folder, &[&inputs[..], arguments].concat())
}

#[test]
fn a_histogram_counts_losses() {
    let folder = folder();
    for reduction in ["none", "mean"] {
        let out = if reduction == "none" { &["--out", "o.npy"][..] } else { &[] };
        let arguments = ["--reduction", reduction, "--histogram", "h.svg"];
        let run = histogram(folder.path(), &[&arguments[..], out].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.out.contains("h.svg"), "{run:?}");
        let svg = Svg::read(&folder.path().join("h.svg"));
        let texts = svg.texts();
        for text in [
            "Losses of mse_loss",
            "6 finite losses, from 0 to 25.00000",
            "not drawn: 1 NaN, 1 infinite",
            "mean 5.416667",
            "median 1.000000",
            "loss",
            "number of losses",
        ] {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        // Five bars from 0 to 25: five losses in the first, one in the last.
        let bars = svg.elements("rect").into_iter();
        let bars = bars.filter(|(rect, _)| attribute(rect, "fill") == COLORS[0]);
        let heights: Vec<f64> = bars.map(|(rect, _)| float(attribute(rect, "height"))).collect();
        assert_eq!(heights.len(), 2, "{heights:?}");
        assert!((heights[0] / heights[1] - 5.0).abs() < 0.02, "{heights:?}");
    }
}

#[test]
fn a_histogram_of_real_losses_as_png() {
    let folder = folder();
    let path = folder.path().join("h.png");
    let path = path.to_str().expect("UTF-8");
    let arguments = [
        "eval",
        "cross_entropy",
        "input=digits_logits.npy",
        "target=digits_labels.npy",
        "--backend",
        "cpu",
        "--histogram",
        path,
    ];
    let run = run(&data(), &arguments);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(fs::read(path).expect("a picture").starts_with(b"\x89PNG"));
}

#[test]
fn ignored_rows_are_in_no_histogram() {
    let folder = folder();
    put(folder.path(), "x.npy", npy_f32("(3, 2)", &[0.0; 6]));
    let classes = bytes(&[0i16, -100, 1], i16::to_le_bytes);
    put(folder.path(), "t.npy", npy("'<i2'", false, "(3,)", &classes));
    let arguments =
        ["eval", "nll", "input=x.npy", "target=t.npy", "--backend", "cpu", "--histogram", "h.svg"];
    let run = run(folder.path(), &arguments);
    assert_eq!(run.code, Some(0), "{run:?}");
    let svg = Svg::read(&folder.path().join("h.svg"));
    let texts = svg.texts();
    for text in ["2 finite losses, from 0 to 0", "not drawn: 1 ignored", "mean 0", "median 0"] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
}

#[test]
fn a_histogram_needs_a_picture_s_name() {
    let folder = folder();
    let run = histogram(folder.path(), &["--histogram", "h.npy"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("--histogram: h.npy: the name ends in \"npy\""), "{run:?}");
    assert_eq!(names(folder.path()), ["x.npy", "y.npy"]);
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let before = names(folder);
    let out: &[&str] = if arguments.contains(&"--out") { &[] } else { &["--out", "a.svg"] };
    let run = run(folder, &[&["plot"], arguments, out].concat());
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{arguments:?}: {run:?}");
    for part in parts {
        assert!(run.err.contains(part), "{arguments:?} lacks {part:?}: {}", run.err);
    }
    assert_eq!(names(folder), before, "{arguments:?} left something");
}
