//! The text as it grows: functions, and what they need.

use super::dual::Directions;
use crate::custom::signature::{Argument, Parameter};
use crate::custom::source::Source;
use crate::custom::words::identifiers;
use naga::common::wgsl::TryToWgsl;
use naga::keywords::wgsl::RESERVED;
use naga::{Function, Handle, Type};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What a direction of one's own is called.
pub(in crate::custom) const DIRECTION: &str = "direction";

/// A helper function as it was written for one set of arguments with slopes.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) name: String,
    /// What to call a result of it.
    pub(super) result_name: String,
    /// The directions in which the result has slopes.
    pub(super) result: Directions,
}

#[derive(Debug)]
pub(super) struct Writer<'s> {
    pub(super) source: &'s Source,
    pub(super) accurate: bool,
    pub(super) limited: bool,
    reserved: &'s HashSet<String>,
    /// What directions are called: as the arguments that they belong to, or their numbers.
    pub(super) directions: Vec<String>,
    /// Whether there is one direction, whose numbers are arguments.
    pub(super) is_along: bool,
    /// What has been written: names and texts, each after what it needs.
    pieces: Vec<(String, String)>,
    pub(super) variants: HashMap<(Handle<Function>, Vec<Directions>), Variant>,
    /// The counter of rounds, where there is a loop.
    pub(super) counter: Option<String>,
    /// The words of tables, and where each begins, by the function that reads it.
    table: Vec<u32>,
    tables: Vec<(String, Range<usize>)>,
    /// The functions that read arrays of parameters, by the place of the parameter.
    parameter_tables: HashMap<usize, String>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(
        source: &'s Source,
        accurate: bool,
        limited: bool,
        reserved: &'s HashSet<String>,
    ) -> Self {
        let (pieces, variants, counter, tables, parameter_tables) = Default::default();
        // The parameters' own come first.
        let numbers = source.parameters.iter().filter_map(|own| own.count).sum();
        let table = vec![0; if limited { numbers } else { 0 }];
        let directions = source.arguments.iter().flat_map(Argument::directions).collect();
        Self {
            source,
            accurate,
            limited,
            reserved,
            directions,
            is_along: false,
            pieces,
            variants,
            counter,
            table,
            tables,
            parameter_tables,
        }
    }

    /// Derives in one direction, whose numbers are arguments.
    pub(super) fn along(&mut self) {
        self.directions = vec![DIRECTION.into()];
        self.is_along = true;
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

    /// The function that reads these words of numbers of a type, each by its place; past the last one
    /// the last one.
    pub(super) fn table_function(&mut self, wanted: &str, kind: &str, words: &[u32]) -> String {
        let own = |(name, range): &(String, Range<usize>)| {
            (self.table[range.clone()] == *words && name.ends_with(kind)).then(|| name.clone())
        };
        if let Some(name) = self.tables.iter().find_map(own) {
            return name;
        }
        let name = self.unique(&format!("{wanted}_at_{kind}"), &HashSet::new());
        let start = self.table.len();
        self.table.extend_from_slice(words);
        self.push_table(&name, kind, start, words.len());
        self.tables.push((name.clone(), start..self.table.len()));
        name
    }

    /// The function that reads an array of parameters, by its place among them; its words are set with
    /// the parameters.
    pub(super) fn parameter_table(&mut self, place: usize) -> String {
        if let Some(name) = self.parameter_tables.get(&place) {
            return name.clone();
        }
        let Parameter { name, kind, count } = &self.source.parameters[place];
        let kind = kind.try_to_wgsl().unwrap_or("f32");
        let start = self.source.parameters[..place].iter().filter_map(|own| own.count).sum();
        let function = self.unique(&format!("{name}_at_{kind}"), &HashSet::new());
        self.push_table(&function, kind, start, count.unwrap_or_default());
        self.parameter_tables.insert(place, function.clone());
        function
    }

    fn push_table(&mut self, name: &str, kind: &str, start: usize, count: usize) {
        let last = count.saturating_sub(1);
        let word = format!("table_words[{start}u + min(i, {last}u)]");
        let read = if kind == "u32" { word } else { format!("bitcast<{kind}>({word})") };
        self.push(name, format!("fn {name}(i: u32) -> {kind} {{\n    return {read};\n}}\n"));
    }

    /// Whether arrays are left out of a value of this type: those of parameters are read from a buffer.
    pub(super) fn leaves_out_arrays(&self, ty: Handle<Type>) -> bool {
        self.limited && self.source.parameters_type == Some(ty)
    }

    /// Whether nothing is left of an argument of this type.
    pub(super) fn is_left_out(&self, ty: Handle<Type>) -> bool {
        self.leaves_out_arrays(ty) && self.source.parameters.iter().all(|own| own.count.is_some())
    }

    /// The pieces that these need, and the words of tables.
    pub(super) fn finish(self, entries: &[&str]) -> (String, Vec<u32>) {
        let mut kept: Vec<String> = Vec::new();
        let mut needed: HashSet<String> = entries.iter().map(|own| own.to_string()).collect();
        for (name, text) in self.pieces.into_iter().rev() {
            if needed.contains(&name) {
                needed.extend(identifiers(&text).map(String::from));
                kept.push(text);
            }
        }
        kept.reverse();
        (kept.join("\n"), self.table)
    }
}
