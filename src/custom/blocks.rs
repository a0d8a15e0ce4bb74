//! Long functions in blocks within blocks, which drivers compile sooner.
//!
//! Mesa's drivers put functions where they are called, one call after another, and each time move all instructions that
//! follow in the block: 4,000 calls in a row took 12 s. What follows in a block of its own moves at once.

use super::words::identifiers;
use crate::kernel::NUMERIC;
use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::LazyLock;

/// So many calls a block has, at least, before the rest begins one of its own.
const CALLS: usize = 64;
/// So many blocks begin so in a function, about.
const MOST: usize = 32;
/// So many blocks may be open at once, the user's among them: WGSL lets 127 be.
const DEEPEST: usize = 100;

/// The functions that numeric.wgsl has.
static NUMERIC_FUNCTIONS: LazyLock<HashSet<&str>> = LazyLock::new(|| functions(NUMERIC).collect());

/// A derived text, whose functions go on in blocks of their own where they call many others.
pub(super) fn in_blocks(text: &str) -> String {
    let functions: HashSet<&str> =
        functions(text).chain(NUMERIC_FUNCTIONS.iter().copied()).collect();
    let name = LazyCell::new(|| unused_name(text));
    let mut all = String::with_capacity(text.len());
    let mut rest = text.split_inclusive('\n').peekable();
    while let Some(line) = rest.next() {
        all += line;
        let Some(result) = result_of(line) else { continue };
        let mut body: Vec<&str> = Vec::new();
        while let Some(line) = rest.next_if(|line| !line.starts_with('}')) {
            body.push(line);
        }
        let calls = |line: &str| identifiers(line).filter(|name| functions.contains(name)).count();
        let calls: Vec<usize> = body.iter().map(|line| calls(line)).collect();
        let own = calls.iter().sum::<usize>();
        let most = (own / MOST).max(CALLS);
        let text = (own > CALLS).then(|| split(result, &body, &calls, most, &name));
        match text.flatten() {
            Some(text) => all += &text,
            None => all.extend(body),
        }
    }
    all
}

/// A function's body in blocks of so many calls, if it can be; what it gives is kept until its end by this name.
fn split(result: &str, body: &[&str], calls: &[usize], most: usize, name: &str) -> Option<String> {
    // Where branches alone leave the function, each must be seen to.
    let (last, body) = body.split_last()?;
    let given = last.strip_prefix("    return ")?;
    let mut text = format!("    var {name}: {result};\n");
    let begun = Blocks::new(most, body).write(body, calls, &mut text);
    text += &format!("    {name} = {given}    {}\n    return {name};\n", "}".repeat(begun));
    (begun > 0).then_some(text)
}

/// The names of a text's functions.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("fn ")?.split('(').next())
}

/// What a function gives that begins with this line.
fn result_of(line: &str) -> Option<&str> {
    let (_, result) = line.strip_prefix("fn ")?.trim_end().strip_suffix('{')?.rsplit_once("->")?;
    Some(result.trim())
}

/// A name that is nowhere in a text.
fn unused_name(text: &str) -> String {
    let names: HashSet<&str> = identifiers(text).collect();
    let mut all = (0..).map(|i| if i == 0 { "given".into() } else { format!("given_{i}") });
    all.find(|name: &String| !names.contains(&**name)).unwrap_or_default()
}

/// A function while it is written.
struct Blocks {
    /// So many calls a block has before the rest begins another.
    most: usize,
    open: Vec<Block>,
    /// How many blocks may still begin.
    left: usize,
}

/// A block that is open.
struct Block {
    /// Whether the rest of it may be a block of its own.
    splits: bool,
    /// The calls since it began, or since a branch.
    calls: usize,
    /// How many blocks of its own the rest has begun.
    begun: usize,
}

impl Block {
    fn new(splits: bool) -> Self {
        Self { splits, calls: 0, begun: 0 }
    }
}

impl Blocks {
    fn new(most: usize, body: &[&str]) -> Self {
        let depth = |line: &&str| (line.len() - line.trim_start().len()) / 4;
        let left = DEEPEST.saturating_sub(body.iter().map(depth).max().unwrap_or_default());
        Self { most, open: vec![Block::new(true)], left }
    }

    /// Writes all but what the function ends with. Returns how many blocks that is in.
    fn write(mut self, body: &[&str], calls: &[usize], all: &mut String) -> usize {
        for (line, &calls) in body.iter().zip(calls) {
            self.line(line, calls, all);
        }
        self.open.iter().map(|block| block.begun).sum()
    }

    fn line(&mut self, line: &str, calls: usize, all: &mut String) {
        let word = line.trim();
        if word.starts_with('}') {
            let block = self.open.pop();
            if let Some(begun) = block.map(|block| block.begun).filter(|begun| *begun > 0) {
                self.left += begun;
                *all += &format!("    {}\n", "}".repeat(begun));
            }
            *all += line;
            if word.ends_with('{') {
                self.open.push(Block::new(word.starts_with("} else")));
            } else if let Some(block) = self.open.last_mut() {
                block.calls = 0;
            }
            return;
        }
        if let Some(block) = self.open.last_mut() {
            if block.splits && calls > 0 && block.calls >= self.most && self.left > 0 {
                *all += "    if (true) { // the rest, in a block of its own, which drivers compile sooner\n";
                block.begun += 1;
                self.left -= 1;
                block.calls = 0;
            }
            block.calls += calls;
        }
        *all += line;
        if word.ends_with('{') {
            // A loop ends with what it has open itself.
            self.open.push(Block::new(word.starts_with("if ") || word.ends_with(": {")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS, in_blocks};
    use std::fmt::Write;

    fn repeated(line: &str, count: usize) -> String {
        format!("{line}\n").repeat(count)
    }

    #[test]
    fn the_rest_of_a_long_function_is_a_block() {
        let short = "fn f(x: f32) -> f32 {\n    return x;\n}\n";
        let calls = |count: usize| {
            let lines = repeated("    y = f(y);", count);
            format!("{short}fn value(p: f32) -> f32 {{\n    var y = p;\n{lines}    return y;\n}}\n")
        };
        assert_eq!(in_blocks(&calls(CALLS)), calls(CALLS));
        let text = in_blocks(&calls(CALLS + 1));
        assert_eq!(text.matches("if (true) {").count(), 1, "{text}");
        assert!(
            text.ends_with("    y = f(y);\n    given = y;\n    }\n    return given;\n}\n"),
            "{text}"
        );
        assert!(text.contains("{\n    var given: f32;\n    var y = p;\n"), "{text}");
        // However many there are.
        let text = in_blocks(&calls(100_000));
        assert!((20..=40).contains(&text.matches("if (true) {").count()));
    }

    /// Blocks of all kinds stay valid: a loop's `continuing` stands in the loop, and its names are known there.
    #[test]
    fn blocks_of_all_kinds() {
        let many =
            |depth: usize| repeated(&format!("{:1$}y = given(y);", "", 4 * depth), 3 * CALLS);
        let mut text = String::from("fn given(x: f32) -> f32 {\n    return x;\n}\n\n");
        write!(
            text,
            "fn value(p: f32) -> f32 {{
    var y = p;
{}    if (y > 0.0) {{
{}        let a = y;
        y = a;
    }} else if (y > -1.0) {{
{}    }} else {{
{}        return y;
    }}
    switch i32(y) {{
        case 1: {{
{}        }}
        default: {{
        }}
    }}
    loop {{
        let b = y;
{}        if (b > 1.0) {{
            break;
        }}
        continuing {{
            y += b;
{}            break if y > 3.0;
        }}
    }}
{}    return y;
}}
",
            many(1),
            many(2),
            many(2),
            many(2),
            many(3),
            many(2),
            many(3),
            many(1)
        )
        .expect("a string");
        let blocks = in_blocks(&text);
        let module =
            naga::front::wgsl::parse_str(&blocks).unwrap_or_else(|e| panic!("{e}\n{blocks}"));
        let mut validator = naga::valid::Validator::new(Default::default(), Default::default());
        validator.validate(&module).unwrap_or_else(|e| panic!("{e:?}\n{blocks}"));
        assert_eq!(blocks.matches("if (true) {").count(), 6 * 2, "{blocks}");
        assert_eq!(blocks.matches("given_1").count(), 3, "the name is another's");
        // Without what was added it is the same.
        let own = |text: &str| -> String {
            text.split_whitespace().filter(|word| *word != "}").collect()
        };
        let without = blocks
            .replace("    var given_1: f32;\n", "")
            .replace("given_1 = y;", "")
            .replace("return given_1;", "return y;")
            .replace(
                "if (true) { // the rest, in a block of its own, which drivers compile sooner",
                "",
            );
        assert_eq!(own(&without).replace('}', ""), own(&text).replace('}', ""));
    }

    #[test]
    fn what_does_not_end_with_a_result_stays_whole() {
        let lines = repeated("        y = f(y);", 2 * CALLS);
        let text = format!(
            "fn f(x: f32) -> f32 {{\n    return x;\n}}\nfn g(x: f32) -> f32 {{\n    var y = x;\n{lines}    if (y > x) {{\n        \
             return y;\n    }} else {{\n        return x;\n    }}\n}}\n"
        );
        assert_eq!(in_blocks(&text), text);
        // Wherever the calls are.
        let text = text
            .replace(&lines, "")
            .replace("        return y;", &format!("{lines}        return y;"));
        assert!(text.contains(&lines));
        assert_eq!(in_blocks(&text), text);
    }

    /// However deep blocks go already, no more are open than may be.
    #[test]
    fn deep_texts_stay_valid() {
        let calls = repeated("    y = f(y);", 4000);
        for depth in [10, 80, 120] {
            let nest = |ends: bool| -> String {
                let line = |i: usize| {
                    format!("{:1$}{2}\n", "", 4 * i, if ends { "}" } else { "if (y > 0.0) {" })
                };
                let lines = (1..=depth).map(line);
                if ends { lines.rev().collect() } else { lines.collect() }
            };
            let (begin, inner, end) = (nest(false), " ".repeat(4 * (depth + 1)), nest(true));
            let text = format!(
                "fn f(x: f32) -> f32 {{\n    return x;\n}}\nfn g(x: f32) -> f32 {{\n    var y = x;\n{calls}{begin}{inner}y = f(y);\n{end}    \
                 return y;\n}}\n"
            );
            let blocks = in_blocks(&text);
            assert!(depth > 100 || blocks.contains("if (true) {"));
            naga::front::wgsl::parse_str(&blocks).unwrap_or_else(|e| panic!("{depth}: {e}"));
        }
    }
}
