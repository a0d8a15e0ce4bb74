//! Whole functions: the two that a kernel calls, and a helper for each set of arguments with slopes.

use super::body::{Body, Found, Gradient, Member, Returns, nan};
use super::dual::{Directions, each};
use super::writer::{Variant, Writer};
use crate::custom::refusal::Refusal;
use crate::families::pointwise::kernel::VALUE_AND_GRADIENT;
use naga::{Function, Handle};
use std::collections::HashSet;

type Result<T> = std::result::Result<T, Refusal>;

/// The text of a function but for its name.
struct Written {
    arguments: String,
    result: String,
    body: String,
    found: Directions,
    leaves: Vec<u64>,
}

impl Written {
    fn text(&self, name: &str) -> String {
        let Self { arguments, result, body, .. } = self;
        format!("fn {name}({arguments}) -> {result} {{\n{body}}}\n")
    }
}

/// The names of arguments.
fn names(arguments: &str) -> Vec<&str> {
    arguments.split(", ").filter_map(|argument| argument.split(':').next()).collect()
}

impl Writer<'_> {
    /// `gradient`.
    pub(super) fn gradient(
        &mut self,
        handle: Handle<Function>,
        active: &[Directions],
        gradient: Gradient,
    ) -> Result<()> {
        self.declare_gradient(&gradient);
        self.entry(handle, "gradient", active, Returns::Slopes(gradient))?;
        Ok(())
    }

    fn declare_gradient(&mut self, gradient: &Gradient) {
        if let Some(name) = &gradient.name {
            let member = |own: &Member| format!("    by_{}: {},\n", own.name, own.kind());
            let members: String = gradient.members.iter().map(member).collect();
            self.push(name, format!("struct {name} {{\n{members}}}\n"));
        }
    }

    /// `value_and_gradient`, in which they share what they can, and `gradient`, which is its part.
    pub(super) fn value_and_gradient(
        &mut self,
        handle: Handle<Function>,
        active: &[Directions],
        gradient: Gradient,
    ) -> Result<()> {
        self.declare_gradient(&gradient);
        let (both, kind) = (self.unique("ValueAndGradient", &HashSet::new()), gradient.kind());
        self.push(&both, format!("struct {both} {{\n    value: f32,\n    gradient: {kind},\n}}\n"));
        let name = VALUE_AND_GRADIENT;
        let arguments = self.entry(handle, name, active, Returns::Both(both, gradient))?;
        let passed = names(&arguments).join(", ");
        let text = format!(
            "fn gradient({arguments}) -> {kind} {{\n    return {name}({passed}).gradient;\n}}\n"
        );
        self.push("gradient", text);
        Ok(())
    }

    /// What `value` is made of; returns its arguments. A loop's rounds are counted from here, and too many are NaN; of a
    /// loss over rows who calls it does that.
    pub(super) fn entry(
        &mut self,
        handle: Handle<Function>,
        name: &str,
        active: &[Directions],
        returns: Returns,
    ) -> Result<String> {
        let written = self.function(handle, active, &returns)?;
        let Some(counter) = self.counter.clone().filter(|_| self.source.rows.is_none()) else {
            self.push(name, written.text(name));
            return Ok(written.arguments);
        };
        let Written { arguments, result, .. } = &written;
        let names = names(arguments);
        let mut own: HashSet<String> = names.iter().copied().map(String::from).collect();
        let inner = self.unique(&format!("{name}_of"), &own);
        own.insert(inner.clone());
        let outcome = self.unique("result", &own);
        let passed = names.join(", ");
        self.push(&inner, written.text(&inner));
        let (missing, is_struct) = match &returns {
            Returns::Both(both, gradient) => {
                (format!("{both}(not_a_number(), {})", gradient.nan()), true)
            }
            Returns::Slopes(gradient) => (gradient.nan(), gradient.name.is_some()),
            _ => (nan(result), false),
        };
        let outcome_or_nan = match is_struct {
            true => format!("if ({counter} == 0u) {{ return {missing}; }}\n    return {outcome};"),
            false => format!("return select({outcome}, {missing}, {counter} == 0u);"),
        };
        let rounds = self.source.rounds();
        self.push(
            name,
            format!(
                "// Past {rounds} rounds of its loops the result is NaN.\n\
             fn {name}({arguments}) -> {result} {{\n    {counter} = {}u;\n    \
             let {outcome} = {inner}({passed});\n    \
             {outcome_or_nan}\n}}\n",
                // One more to leave the last loop, and one that is too many.
                rounds + 2,
            ),
        );
        Ok(written.arguments)
    }

    /// A function whose arguments are numbers that slopes are by, with those of its result in a struct: in which
    /// directions it has any, and for each direction which of its scalars, as bits.
    pub(super) fn whole(
        &mut self,
        handle: Handle<Function>,
        name: &str,
        kind: &str,
        active: &[Directions],
    ) -> Result<(Directions, Vec<u64>)> {
        let written = self.function(handle, active, &Returns::Whole(kind.into()))?;
        self.declare_dual(handle, kind, written.found)?;
        self.push(name, written.text(name));
        Ok((written.found, written.leaves))
    }

    /// Writes a function until no variable gets a slope that it did not have.
    fn function(
        &mut self,
        handle: Handle<Function>,
        active: &[Directions],
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
                let (found, leaves) = (found.result, std::mem::take(&mut body.leaves));
                return Ok(Written { arguments, result, body: lines, found, leaves });
            }
            found = body.found;
        }
    }

    /// The helper function for arguments with these slopes.
    pub(super) fn variant(
        &mut self,
        handle: Handle<Function>,
        active: &[Directions],
    ) -> Result<Variant> {
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
    fn declare_dual(
        &mut self,
        handle: Handle<Function>,
        name: &str,
        found: Directions,
    ) -> Result<()> {
        let source = self.source;
        let span = source.module.functions.get_span(handle);
        let Some(result) = &source.module.functions[handle].result else { return Ok(()) };
        let kind = self.type_name(result.ty, span)?;
        let members: String =
            each(found).map(|k| format!("    by_{}: {kind},\n", self.directions[k])).collect();
        self.push(name, format!("struct {name} {{\n    value: {kind},\n{members}}}\n"));
        Ok(())
    }
}
