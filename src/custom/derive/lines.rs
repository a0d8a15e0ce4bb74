//! The lines of a function, from which those that nothing reads are left out.

use crate::custom::words::identifiers;
use std::collections::HashMap;

/// What a line is to the names in it.
#[derive(Debug)]
enum Line {
    /// Declares a name.
    Declaration(String),
    /// Sets a variable, which is all it does with it.
    Store(String),
    Other,
}

impl Line {
    /// What it sets and nothing else.
    fn sets(&self) -> &str {
        match self {
            Self::Declaration(name) | Self::Store(name) => name,
            Self::Other => "",
        }
    }
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
            self.drop_unread();
            let before = self.lines.len();
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

    /// Drops lines that only set what nothing reads, and then what only those have read: each line is
    /// looked at twice, however long such a chain is.
    fn drop_unread(&mut self) {
        let mut readers: HashMap<&str, usize> = HashMap::new();
        let mut setters: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, (line, text, _)) in self.lines.iter().enumerate() {
            setters.entry(line.sets()).or_default().push(i);
            reads(line, text).for_each(|name| *readers.entry(name).or_default() += 1);
        }
        let is_unread = |name: &&str| !name.is_empty() && !readers.contains_key(name);
        let mut unread: Vec<&str> = setters.keys().copied().filter(is_unread).collect();
        let mut kept = vec![true; self.lines.len()];
        while let Some(name) = unread.pop() {
            for &i in setters.get(name).into_iter().flatten() {
                kept[i] = false;
                let (line, text, _) = &self.lines[i];
                for name in reads(line, text) {
                    let left = readers.entry(name).or_default();
                    *left -= 1;
                    if *left == 0 {
                        unread.push(name);
                    }
                }
            }
        }
        let mut kept = kept.into_iter();
        self.lines.retain(|_| kept.next().unwrap_or(true));
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
        let mut kept: Vec<(Line, String, usize)> = Vec::with_capacity(self.lines.len());
        for line in self.lines.drain(..) {
            let open = kept.last().map_or("", |(_, text, _)| text);
            match &line.1[..] {
                "}" if open == "} else {" => {
                    kept.pop();
                    kept.push(line);
                }
                "}" if open.starts_with("if ") => drop(kept.pop()),
                _ => kept.push(line),
            }
        }
        self.lines = kept;
    }
}

/// The names that a line reads: a variable that it sets is not one of them, unless it comes again.
fn reads<'l>(line: &Line, text: &'l str) -> impl Iterator<Item = &'l str> {
    let own = line.sets().to_string();
    let mut own_seen = false;
    identifiers(text).filter(move |&name| {
        let is_set = name == own && !own_seen;
        own_seen |= is_set;
        !is_set
    })
}
