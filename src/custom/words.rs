//! The words of a text, counted before naga sees it.
//!
//! Parsers descend into what a statement is made of, and naga's would run out of stack on one that
//! is long enough, which ends the program. So this cannot be asked of naga: it is all of WGSL that
//! is read by hand here.

use std::collections::BTreeSet;

/// Where a statement begins that has more than so many words. Comments are none, and what is listed
/// between commas counts once, by its longest part: compilers go through it in a loop.
pub(super) fn long_statement(text: &str, most: usize) -> Option<usize> {
    let (mut start, mut count) = (0, 0);
    // The counts at which the open parentheses began.
    let mut open = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word(rest));
        match word {
            ";" | "{" | "}" => {
                count = 0;
                open.clear();
            }
            "," => count = open.last().copied().unwrap_or(count),
            _ if word.starts_with("//") || word.starts_with("/*") || word.trim().is_empty() => {}
            _ => {
                if count == 0 {
                    start = text.len() - rest.len();
                }
                count += 1;
                match word {
                    "(" | "[" => open.push(count),
                    ")" | "]" => drop(open.pop()),
                    _ => {}
                }
            }
        }
        if count > most {
            return Some(start);
        }
        rest = after;
    }
    None
}

/// The identifiers in a text without comments, and its numbers.
pub(super) fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|name| !name.is_empty())
}

/// Whether a character may be part of a name or number. Letters may be followed by marks, which are none.
pub(super) fn is_word(c: char) -> bool {
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || c == '_',
        false => !c.is_whitespace(),
    }
}

/// Where a name first stands in a text, but in comments.
pub(super) fn place_of(text: &str, name: &str) -> Option<usize> {
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word(rest));
        if word == name {
            return Some(text.len() - rest.len());
        }
        rest = after;
    }
    None
}

/// What opens in a text and is not closed: the byte, and what would close it.
pub(super) fn unclosed(text: &str) -> Option<(usize, &'static str)> {
    let mut open: Vec<(usize, &'static str)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let place = text.len() - rest.len();
        let (word, after) = rest.split_at(word(rest));
        match word {
            "(" => open.push((place, ")")),
            "[" => open.push((place, "]")),
            "{" => open.push((place, "}")),
            ")" | "]" | "}" => {
                // What closes something else is wrong at its own place.
                open.pop().filter(|(_, close)| *close == word)?;
            }
            _ if word.starts_with("/*") && after.is_empty() && !closes(word) => {
                return Some((place, "*/"));
            }
            _ => {}
        }
        rest = after;
    }
    open.pop()
}

/// Whether a comment ends before the text does.
fn closes(comment: &str) -> bool {
    comment.matches("*/").count() >= comment.matches("/*").count()
}

/// A text in which a word of so many letters stands for another, that is in none of its places.
pub(super) fn replaced(text: &str, word_of: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word(rest));
        out += if word == word_of { by } else { word };
        rest = after;
    }
    out
}

/// A text in which each `let` that is given a literal is a `var`: as long, and of the same meaning.
pub(super) fn with_variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word(rest));
        out += if word == "let" && is_literal(after) { "var" } else { word };
        rest = after;
    }
    out
}

/// Whether what follows a `let` gives its name a number.
fn is_literal(text: &str) -> bool {
    let Some((_, given)) = text.split_once(';').and_then(|(own, _)| own.split_once('=')) else {
        return false;
    };
    let given = given.trim().trim_start_matches('-');
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-');
    given.starts_with(|c: char| c.is_ascii_digit() || c == '.') && given.chars().all(is_part)
}

/// The size of what a text begins with: a comment, a name or number, or a single character.
fn word(text: &str) -> usize {
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

/// What WGSL reserves and the inputs of most losses are called.
pub(super) const TARGET: &str = "target";

/// A word as long as `target`, which WGSL reserves and the inputs of most losses are called, that a text
/// which says `target` does not have.
pub(super) fn stand_in(text: &str) -> Option<String> {
    if !identifiers(text).any(|word| word == TARGET) {
        return None;
    }
    let words: BTreeSet<&str> = identifiers(text).collect();
    let others = (0..TARGET.len()).map(|i| {
        let letter = |(k, c): (usize, char)| if k == i { c.to_ascii_uppercase() } else { c };
        TARGET.chars().enumerate().map(letter).collect::<String>()
    });
    others.into_iter().find(|other| !words.contains(&**other))
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
            ("f(a, b, c, d)", 4, None),
            ("f(a, b + c, d)", 4, Some(0)),
            ("f(a, g(b, c, d))", 4, Some(0)),
            ("; größer x\u{304} ≥ 2.5u", 6, None),
            ("; größer x\u{304} ≥ 2.5u", 5, Some(2)),
        ] {
            assert_eq!(long_statement(text, most), place, "{text}");
        }
    }

    #[test]
    fn places_of_what_is_not_closed() {
        for (text, place) in [
            ("", None),
            ("{ ( [ ] ) }", None),
            ("{ ( [ ] }", None),
            ("a { b ( c )", Some((2, "}"))),
            ("a { b ( c ", Some((6, ")"))),
            ("a } {", None),
            ("a /* { */ // (", None),
            ("a { /* } /* */ ", Some((4, "*/"))),
        ] {
            assert_eq!(unclosed(text), place, "{text}");
        }
    }

    #[test]
    fn lets_of_literals() {
        let text =
            "let a = 0; let b: i32 = -0x1; let c = 1e-3f; let d = a; let e = 1 + a; // let = 1";
        let other =
            "var a = 0; var b: i32 = -0x1; var c = 1e-3f; let d = a; let e = 1 + a; // let = 1";
        assert_eq!(with_variables(text), other);
    }

    #[test]
    fn words_are_replaced_where_they_are_words() {
        let text = "target targets /* target */ target.x";
        assert_eq!(replaced(text, "target", "tarGet"), "tarGet targets /* target */ tarGet.x");
    }
}
