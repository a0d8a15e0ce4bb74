//! Intel's instructions, as Mesa prints them.

use super::{Kind, Line};

/// A message's meaning is in the line after its `send`.
pub(super) fn line(text: &str) -> Line<'_> {
    let code = text.split("//").next().unwrap_or("").trim();
    if let Some((unit, message)) = code.split_once(" MsgDesc: ") {
        return Line::Instruction(message_kind(unit, message));
    }
    if let Some(label) = code.strip_suffix(':').filter(|label| !label.contains(' ')) {
        return Line::Label(label);
    }
    let unguarded = code.strip_prefix('(').and_then(|code| code.split_once(") "));
    let code = unguarded.map_or(code, |(_, code)| code);
    if let Some((_, target)) = code.split_once("JIP:").filter(|_| code.starts_with("while")) {
        return Line::Branch(target.split_whitespace().next().unwrap_or(""));
    }
    match code.split(['(', ' ', '.']).next().unwrap_or("") {
        "" | "}" => Line::Nothing,
        "send" | "sends" | "sendc" | "sync" | "nop" | "if" | "else" | "endif" | "break"
        | "cont" | "halt" | "jmpi" => Line::Instruction(Kind::Other),
        "math" => Line::Instruction(Kind::Slow),
        // Once for all lanes.
        _ if code.contains("WE_all") => Line::Instruction(Kind::Other),
        "mad" => Line::Instruction(Kind::Product),
        _ => Line::Instruction(Kind::Arithmetic),
    }
}

fn message_kind(unit: &str, message: &str) -> Kind {
    // Of V1 to V4 words for each lane; what is transposed is read once for all lanes.
    let wide = [("V4,", 4), ("V3,", 3), ("V2,", 2)];
    let found = wide.iter().find(|(name, _)| message.contains(name));
    let words = found.map_or(1, |(_, words)| *words);
    let is = |what: &str| message.contains(what);
    match unit.trim() {
        _ if is("barrier") => Kind::Barrier,
        "ugm" if is("transpose") || is("atomic") || is("fence") => Kind::Other,
        "ugm" if is("store") => Kind::Store(words),
        "ugm" => Kind::Load(words),
        _ => Kind::Other,
    }
}
