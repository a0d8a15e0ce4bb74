//! The documentation of losses, their inputs and options at run time.

/// The text of `///` lines: without the space that each begins with, and with links to Rust items,
/// which only rustdoc follows, as their words.
pub(crate) fn documentation(lines: &str) -> String {
    let lines = lines.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut parts = text.split("](");
    let mut words = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match (words.rfind('['), part.split_once(')')) {
            (Some(start), Some((target, rest))) if target.contains("::") => {
                words.remove(start);
                words += rest;
            }
            _ => words += &format!("]({part}"),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::documentation;

    #[test]
    fn lines_are_joined_and_only_links_to_items_go() {
        let lines = " As [`L1`](super::L1) and [`A::B`](crate::A),\n\n     in [0, 1] (x)(y)\n";
        assert_eq!(documentation(lines), "As `L1` and `A::B`,\n\n    in [0, 1] (x)(y)");
        let kept = "[page](https://example.org) f[1](2)";
        assert_eq!(documentation(kept), kept);
        assert_eq!(documentation(""), "");
    }
}
