//! The functions of numbers that a custom loss may call besides those of numeric.wgsl. A kernel gets
//! those that it calls, as every function costs time to compile.

use super::words::identifiers;
use crate::kernel::NUMERIC;
use std::collections::HashSet;
use std::sync::LazyLock;

/// What is parsed with a user's text: all functions that it may call.
pub(super) const TEXTS: [&str; 9] = [
    NUMERIC,
    include_str!("../../shaders/functions/trigonometry.wgsl"),
    include_str!("../../shaders/functions/hyperbolic.wgsl"),
    include_str!("../../shaders/functions/powers.wgsl"),
    include_str!("../../shaders/functions/remainder.wgsl"),
    include_str!("../../shaders/functions/sums.wgsl"),
    include_str!("../../shaders/functions/normal.wgsl"),
    include_str!("../../shaders/functions/gamma.wgsl"),
    include_str!("../../shaders/functions/bessel.wgsl"),
];

/// A function or struct, with the comment before it.
#[derive(Debug)]
struct Piece {
    name: String,
    text: &'static str,
}

static PIECES: LazyLock<Vec<Piece>> = LazyLock::new(|| {
    let text: &'static str = TEXTS[1..].concat().leak();
    // It is valid, or no custom loss is.
    let module = naga::front::wgsl::parse_str(&[text, NUMERIC].concat()).unwrap_or_default();
    let functions = module.functions.iter();
    let functions = functions.map(|(at, own)| (own.name.clone(), module.functions.get_span(at)));
    let types = module.types.iter().map(|(at, own)| (own.name.clone(), module.types.get_span(at)));
    let pieces = functions.chain(types).filter_map(|(name, span)| {
        let range = span.to_range()?;
        let start = text.get(..range.start)?.rfind("\n\n")? + 2;
        Some(Piece { name: name?, text: text.get(start..range.end)? })
    });
    pieces.collect()
});

/// The names of what is here and not in numeric.wgsl.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PIECES.iter().map(|piece| &*piece.name)
}

/// A text, and after it what it calls of what is here.
pub(super) fn with_called(text: &str) -> String {
    let mut all = text.to_string();
    let mut added = HashSet::new();
    let mut open: Vec<&str> = vec![text];
    while let Some(text) = open.pop() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let called: HashSet<&str> = code.flat_map(identifiers).collect();
        for piece in PIECES.iter().filter(|piece| called.contains(&*piece.name)) {
            if added.insert(&piece.name) {
                all.extend(["\n", piece.text, "\n"]);
                open.push(piece.text);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_what_they_say() {
        assert!(PIECES.len() > 40, "{}", PIECES.len());
        for Piece { name, text } in PIECES.iter() {
            assert!(text.starts_with("//"), "{name} has no comment: {text}");
            assert!(text.ends_with('}'), "{text}");
            let heads =
                ["fn ", "struct "].map(|keyword| text.matches(&format!("\n{keyword}")).count());
            assert_eq!(heads.iter().sum::<usize>(), 1, "{text}");
            assert!(identifiers(text).any(|word| word == name), "{name}: {text}");
        }
    }

    #[test]
    fn only_what_is_called_is_added() {
        assert_eq!(with_called("fn f() { }"), "fn f() { }");
        let text = with_called("fn f() -> f32 { return cosine(1.0); }");
        let has = |name: &str| text.contains(&format!("fn {name}("));
        assert!(has("cosine") && has("reduced_angle") && has("upper_product"));
        assert!(text.contains("struct ReducedAngle {"));
        assert!(!has("tangent") && !has("arcsine") && !has("sine"));
        let joined = [&*text, NUMERIC].concat();
        assert!(naga::front::wgsl::parse_str(&joined).is_ok(), "{text}");
    }
}
