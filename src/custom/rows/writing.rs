//! Functions of numbers while their text is written.

use crate::custom::items::{Argument, Called, Number, Signature, value_of};
use crate::families::rows::rounds::most_of_row;
use naga::Module;

/// A function of numbers.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) takes: Vec<Number>,
    /// Whether its last argument are the parameters.
    pub(super) takes_parameters: bool,
    pub(super) gives: Vec<Number>,
    /// How often it calls functions of an item that loop, each as often as its lanes may take turns.
    pub(super) turns: usize,
}

/// A function while its text is written.
pub(super) struct Writing<'s> {
    signature: &'s Signature,
    module: &'s Module,
    takes: Vec<Number>,
    takes_parameters: bool,
    lines: String,
    /// The variable in which rounds of loops are counted down, where there are loops.
    counter: Option<&'s str>,
    turns: usize,
    /// What tells of each step whether its loops have been given up.
    given_up: Vec<String>,
}

impl<'s> Writing<'s> {
    pub(super) fn new(
        signature: &'s Signature,
        module: &'s Module,
        counter: Option<&'s str>,
    ) -> Self {
        let (takes, lines, given_up) = Default::default();
        Self {
            signature,
            module,
            takes,
            takes_parameters: false,
            lines,
            counter,
            turns: 0,
            given_up,
        }
    }

    /// The name of a number, which becomes an argument.
    pub(super) fn take(&mut self, number: Number) -> String {
        if !self.takes.contains(&number) {
            self.takes.push(number);
        }
        number.name(self.signature)
    }

    pub(super) fn line(&mut self, line: &str) {
        self.lines += &format!("    {line}\n");
    }

    /// Calls a derived function, whose loops may take their rounds anew.
    pub(super) fn call(&mut self, name: &str, function: &str, called: &Called) {
        if let Some((counter, turns)) = self.loops_of(called) {
            let rounds = match called.name {
                "value" => format!("{}u", most_of_row(turns)),
                _ => {
                    self.turns += turns;
                    self.take(Number::Rounds)
                }
            };
            // One more to leave the last loop, and one that is too many.
            self.line(&format!("{counter} = {rounds} + 2u;"));
        }
        let mut passed: Vec<String> = Vec::new();
        let types = &self.module.functions[called.function].arguments;
        for (argument, ty) in called.arguments.iter().zip(types) {
            if *argument == Argument::Parameters {
                if self.signature.passes_parameters() {
                    self.takes_parameters = true;
                    passed.push("c".into());
                }
                continue;
            }
            let numbers: Vec<String> =
                self.signature.of(*argument).into_iter().map(|own| self.take(own)).collect();
            passed.push(value_of(self.module, ty.ty, &mut numbers.into_iter()));
        }
        self.line(&format!("let {name} = {function}({});", passed.join(", ")));
    }

    /// The counter, and how often lanes may take turns, where a function loops.
    fn loops_of(&self, called: &Called) -> Option<(&'s str, usize)> {
        Some((self.counter?, called.loops?.turns))
    }

    /// Keeps whether the loops of what was called last have been given up.
    pub(super) fn watch(&mut self, name: &str, called: &Called) {
        if let Some((counter, _)) = self.loops_of(called) {
            self.line(&format!("let {name}_left = {counter};"));
            self.given_up.push(format!("({name}_left == 0u)"));
        }
    }

    /// Minds steps whose loops may have been given up.
    pub(super) fn mind(&mut self, steps: &[Number]) {
        for &step in steps {
            let name = self.take(step);
            self.given_up.push(format!("({name} != 0.0)"));
        }
    }

    /// Whether loops have been given up in any of those, if that may be.
    pub(super) fn given_up(&self) -> Option<String> {
        (!self.given_up.is_empty()).then(|| self.given_up.join(" | "))
    }

    /// The arguments.
    fn declared(&self) -> String {
        let numbers = self.takes.iter().map(|&number| self.signature.declared(number));
        let last = self.takes_parameters.then(|| "c: Parameters".to_string());
        numbers.chain(last).collect::<Vec<_>>().join(", ")
    }

    /// The function, which returns one number.
    pub(super) fn finish_one(
        self,
        text: &mut String,
        name: &'static str,
        number: &str,
    ) -> Function {
        let declared = self.declared();
        let Self { takes, takes_parameters, lines, turns, .. } = self;
        *text += &format!("fn {name}({declared}) -> f32 {{\n{lines}    return {number};\n}}\n\n");
        Function { name, takes, takes_parameters, gives: Vec::new(), turns }
    }

    /// The function, which returns these as a struct.
    pub(super) fn finish(
        self,
        text: &mut String,
        name: &'static str,
        kind: &str,
        gives: Vec<Number>,
        numbers: &[String],
    ) -> Function {
        let declared = self.declared();
        let Self { signature, takes, takes_parameters, lines, turns, .. } = self;
        let members: String =
            gives.iter().map(|own| format!("    {}: f32,\n", own.name(signature))).collect();
        let numbers = numbers.join(", ");
        *text += &format!(
            "struct {kind} {{\n{members}}}\n\nfn {name}({declared}) -> {kind} {{\n{lines}    return \
             {kind}({numbers});\n}}\n\n"
        );
        Function { name, takes, takes_parameters, gives, turns }
    }
}
