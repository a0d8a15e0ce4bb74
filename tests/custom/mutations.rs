//! Whatever a text is, it is a loss or an error.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::path::Path;
use wgloss::{Custom, Error};

/// What is put into texts: what opens, closes, ends and means something.
const PIECES: [&str; 36] = [
    "{",
    "}",
    "(",
    ")",
    ";",
    ",",
    ":",
    "->",
    "&",
    "*",
    "/",
    "-",
    "0",
    "1e39",
    "-1",
    "4294967296u",
    "\"",
    "//",
    "/*",
    "*/",
    "é",
    "\u{0}",
    "\r",
    "fn ",
    "loop {",
    "break;",
    "return",
    "value",
    "var x",
    "array<f32, 0>",
    "vec4(",
    ".xyzw",
    "switch ",
    "@compute ",
    "f32(",
    "[9]",
];

/// Texts with a bit of everything.
fn texts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folders = ["losses", "losses_over_rows"].map(|folder| root.join(folder));
    let entries = folders.iter().flat_map(|own| std::fs::read_dir(own).expect("the examples"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an example").path()).collect();
    paths.sort();
    let read = |path| std::fs::read_to_string(path).expect("a readable file");
    let mut texts: Vec<String> = paths.into_iter().map(read).collect();
    texts.push(RICH.into());
    texts
}

const RICH: &str = "struct Pair { a: f32, b: vec3<f32>, n: i32 }
const LIST = array<f32, 2>(0.5, 2.0);
fn pair(x: f32, y: f32) -> Pair { return Pair(x * y, vec3(x, y, 1.0), 2); }
fn value(p: f32, t: f32) -> f32 {
    var own = pair(p, t);
    own.b.x *= 2.0; own.b[1] -= p;
    var a: array<f32, 3>;
    for (var i = 0; i < own.n && a[i] < 4.0; i++) { a[i] += LIST[i] * own.b[i + 1]; if (i > 7) { continue; } }
    switch own.n { case 1, 2: { own.a = max(p, t); } default: { return 3.0; } }
    loop { own.n += 1; if (own.n > 5 || !(p > 0.0)) { break; } continuing { a[0] *= 0.5; break if a[0] > 1.0; } }
    return select(own.a, dot(own.b.zxy, vec3(a[0], a[1], 1.0)), p < t) + pow(abs(p), 1.5) % 2.0;
}";

/// A text with a piece taken out, put in, doubled or exchanged, at places that are fractions of it.
fn mutated(text: &str, mutations: &[(u8, f64, f64, usize)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a text")]
    #[allow(clippy::cast_precision_loss, reason = "a short text")]
    for &(kind, at, other, piece) in mutations {
        let place = |share: f64| (share * letters.len() as f64) as usize;
        let (at, other) = (place(at), place(other));
        let end = (at + 1 + piece % 6).min(letters.len());
        let cut = letters[at..end].to_vec();
        let new: Vec<char> = match kind {
            0 => Vec::new(),
            1 => PIECES[piece % PIECES.len()].chars().collect(),
            2 => [cut.clone(), cut].concat(),
            _ => letters[other..(other + end - at).min(letters.len())].to_vec(),
        };
        let end = if kind == 1 && piece % 2 == 0 { at } else { end };
        letters.splice(at..end, new);
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2500,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn texts_do_not_panic(
        which: prop::sample::Index,
        mutations in prop::collection::vec((0u8..4, 0.0..1.0, 0.0..1.0, 0usize..1000), 1..5),
    ) {
        let texts = texts();
        let text = mutated(&texts[which.index(texts.len())], &mutations);
        match Custom::new(&text) {
            Ok(loss) => assert!(loss.derived().contains("fn value(")),
            Err(Error::Custom { line, column, reason }) => {
                // The place is one of the user's text, its end included.
                let own = text.split('\n').nth(line.wrapping_sub(1));
                let length = own.map(|line| line.chars().count());
                prop_assert!(
                    length.is_some_and(|length| (1..=length + 1).contains(&column)),
                    "line {line}, column {column} of {text:?}: {reason}"
                );
                prop_assert!(!reason.is_empty());
            }
            Err(error) => panic!("{text:?}: {error:?}"),
        }
    }
}
