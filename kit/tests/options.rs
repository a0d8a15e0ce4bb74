//! Options set by text.

use crate::Given;
use wgloss_kit::Error;
use wgloss_kit::options::assign;

#[test]
fn options_are_set_and_the_rest_is_of_the_inputs() {
    let mut loss = wgloss::by_name("huber").expect("a loss");
    let pairs = [("target", "1"), ("delta", "0.5"), ("input", "x.npy")];
    let rest = assign(loss.as_mut(), &pairs, &["input", "target"]).expect("known names");
    assert_eq!(rest, [("target", "1"), ("input", "x.npy")]);
    assert_eq!(loss.values(), [("delta", String::from("0.5"))]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let cases: [(&Given, &str, &[&str]); 4] = [
        (&[("delta", "1"), ("delta", "2")], "repeated", &["delta", "2"]),
        (&[("delt", "1")], "unknown_name", &["option \"delt\"", "delta"]),
        (&[("delta", "x")], "argument", &["delta", "x", "a number"]),
        // As it was written, not as float32 has it.
        (&[("delta", "-0.1")], "argument", &["delta", "-0.1 ", "above 0"]),
    ];
    for (pairs, kind, parts) in cases {
        let mut loss = wgloss::by_name("huber").expect("a loss");
        let error: Error = assign(loss.as_mut(), pairs, &[]).expect_err("it does not fit");
        assert_eq!(error.kind(), kind, "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{part:?}: {error}");
        }
    }
}
