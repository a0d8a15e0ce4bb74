//! Functions of arrays, of which WGSL would need one for each length: those that a text calls are
//! written behind it, as if it had them.

use super::words::identifiers;
use std::collections::BTreeSet;

/// How the functions begin; their number of elements follows.
const LOG_SUM_EXP: &str = "log_sum_exp_of_";

/// As many elements as are written one by one.
const MOST: usize = 256;

/// A text with the functions of arrays that it calls and does not have.
pub(super) fn with_called(text: &str) -> String {
    let mut with = text.to_string();
    let names: BTreeSet<&str> = identifiers(text).collect();
    for count in names.iter().filter_map(|name| name.strip_prefix(LOG_SUM_EXP)) {
        let elements = count.parse().ok().filter(|n: &usize| (2..=MOST).contains(n));
        let name = [LOG_SUM_EXP, count].concat();
        let is_own = text.contains(&format!("fn {name}("));
        if let Some(elements) = elements.filter(|n| !is_own && n.to_string() == count) {
            log_sum_exp(&mut with, &name, elements);
        }
    }
    with
}

/// `start + log(sum of e^(x - start))`, where `start` is the largest one less its fraction: a number
/// without a slope, so that nothing cancels in those of the whole.
fn log_sum_exp(with: &mut String, name: &str, elements: usize) {
    let mut line = |text: &str| with.extend([text, "\n"]);
    line(&format!("\nfn {name}(x: array<f32, {elements}>) -> f32 {{"));
    line("    var largest = x[0];");
    for i in 1..elements {
        line(&format!("    largest = max(largest, x[{i}]);"));
    }
    line("    let start = clamp(floor(largest), -1e38, 1e38);");
    line("    var sum = exp(x[0] - start);");
    for i in 1..elements {
        line(&format!("    sum += exp(x[{i}] - start);"));
    }
    line("    return start + log(sum);");
    line("}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called_and_missing_is_written() {
        for text in [
            "fn value(p: f32) -> f32 { return log_sum_exp(p, 1.0); }",
            "fn log_sum_exp_of_3(p: f32) -> f32 { return p; }",
            "log_sum_exp_of_1 log_sum_exp_of_03 log_sum_exp_of_9999 log_sum_exp_of_x",
        ] {
            assert_eq!(with_called(text), text);
        }
        let text = with_called("log_sum_exp_of_3 log_sum_exp_of_3");
        assert_eq!(text.matches("fn log_sum_exp_of_3(x: array<f32, 3>) -> f32 {").count(), 1);
    }
}
