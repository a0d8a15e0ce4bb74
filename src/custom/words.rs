//! The words of a text, counted before naga sees it.
//!
//! Parsers descend into what a statement is made of, and naga's would run out of stack on one that
//! is long enough, which ends the program. So this cannot be asked of naga: it is all of WGSL that
//! is read by hand here.

/// Where a statement begins that has more than so many words. Comments are none.
pub(super) fn long_statement(text: &str, most: usize) -> Option<usize> {
    let (mut start, mut count) = (0, 0);
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word(rest));
        match word {
            ";" | "{" | "}" => count = 0,
            _ if word.starts_with("//") || word.starts_with("/*") || word.trim().is_empty() => {}
            _ => {
                if count == 0 {
                    start = text.len() - rest.len();
                }
                count += 1;
            }
        }
        if count > most {
            return Some(start);
        }
        rest = after;
    }
    None
}

/// The size of what a text begins with: a comment, a name or number, or a single character.
fn word(text: &str) -> usize {
    // Letters may be followed by marks, which are none.
    let is_word = |c: char| match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || c == '_',
        false => !c.is_whitespace(),
    };
    let end = |of: &dyn Fn(char) -> bool| text.find(of).unwrap_or(text.len());
    match text.chars().next().unwrap_or_default() {
        _ if text.starts_with("//") => end(&|c| c == '\n'),
        _ if text.starts_with("/*") => comment(text),
        first if is_word(first) => end(&|c| !is_word(c)),
        first => first.len_utf8(),
    }
}

/// The size of the comment that a text begins with; comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let size = match rest {
            _ if rest.starts_with("/*") => {
                depth += 1;
                2
            }
            _ if rest.starts_with("*/") => {
                depth -= 1;
                2
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += size;
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_long_statements() {
        for (text, most, place) in [
            ("", 0, None),
            ("let a = b;", 4, None),
            ("let a = b;", 3, Some(0)),
            ("a; { b c\n+ d }; e", 3, Some(5)),
            ("a b; c d // e f g\n; g", 2, None),
            ("a /* b c /* d */ e */ f", 2, None),
            ("a /* b c /* d */ e */ f", 1, Some(0)),
            ("a /* b", 1, None),
            ("; größer x\u{304} ≥ 2.5u", 6, None),
            ("; größer x\u{304} ≥ 2.5u", 5, Some(2)),
        ] {
            assert_eq!(long_statement(text, most), place, "{text}");
        }
    }
}
