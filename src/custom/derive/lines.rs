//! The lines of a function, from which those that nothing reads are left out.

use std::collections::HashSet;

/// What a line is to the names in it.
#[derive(Debug)]
enum Line {
    /// Declares a name.
    Declaration(String),
    /// Sets a variable, which is all it does with it.
    Store(String),
    Other,
}

#[derive(Debug)]
pub(super) struct Lines {
    lines: Vec<(Line, String, usize)>,
    depth: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { lines: Vec::new(), depth: 1 }
    }
}

impl Lines {
    pub(super) fn append(&mut self, mut other: Self) {
        self.lines.append(&mut other.lines);
    }

    /// `let NAME = TEXT;`
    pub(super) fn constant(&mut self, name: &str, text: &str) {
        self.push(Line::Declaration(name.into()), format!("let {name} = {text};"));
    }

    /// `var NAME: TYPE = TEXT;`
    pub(super) fn variable(&mut self, name: &str, kind: &str, text: Option<&str>) {
        let start = text.map(|text| format!(" = {text}")).unwrap_or_default();
        self.push(Line::Declaration(name.into()), format!("var {name}: {kind}{start};"));
    }

    /// `PLACE = TEXT;`, where the place is in a variable.
    pub(super) fn store(&mut self, variable: &str, place: &str, text: &str) {
        self.push(Line::Store(variable.into()), format!("{place} = {text};"));
    }

    pub(super) fn other(&mut self, text: impl Into<String>) {
        self.push(Line::Other, text.into());
    }

    /// A line that opens a block.
    pub(super) fn open(&mut self, text: impl Into<String>) {
        self.other(text);
        self.depth += 1;
    }

    /// A line that closes a block, and may open the next.
    pub(super) fn close(&mut self, text: &str) {
        self.depth -= 1;
        self.other(text);
        if text.ends_with('{') {
            self.depth += 1;
        }
    }

    fn push(&mut self, line: Line, text: String) {
        self.lines.push((line, text, self.depth));
    }

    /// The text without what nothing reads.
    pub(super) fn finish(mut self) -> String {
        loop {
            let before = self.lines.len();
            let mut read = HashSet::new();
            for (line, text, _) in &self.lines {
                let own = match line {
                    Line::Declaration(name) | Line::Store(name) => name,
                    Line::Other => "",
                };
                // A variable that is only set, by itself or others, is not read.
                let mut own_seen = false;
                for name in names(text) {
                    if name == own && !own_seen {
                        own_seen = true;
                    } else {
                        read.insert(name.to_string());
                    }
                }
            }
            self.lines.retain(|(line, ..)| match line {
                Line::Declaration(name) | Line::Store(name) => read.contains(name),
                Line::Other => true,
            });
            self.drop_empty_blocks();
            if self.lines.len() == before {
                break;
            }
        }
        self.join_else_if();
        let indented =
            |(_, text, depth): &(Line, String, usize)| format!("{:1$}{text}\n", "", 4 * depth);
        self.lines.iter().map(indented).collect()
    }

    /// An `else` with nothing but an `if` in it becomes `else if`.
    fn join_else_if(&mut self) {
        let mut i = 0;
        while i + 1 < self.lines.len() {
            let depth = self.lines[i].2;
            let inner = &self.lines[i + 1];
            let opens = self.lines[i].1 == "} else {" && inner.1.starts_with("if (");
            // The block's end, and that the `if` ends right before it.
            let end = (i + 1..self.lines.len()).find(|&k| self.lines[k].2 == depth);
            let alone = |end: usize| {
                let ends = (i + 2..end).filter(|&k| self.lines[k].2 == depth + 1);
                ends.filter(|&k| !self.lines[k].1.starts_with("} else")).eq([end - 1])
            };
            match end {
                Some(end) if opens && self.lines[end].1 == "}" && alone(end) => {
                    let text = format!("}} else {}", inner.1);
                    self.lines[i].1 = text;
                    self.lines.remove(end);
                    self.lines.remove(i + 1);
                    self.lines[i + 1..end - 1].iter_mut().for_each(|line| line.2 -= 1);
                    // The last line closed the `if`; it closes all now.
                }
                _ => i += 1,
            }
        }
    }

    /// An `if` or `else` without anything in it.
    fn drop_empty_blocks(&mut self) {
        let mut i = 0;
        while i + 1 < self.lines.len() {
            match (&self.lines[i].1[..], &self.lines[i + 1].1[..]) {
                ("} else {", "}") => drop(self.lines.remove(i)),
                (open, "}") if open.starts_with("if ") => drop(self.lines.drain(i..i + 2)),
                _ => i += 1,
            }
        }
    }
}

/// The identifiers in a text.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    text.split(move |c| !is_word(c)).filter(|name| !name.is_empty())
}
