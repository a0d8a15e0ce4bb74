//! NVIDIA's instructions, as Mesa prints them.

use super::amd::words;
use super::{Kind, Line};

pub(super) fn line(text: &str) -> Line<'_> {
    let code = text.split("//").next().unwrap_or("").trim();
    if let Some(rest) = code.strip_prefix("block") {
        let label = rest.split_whitespace().find(|word| word.starts_with('L'));
        return Line::Label(label.unwrap_or(""));
    }
    let code = code.split_once(" = ").map_or(code, |(_, code)| code);
    let mut words = code.split_whitespace().filter(|word| !word.starts_with('@'));
    let Some(name) = words.next().filter(|name| *name != "}") else { return Line::Nothing };
    if name.starts_with("bra") {
        return Line::Branch(words.find(|word| word.starts_with('L')).unwrap_or(""));
    }
    Line::Instruction(kind(name))
}

fn kind(name: &str) -> Kind {
    let starts = |with: &[&str]| with.iter().any(|start| name.starts_with(start));
    let others = [
        "ld", "st", "atom", "red", "exit", "break", "bssy", "bsync", "warpsync", "uldc", "nop",
        "bclear", "depbar", "membar", "ccctl", "shfl", "}",
    ];
    match name {
        _ if starts(&["ld.global"]) => Kind::Load(words(name)),
        _ if starts(&["st.global"]) => Kind::Store(words(name)),
        _ if starts(&["bar"]) => Kind::Barrier,
        _ if starts(&["mufu", "i2f", "f2i", "popc", "flo"]) => Kind::Slow,
        _ if starts(&["ffma"]) => Kind::Product,
        _ if starts(&others) => Kind::Other,
        _ => Kind::Arithmetic,
    }
}
