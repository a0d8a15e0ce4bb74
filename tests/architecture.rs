//! Rooms import downwards only, as ARCHITECTURE.md has their floors, and the files of the rooms
//! that hold the mathematics do not import each other in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module by the names that lead to it; a folder's `mod.rs` is the folder's module.
type Module = Vec<String>;

/// What each module imports of the crate.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The floors of ARCHITECTURE.md from the top, each with its rooms.
fn floors() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page");
    let list = text.split("```floors\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines = list.expect("a list of floors").lines();
    lines.map(|line| line.split_whitespace().map(String::from).collect()).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a source").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The modules of `src` but tests, with their texts.
fn modules() -> BTreeMap<Module, String> {
    let folder = root().join("src");
    let mut found = Vec::new();
    sources(&folder, &mut found);
    let mut modules = BTreeMap::new();
    for path in found {
        let inside = path.strip_prefix(&folder).expect("a file of src").with_extension("");
        let mut module: Module =
            inside.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|name| name == "mod" || name == "lib") {
            module.pop();
        }
        if module.iter().all(|name| name != "tests") {
            let text = std::fs::read_to_string(&path).expect("a source");
            modules.insert(module, code(&text));
        }
    }
    modules
}

/// The text without comments and without what follows its tests, which come last.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let line = |line: &str| line.split("//").next().unwrap_or_default().to_string();
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The paths that a path with braces stands for: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expanded(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.into()] };
    let (mut depth, mut part, mut all) = (1, String::new(), Vec::new());
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            let paths = expanded(&part);
            all.extend(paths.iter().filter(|p| !p.is_empty()).map(|p| format!("{before}{p}")));
            part.clear();
        } else {
            part.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    all
}

/// Where a path starts in the text, and the path: as far as it goes, with its braces.
fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::", "use "] {
        for (at, _) in text.match_indices(start) {
            let before = &text[..at];
            let inside = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            // `pub(in super::super)` says who may import, and imports nothing.
            if before.ends_with(inside) || before.ends_with("pub(in ") {
                continue;
            }
            let (mut depth, mut end) = (0, text.len());
            let from = if start == "use " { at + start.len() } else { at };
            for (i, c) in text[from..].char_indices() {
                let inside = c.is_alphanumeric() || "_:{".contains(c);
                match c {
                    '{' => depth += 1,
                    '}' if depth > 0 => depth -= 1,
                    _ if depth > 0 || inside => {}
                    _ => {
                        end = from + i;
                        break;
                    }
                }
            }
            found.extend(expanded(&text[from..end]));
        }
    }
    found
}

/// The module that a path of a module's text leads to, if it is one of the crate.
fn target(modules: &BTreeMap<Module, String>, own: &Module, path: &str) -> Option<Module> {
    let names: Vec<&str> = path.split("::").map(str::trim).collect();
    let (mut module, mut rest) = match names[0] {
        "crate" => (Vec::new(), &names[1..]),
        "self" => (own.clone(), &names[1..]),
        "super" => (own.clone(), &names[..]),
        // A child of one's own.
        _ => (own.clone(), &names[..]),
    };
    let relative = !["crate", "self", "super"].contains(&names[0]);
    while rest.first() == Some(&"super") {
        module.pop()?;
        rest = &rest[1..];
    }
    let start = module.len();
    while let Some(name) = rest.first() {
        let next: Module = module.iter().cloned().chain([(*name).to_string()]).collect();
        if !modules.contains_key(&next) {
            break;
        }
        (module, rest) = (next, &rest[1..]);
    }
    (!relative || module.len() > start).then_some(module)
}

fn imports() -> Imports {
    let modules = modules();
    let of = |(own, text): (&Module, &String)| {
        let targets = paths(text).into_iter().filter_map(|path| target(&modules, own, &path));
        (own.clone(), targets.filter(|module| module != own && !module.is_empty()).collect())
    };
    modules.iter().map(of).collect()
}

/// The rooms that each room imports.
fn of_rooms(imports: &Imports) -> BTreeMap<String, BTreeSet<String>> {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (own, targets) in imports {
        let Some(room) = own.first() else { continue };
        let others = targets.iter().map(|module| module[0].clone()).filter(|other| other != room);
        rooms.entry(room.clone()).or_default().extend(others);
    }
    rooms
}

/// Imports that do not go to a lower floor.
fn upward(rooms: &BTreeMap<String, BTreeSet<String>>, floors: &[Vec<String>]) -> Vec<String> {
    let floor = |room: &String| {
        let own = floors.iter().position(|rooms| rooms.contains(room));
        own.unwrap_or_else(|| panic!("ARCHITECTURE.md has no floor for {room}"))
    };
    let pairs = rooms.iter().flat_map(|(own, others)| others.iter().map(move |other| (own, other)));
    let wrong = pairs.filter(|(own, other)| floor(other) <= floor(own));
    wrong.map(|(own, other)| format!("{own} imports {other}")).collect()
}

/// The modules of a room that are in circles, or between two of them.
fn circle(imports: &Imports, room: &str) -> Vec<Module> {
    let inside = |module: &Module| module.first().is_some_and(|name| name == room);
    let mut left: Vec<&Module> = imports.keys().filter(|own| inside(own)).collect();
    loop {
        let remaining = left.clone();
        left.retain(|own| {
            let imports_one = imports[*own].iter().any(|other| remaining.contains(&other));
            imports_one && remaining.iter().any(|other| imports[*other].contains(*own))
        });
        if left.len() == remaining.len() {
            return left.into_iter().cloned().collect();
        }
    }
}

#[test]
fn rooms_import_downwards() {
    let rooms = of_rooms(&imports());
    for (room, others) in &rooms {
        println!("{room}: {}", others.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    let floors = floors();
    let listed: BTreeSet<&String> = floors.iter().flatten().collect();
    assert_eq!(listed, rooms.keys().collect(), "the rooms of ARCHITECTURE.md and of src");
    assert!(rooms.values().any(|others| others.len() > 5), "imports are found");
    let wrong = upward(&rooms, &floors);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_of_a_room_import_each_other_in_circles() {
    let imports = imports();
    let circles = ["cpu", "custom", "families"].into_iter().flat_map(|room| circle(&imports, room));
    let names: Vec<String> = circles.map(|module| module.join("/")).collect();
    assert!(names.is_empty(), "in circles: {}", names.join(", "));
}

#[test]
fn an_upward_import_and_a_circle_are_found() {
    let mut imports = imports();
    let module = |path: &str| path.split('/').map(String::from).collect::<Module>();
    imports.entry(module("tensor")).or_default().insert(module("request"));
    let wrong = upward(&of_rooms(&imports), &floors());
    assert_eq!(wrong, ["tensor imports request"]);
    imports.entry(module("cpu/numeric")).or_default().insert(module("cpu/outputs"));
    imports.entry(module("cpu/outputs")).or_default().insert(module("cpu/numeric"));
    assert_eq!(circle(&imports, "cpu"), [module("cpu/numeric"), module("cpu/outputs")]);
}

#[test]
fn paths_are_read_as_the_compiler_does() {
    let text = "use crate::gpu::{Gpu, transfer::{buffer, upload}};
use super::b::C;
pub(in super::super) fn f(x: &crate::order::Tree) { crate::error::listed(x) }";
    let want = [
        "crate::gpu::Gpu",
        "crate::gpu::transfer::buffer",
        "crate::gpu::transfer::upload",
        "super::b::C",
        "crate::order::Tree",
        "crate::error::listed",
    ];
    let found: BTreeSet<String> = paths(text).into_iter().collect();
    assert_eq!(found, want.into_iter().map(String::from).collect());
}
