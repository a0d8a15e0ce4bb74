//! The text as it grows: functions, and what they need.

use super::ROUNDS;
use super::body::{Body, Found, Returns};
use super::lines;
use crate::custom::source::{Refusal, Source};
use naga::{Function, Handle};
use std::collections::{HashMap, HashSet};

type Result<T> = std::result::Result<T, Refusal>;

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
    variants: HashMap<(Handle<Function>, Vec<u8>), Variant>,
    /// The counter of rounds, where there is a loop.
    counter: Option<String>,
}

/// The text of a function but for its name.
struct Written {
    arguments: String,
    result: String,
    body: String,
    found: u8,
}

impl Written {
    fn text(&self, name: &str) -> String {
        let Self { arguments, result, body, .. } = self;
        format!("fn {name}({arguments}) -> {result} {{\n{body}}}\n")
    }
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

    /// What `value` is made of. A loop's rounds are counted from here, and too many are NaN.
    pub(super) fn entry(
        &mut self,
        handle: Handle<Function>,
        name: &str,
        by: &[usize],
        returns: Returns,
    ) -> Result<()> {
        let count = self.source.module.functions[handle].arguments.len();
        let active: Vec<u8> =
            (0..count).map(|i| if by.contains(&i) { 1 << i } else { 0 }).collect();
        let written = self.function(handle, &active, &returns)?;
        let Some(counter) = self.counter.clone() else {
            self.push(name, written.text(name));
            return Ok(());
        };
        let Written { arguments, result, .. } = &written;
        let names: Vec<&str> =
            arguments.split(", ").filter_map(|argument| argument.split(':').next()).collect();
        let mut own: HashSet<String> = names.iter().copied().map(String::from).collect();
        let inner = self.unique(&format!("{name}_of"), &own);
        own.insert(inner.clone());
        let outcome = self.unique("result", &own);
        let passed = names.join(", ");
        self.push(&inner, written.text(&inner));
        let nan = if result == "f32" {
            "not_a_number()".into()
        } else {
            format!("{result}(not_a_number())")
        };
        self.push(
            name,
            format!(
                "// Past {ROUNDS} rounds of its loops the result is NaN.\n\
             fn {name}({arguments}) -> {result} {{\n    {counter} = {}u;\n    \
             let {outcome} = {inner}({passed});\n    \
             return select({outcome}, {nan}, {counter} == 0u);\n}}\n",
                // One more to leave the last loop, and one that is too many.
                ROUNDS + 2,
            ),
        );
        Ok(())
    }

    /// Writes a function until no variable gets a slope that it did not have.
    fn function(
        &mut self,
        handle: Handle<Function>,
        active: &[u8],
        returns: &Returns,
    ) -> Result<Written> {
        let mut found = Found::default();
        loop {
            let mut body = Body::new(self, handle, returns.clone(), found.clone());
            let arguments = body.declare_arguments(active)?;
            body.write()?;
            if body.found == found {
                body.declare_locals()?;
                let lines = std::mem::take(&mut body.lines).finish();
                let result = body.result_type()?;
                return Ok(Written { arguments, result, body: lines, found: found.result });
            }
            found = body.found;
        }
    }

    /// The helper function for arguments with these slopes.
    pub(super) fn variant(&mut self, handle: Handle<Function>, active: &[u8]) -> Result<Variant> {
        let key = (handle, active.to_vec());
        if let Some(variant) = self.variants.get(&key) {
            return Ok(variant.clone());
        }
        let own = self.source.module.functions[handle].name.clone().unwrap_or_default();
        let result_name = format!("{own}_result");
        let mut variant = Variant { name: own.clone(), result_name, result: 0 };
        if active.iter().any(|&directions| directions != 0) {
            let name = self.unique(&format!("{own}_derived"), &HashSet::new());
            let kind = self.unique(&format!("{own}_dual"), &HashSet::new());
            let written = self.function(handle, active, &Returns::Dual(kind.clone()))?;
            if written.found == 0 {
                variant = self.variant(handle, &vec![0; active.len()])?;
            } else {
                variant.name.clone_from(&name);
                variant.result = written.found;
                self.declare_dual(handle, &kind, written.found)?;
                self.push(&name, written.text(&name));
            }
        } else {
            let written = self.function(handle, active, &Returns::Value)?;
            self.push(&own, written.text(&own));
        }
        self.variants.insert(key, variant.clone());
        Ok(variant)
    }

    /// The struct of a helper's result and its slopes.
    fn declare_dual(&mut self, handle: Handle<Function>, name: &str, found: u8) -> Result<()> {
        let source = self.source;
        let span = source.module.functions.get_span(handle);
        let Some(result) = &source.module.functions[handle].result else { return Ok(()) };
        let kind = self.type_name(result.ty, span)?;
        let by = (0..self.directions.len()).filter(|k| found & 1 << k != 0);
        let members: String =
            by.map(|k| format!("    by_{}: {kind},\n", self.directions[k])).collect();
        self.push(name, format!("struct {name} {{\n    value: {kind},\n{members}}}\n"));
        Ok(())
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
        let taken = |name: &String| {
            own.contains(name)
                || self.has(name)
                || self.reserved.contains(name)
                || self.source.declares(name)
        };
        let numbered = (1..).map(|i| format!("{wanted}_{i}"));
        let mut names = [wanted.to_string()].into_iter().chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    /// The pieces that `value` and `gradient` need.
    pub(super) fn finish(self) -> String {
        let mut kept: Vec<String> = Vec::new();
        let mut needed: HashSet<String> = ["value".into(), "gradient".into()].into();
        for (name, text) in self.pieces.into_iter().rev() {
            if needed.contains(&name) {
                needed.extend(lines::names(&text).map(String::from));
                kept.push(text);
            }
        }
        kept.reverse();
        kept.join("\n")
    }
}
