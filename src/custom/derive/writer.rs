//! The text as it grows: functions, and what they need.

use crate::custom::source::Source;
use crate::custom::words::identifiers;
use naga::keywords::wgsl::RESERVED;
use naga::{Function, Handle};
use std::collections::{HashMap, HashSet};

/// A helper function as it was written for one set of arguments with slopes.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) name: String,
    /// What to call a result of it.
    pub(super) result_name: String,
    /// The directions in which the result has slopes.
    pub(super) result: u8,
}

#[derive(Debug)]
pub(super) struct Writer<'s> {
    pub(super) source: &'s Source,
    pub(super) accurate: bool,
    limited: bool,
    reserved: &'s HashSet<String>,
    /// The names of the arguments that directions belong to.
    pub(super) directions: Vec<String>,
    /// What has been written: names and texts, each after what it needs.
    pieces: Vec<(String, String)>,
    pub(super) variants: HashMap<(Handle<Function>, Vec<u8>), Variant>,
    /// The counter of rounds, where there is a loop.
    pub(super) counter: Option<String>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(
        source: &'s Source,
        accurate: bool,
        limited: bool,
        reserved: &'s HashSet<String>,
    ) -> Self {
        let (pieces, variants, counter) = Default::default();
        let directions = source.arguments.clone();
        Self { source, accurate, limited, reserved, directions, pieces, variants, counter }
    }

    /// The counter of rounds, if they are to be counted.
    pub(super) fn limiter(&mut self) -> Option<String> {
        if !self.limited {
            return None;
        }
        if self.counter.is_none() {
            let name = self.unique("rounds_left", &HashSet::new());
            self.push(&name, format!("var<private> {name}: u32;\n"));
            self.counter = Some(name);
        }
        self.counter.clone()
    }

    /// The name of a function of numeric.wgsl.
    pub(super) fn numeric_name(&self, handle: Handle<Function>) -> Option<String> {
        let functions = &self.source.module.functions;
        let own = self.source.is_own(functions.get_span(handle));
        functions[handle].name.clone().filter(|_| !own)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.pieces.iter().any(|(other, _)| other == name)
    }

    pub(super) fn push(&mut self, name: &str, text: String) {
        self.pieces.push((name.into(), text));
    }

    /// A name near the wanted one that nothing else has; `own` are those of the same function.
    pub(super) fn unique(&self, wanted: &str, own: &HashSet<String>) -> String {
        self.unique_from(wanted, &mut 0, own)
    }

    /// The same, where as many names as `used` says have been asked for.
    pub(super) fn unique_from(
        &self,
        wanted: &str,
        used: &mut usize,
        own: &HashSet<String>,
    ) -> String {
        let wanted = self.source.written(wanted);
        loop {
            let name = match *used {
                0 => wanted.to_string(),
                number => format!("{wanted}_{number}"),
            };
            *used += 1;
            let taken = own.contains(&name)
                || self.has(&name)
                || self.reserved.contains(&name)
                || self.source.declares(&name)
                || RESERVED.contains(&&*name);
            if !taken {
                return name;
            }
        }
    }

    /// The pieces that `value` and `gradient` need.
    pub(super) fn finish(self) -> String {
        let mut kept: Vec<String> = Vec::new();
        let mut needed: HashSet<String> = ["value".into(), "gradient".into()].into();
        for (name, text) in self.pieces.into_iter().rev() {
            if needed.contains(&name) {
                needed.extend(identifiers(&text).map(String::from));
                kept.push(text);
            }
        }
        kept.reverse();
        kept.join("\n")
    }
}
