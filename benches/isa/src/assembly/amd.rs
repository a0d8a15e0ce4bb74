//! AMD's instructions, as LLVM prints them.

use super::{Kind, Line};

/// A quarter of the rate.
const SLOW: [&str; 10] = [
    "v_rcp",
    "v_rsq",
    "v_sqrt",
    "v_exp",
    "v_log",
    "v_sin",
    "v_cos",
    "v_mul_lo",
    "v_mul_hi",
    "v_mad_u64",
];
const PRODUCTS: [&str; 6] = ["v_fma", "v_mad_", "v_mac_", "v_pk_fma", "v_dual_fma", "v_dot"];
const MEMORY: [&str; 4] = ["buffer_", "global_", "flat_", "scratch_"];

pub(super) fn line(text: &str) -> Line<'_> {
    let code = text.split(';').next().unwrap_or("").trim();
    if let Some(label) = code.strip_suffix(':') {
        return Line::Label(label);
    }
    // The driver prints the same instruction once, and how often it follows.
    if let Some(rest) = code.strip_prefix("(then repeated ") {
        let times = rest.split_whitespace().next().and_then(|times| times.parse().ok());
        return Line::Again(times.unwrap_or(0));
    }
    let mut words = code.split_whitespace();
    let Some(name) = words.next() else { return Line::Nothing };
    if name == "s_branch" || name.starts_with("s_cbranch") {
        return Line::Branch(words.next().unwrap_or(""));
    }
    Line::Instruction(kind(name))
}

fn kind(name: &str) -> Kind {
    let starts = |with: &[&str]| with.iter().any(|start| name.starts_with(start));
    if starts(&MEMORY) {
        return match name {
            _ if name.contains("_load") => Kind::Load(words(name)),
            _ if name.contains("_store") => Kind::Store(words(name)),
            _ => Kind::Other,
        };
    }
    match name {
        "s_barrier" => Kind::Barrier,
        _ if starts(&SLOW) => Kind::Slow,
        _ if starts(&PRODUCTS) => Kind::Product,
        _ if starts(&["v_"]) => Kind::Arithmetic,
        _ => Kind::Other,
    }
}

/// How many words an instruction with this name moves.
pub(super) fn words(name: &str) -> usize {
    let ends = |with: [&str; 2]| with.iter().any(|end| name.ends_with(end));
    if ends(["x4", "b128"]) {
        4
    } else if ends(["x3", "b96"]) {
        3
    } else if ends(["x2", "b64"]) {
        2
    } else {
        1
    }
}
