//! The catalogue as JSON.

use wgloss_kit::catalogue::{json, reductions};

#[test]
fn a_loss_is_told_with_its_options_as_they_are_set() {
    let mut loss = wgloss::by_name("huber").expect("a loss");
    wgloss_kit::options::assign(loss.as_mut(), &[("delta", "0.1")], &[]).expect("an option");
    let told = json(loss.as_mut());
    assert_eq!(told["name"], "huber_loss");
    assert_eq!(told["inputs"][1]["name"], "target");
    assert_eq!(told["options"][0]["name"], "delta");
    // As it is written, not as float32 rounds it.
    assert_eq!(told["options"][0]["default"].to_string(), "0.1");
    assert_eq!(told["options"][0]["valid"], "a finite number above 0");
    assert_eq!(told["reductions"][0], reductions(loss.definition())[0]);
}
