//! A program while it is written out: its values so far, of which equal ones are one.

use super::super::instruction::{Element, Instruction, Kind, Operation, Step as Stride};
use super::super::operations::{AND, AND_NOT, HOLDS, fused};
use super::super::program::{Program, Unsupported};
use super::lanes::Mask;
use super::traced::{Origin, Step, Traced};
use naga::Span;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// So many instructions may be met while calls are written out.
const MOST_STEPS: usize = 1 << 20;

/// What makes a value, by which it is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Computed(usize, [usize; 4]),
    Looked(usize),
}

/// A program on its way.
pub(super) struct Trace<'p> {
    pub(super) program: &'p Program,
    pub(super) origins: Vec<Origin>,
    constants: HashMap<u32, usize>,
    /// The steps of each block that is open.
    pub(super) blocks: Vec<Vec<Step>>,
    /// The value that each register holds.
    held: Vec<Option<usize>>,
    /// The places of the registers that are read at computed indices.
    places: HashMap<usize, usize>,
    pub(super) private: BTreeSet<usize>,
    /// What has made a value, if that was an operation alone of one of the kinds.
    made: HashMap<usize, (Kind, [usize; 4])>,
    /// The values known in each scope: what is made where it may be passed over is so there alone.
    known: HashMap<(usize, Key), usize>,
    /// The scope around each.
    scopes: Vec<Option<usize>>,
    /// The scopes of regions with this mask in this scope.
    regions: HashMap<(usize, usize), usize>,
    pub(super) scope: usize,
    /// What holds where another condition does not.
    pub(super) opposites: HashMap<usize, usize>,
    /// What variables held where each side of a branch began.
    pub(super) stored: Vec<BTreeMap<usize, Option<usize>>>,
    /// The lanes beyond which the function's own registers do not matter, and private variables.
    pub(super) own_lanes: Mask,
    pub(super) shared_lanes: Mask,
    /// Lanes that left the innermost loop or switch, or the innermost loop's body.
    pub(super) broken: Mask,
    pub(super) continued: Mask,
    pub(super) met: usize,
}

impl Program {
    /// What the functions of these names' places come to, each called with the same arguments, of which
    /// these are flags, and the first private variable after each.
    ///
    /// # Errors
    /// If there are too many instructions when all calls are written out.
    pub(crate) fn traced(&self, entries: &[usize], flags: &[bool]) -> Result<Traced, Unsupported> {
        self.traced_of(entries, flags, |_, i| i)
    }

    /// The same of functions that are each called with some of the arguments: by the function's place among
    /// these and the place among its own.
    ///
    /// # Errors
    /// As those of `traced`.
    pub(crate) fn traced_of(
        &self,
        entries: &[usize],
        flags: &[bool],
        argument: impl Fn(usize, usize) -> usize,
    ) -> Result<Traced, Unsupported> {
        let mut trace = Trace::new(self);
        let mut results = Vec::new();
        for (place, &entry) in entries.iter().enumerate() {
            let function = &self.functions[self.entries[entry]];
            for (own, register) in function.arguments.clone().enumerate() {
                let i = argument(place, own);
                let mut argument = trace.argument(i);
                if flags.get(i).is_some_and(|&is| is) {
                    argument = trace.apply(HOLDS, &[argument]);
                }
                trace.define(register, argument);
            }
            trace.run(&self.start, Mask::All);
            trace.call(function, Mask::All);
            let columns = function.result.clone().chain(self.private.first().copied());
            results.push(columns.map(|register| trace.value(register)).collect());
        }
        if trace.met > MOST_STEPS {
            let what = format!("a program of more than {MOST_STEPS} operations in all calls");
            return Err(Unsupported::new(what, Span::UNDEFINED));
        }
        let steps = trace.blocks.pop().unwrap_or_default();
        let (origins, places) = (trace.origins, trace.places.len());
        Ok(Traced { steps, origins, results, places })
    }
}

impl<'p> Trace<'p> {
    fn new(program: &'p Program) -> Self {
        let mut trace = Self {
            program,
            origins: Vec::new(),
            constants: HashMap::new(),
            blocks: vec![Vec::new()],
            held: vec![None; program.registers],
            places: places(program),
            private: program.private.iter().copied().collect(),
            made: HashMap::new(),
            known: HashMap::new(),
            scopes: vec![None],
            regions: HashMap::new(),
            scope: 0,
            opposites: HashMap::new(),
            stored: Vec::new(),
            own_lanes: Mask::All,
            shared_lanes: Mask::All,
            broken: Mask::None,
            continued: Mask::None,
            met: 0,
        };
        for &(register, number) in &program.constants {
            let value = trace.constant(number.word);
            trace.held[register] = Some(value);
        }
        trace
    }

    /// Whether there is too much of it.
    pub(super) fn is_too_much(&self) -> bool {
        self.met > MOST_STEPS
    }

    pub(super) fn new_value(&mut self, origin: Origin) -> usize {
        self.origins.push(origin);
        self.origins.len() - 1
    }

    fn argument(&mut self, i: usize) -> usize {
        let known = self.origins.iter().position(|&origin| origin == Origin::Argument(i));
        known.unwrap_or_else(|| self.new_value(Origin::Argument(i)))
    }

    pub(super) fn constant(&mut self, word: u32) -> usize {
        if let Some(&value) = self.constants.get(&word) {
            return value;
        }
        let value = self.new_value(Origin::Constant(word));
        self.constants.insert(word, value);
        value
    }

    pub(super) fn push(&mut self, step: Step) {
        if let Some(block) = self.blocks.last_mut() {
            block.push(step);
        }
    }

    /// Opens a scope, known again in the same one by the mask of a region.
    pub(super) fn open(&mut self, region: Option<usize>) -> usize {
        let outer = self.scope;
        let known = region.and_then(|mask| self.regions.get(&(outer, mask)).copied());
        self.scope = known.unwrap_or_else(|| {
            self.scopes.push(Some(outer));
            self.scopes.len() - 1
        });
        if let Some(mask) = region {
            self.regions.insert((outer, mask), self.scope);
        }
        self.blocks.push(Vec::new());
        outer
    }

    /// Closes it.
    pub(super) fn close(&mut self, outer: usize) -> Vec<Step> {
        self.scope = outer;
        self.blocks.pop().unwrap_or_default()
    }

    /// The value of a key, made by a step if there is none.
    fn found(&mut self, key: Key, step: impl FnOnce(usize) -> Step) -> usize {
        let mut scope = Some(self.scope);
        while let Some(own) = scope {
            if let Some(&value) = self.known.get(&(own, key)) {
                return value;
            }
            scope = self.scopes[own];
        }
        let to = self.new_value(Origin::Step);
        self.known.insert((self.scope, key), to);
        self.push(step(to));
        to
    }

    pub(super) fn apply(&mut self, operation: Operation, operands: &[usize]) -> usize {
        let mut from = [self.constant(0); 4];
        from.iter_mut().zip(operands).for_each(|(from, operand)| *from = *operand);
        self.compute(operation, from)
    }

    pub(super) fn compute(&mut self, operation: Operation, from: [usize; 4]) -> usize {
        let kind = operation.kind;
        if kind == Kind::Copy {
            return from[0];
        }
        if kind == Kind::Multiply {
            let is_one = |value: usize| self.origins[value] == Origin::Constant(1.0_f32.to_bits());
            match from {
                [one, other, ..] | [other, one, ..] if is_one(one) => return other,
                _ => {}
            }
        }
        let made = |value: usize| self.made.get(&value).copied();
        if let Some((both, operands)) = fused(kind, from, made) {
            let mut all = [self.constant(0); 4];
            all.iter_mut().zip(operands).for_each(|(all, operand)| *all = operand);
            return self.computed(both, all);
        }
        if kind == Kind::Select {
            let [condition, accept, reject, _] = from;
            let is_zero = |value: usize| self.origins[value] == Origin::Constant(0);
            if is_zero(reject) {
                return self.apply(AND, &[accept, condition]);
            }
            if is_zero(accept) {
                return self.apply(AND_NOT, &[reject, condition]);
            }
        }
        let value = self.computed(operation, from);
        if kind != Kind::Other {
            self.made.insert(value, (kind, from));
        }
        value
    }

    fn computed(&mut self, operation: Operation, from: [usize; 4]) -> usize {
        let Operation { narrow: run, cost, .. } = operation;
        self.found(Key::Computed(run as usize, from), |to| Step::Compute { run, cost, to, from })
    }

    pub(super) fn look(&mut self, index: usize) -> usize {
        self.found(Key::Looked(index), |to| Step::Look { to, index })
    }

    /// The value of a register.
    pub(super) fn value(&mut self, register: usize) -> usize {
        if let Some(&place) = self.places.get(&register) {
            let to = self.new_value(Origin::Step);
            self.push(Step::Read { to, place });
            return to;
        }
        match self.held[register] {
            Some(value) => value,
            // No lane needs it.
            None => self.constant(0),
        }
    }

    pub(super) fn held(&self, register: usize) -> Option<usize> {
        self.held[register]
    }

    pub(super) fn hold(&mut self, register: usize, value: Option<usize>) {
        self.held[register] = value;
    }

    pub(super) fn is_place(&self, register: usize) -> bool {
        self.places.contains_key(&register)
    }

    /// Sets a register in all lanes.
    pub(super) fn define(&mut self, register: usize, value: usize) {
        match self.places.get(&register) {
            Some(&place) => self.push(Step::Write { place, from: value, mask: None }),
            None => self.held[register] = Some(value),
        }
    }

    /// Sets a variable in some lanes.
    pub(super) fn store(&mut self, register: usize, value: usize, mask: Mask) {
        if let Some(&place) = self.places.get(&register) {
            let mask = self.written(mask);
            self.push(Step::Write { place, from: value, mask });
            return;
        }
        let old = self.held[register];
        if let Some(stored) = self.stored.last_mut() {
            stored.entry(register).or_insert(old);
        }
        let all = mask == self.lanes_of(register);
        self.held[register] = if all { Some(value) } else { self.blend(mask, value, old) };
    }

    /// The lanes beyond which a register does not matter.
    pub(super) fn lanes_of(&self, register: usize) -> Mask {
        if self.private.contains(&register) { self.shared_lanes } else { self.own_lanes }
    }

    fn written(&mut self, mask: Mask) -> Option<usize> {
        (mask != Mask::All).then(|| self.mask_value(mask))
    }

    pub(super) fn gather(&mut self, element: &Element) -> usize {
        let from = self.element(element);
        let to = self.new_value(Origin::Step);
        self.push(Step::Gather { to, from });
        to
    }

    pub(super) fn scatter(&mut self, element: &Element, value: usize, mask: Mask) {
        let (to, mask) = (self.element(element), self.written(mask));
        self.push(Step::Scatter { to, from: value, mask });
    }

    fn element(&mut self, element: &Element) -> Element {
        let strides = element.steps.iter();
        let steps = strides.map(|step| Stride { index: self.value(step.index), ..step.clone() });
        let steps = steps.collect();
        Element { first: self.places.get(&element.first).copied().unwrap_or_default(), steps }
    }
}

/// A place for each register that may be chosen by an index; they stay side by side.
fn places(program: &Program) -> HashMap<usize, usize> {
    let mut registers = BTreeSet::new();
    let mut open: Vec<&[Instruction]> = program.functions.iter().map(|own| &own.body[..]).collect();
    while let Some(block) = open.pop() {
        for instruction in block {
            match instruction {
                Instruction::Gather { from: element, .. }
                | Instruction::Scatter { to: element, .. } => {
                    let steps = element.steps.iter();
                    let far: usize = steps.map(|step| (step.count - 1) * step.stride).sum();
                    registers.extend(element.first..=element.first + far);
                }
                Instruction::If { accept, reject, .. } => open.extend([&accept[..], reject]),
                Instruction::Switch { cases, .. } => {
                    open.extend(cases.iter().map(|case| &case.body[..]));
                }
                Instruction::Loop { body, continuing, .. } => {
                    open.extend([&body[..], continuing]);
                }
                _ => {}
            }
        }
    }
    registers.into_iter().enumerate().map(|(place, register)| (register, place)).collect()
}
