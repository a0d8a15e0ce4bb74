//! Which kernels hold something that none before them held. Whether a declaration is valid depends
//! on its own text and on those that it names: two kernels whose declarations stand beside the same
//! ones are valid alike.

use std::collections::{BTreeMap, HashMap, HashSet};
use wgloss::{Member, Source};

/// A declaration's name, and all names and words in it.
struct Declaration<'a> {
    name: &'a str,
    words: HashSet<&'a str>,
}

/// What was met so far.
#[derive(Default)]
pub(super) struct Met<'a> {
    declarations: Vec<Declaration<'a>>,
    /// The places of texts among the declarations.
    texts: HashMap<&'a str, usize>,
    windows: BTreeMap<&'a [Member], usize>,
    /// What was met together: a kernel's window, then a declaration and all that it names, or all
    /// bindings.
    together: HashSet<Vec<usize>>,
}

impl<'a> Met<'a> {
    /// Whether a kernel adds something.
    pub(super) fn adds(&mut self, kernel: &'a Source) -> bool {
        let texts = declarations(&kernel.text);
        let places: Vec<usize> = texts.iter().map(|text| self.place(text)).collect();
        let all = &self.declarations;
        let named: HashMap<&str, usize> = places.iter().map(|&i| (all[i].name, i)).collect();
        let windows = self.windows.len();
        let window = *self.windows.entry(kernel.window).or_insert(windows);
        let bindings = texts.iter().zip(&places).filter(|(text, _)| text.starts_with("@group"));
        let bindings = bindings.map(|(_, &place)| place).collect();
        let beside = |&place: &usize| {
            let others = all[place].words.iter().filter_map(|word| named.get(word).copied());
            let mut others: Vec<usize> = others.filter(|&other| other != place).collect();
            others.sort_unstable();
            [&[window, place], &others[..]].concat()
        };
        let before = self.together.len();
        self.together.extend(places.iter().map(beside).chain([bindings]));
        self.together.len() > before
    }

    fn place(&mut self, text: &'a str) -> usize {
        let place = self.declarations.len();
        *self.texts.entry(text).or_insert_with(|| {
            self.declarations.push(declaration(text));
            place
        })
    }
}

/// The declarations of a module, each with the comments above it.
fn declarations(text: &str) -> Vec<&str> {
    let (mut all, mut start, mut end, mut open) = (Vec::new(), 0, 0, 0);
    for line in text.split_inclusive('\n') {
        end += line.len();
        let code = code(line);
        open += code.matches('{').count();
        open -= code.matches('}').count();
        if open == 0 && code.ends_with([';', '}']) {
            all.push(text[start..end].trim_start());
            start = end;
        }
    }
    all
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line).trim_end()
}

fn declaration(text: &str) -> Declaration<'_> {
    let lines = text.lines().map(code);
    let words = lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let kinds = ["fn", "struct", "const", "override", "alias", "var"];
    let kind = words.iter().position(|word| kinds.contains(word)).expect("a declaration");
    // A variable's address space and access stand before its name.
    let spaces = ["storage", "uniform", "workgroup", "private", "read", "read_write"];
    let name = words[kind + 1..].iter().find(|word| !spaces.contains(word)).expect("a name");
    Declaration { name, words: words.into_iter().collect() }
}
