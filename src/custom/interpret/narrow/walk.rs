//! Writes instructions out: what branches and loops come to.

use super::super::instruction::{Block, Case, Function, Instruction};
use super::super::operations::EQUAL;
use super::lanes::Mask;
use super::trace::Trace;
use super::traced::{Origin, Step};
use std::collections::{BTreeMap, BTreeSet};

/// From so many operations on, what no lane needs is passed over.
const WORTH_PASSING: usize = 12;

/// A side of a branch: the lanes that came to its end, and what it changed.
struct Side {
    lanes: Mask,
    ended: Mask,
    changes: BTreeMap<usize, Option<usize>>,
}

impl<'p> Trace<'p> {
    /// Writes a block in these lanes, and returns those that come to its end.
    pub(super) fn run(&mut self, block: &'p [Instruction], mut mask: Mask) -> Mask {
        for instruction in block {
            if mask == Mask::None || self.is_too_much() {
                return Mask::None;
            }
            mask = self.instruction(instruction, mask);
        }
        mask
    }

    fn instruction(&mut self, instruction: &'p Instruction, mask: Mask) -> Mask {
        self.met += 1;
        match instruction {
            Instruction::Compute { operation, to, from } => {
                let from = from.map(|register| self.value(register));
                let value = self.compute(*operation, from);
                self.define(*to, value);
            }
            &Instruction::Copy { to, from } => {
                let value = self.value(from);
                self.define(to, value);
            }
            &Instruction::Store { to, from } => {
                let value = self.value(from);
                self.store(to, value, mask);
            }
            Instruction::Gather { to, from } => {
                let value = self.gather(from);
                self.define(*to, value);
            }
            &Instruction::Look { to, index } => {
                let index = self.value(index);
                let value = self.look(index);
                self.define(to, value);
            }
            Instruction::Scatter { to, from } => {
                let value = self.value(*from);
                self.scatter(to, value, mask);
            }
            Instruction::Call { function } => {
                self.call(&self.program.functions[*function], mask);
            }
            Instruction::If { condition, accept, reject } => {
                let condition = self.value(*condition);
                let (yes, no) = (self.and(mask, condition), self.and_not(mask, condition));
                let sides = [self.side(accept, yes), self.side(reject, no)];
                return self.join(mask, Some(condition), &sides);
            }
            Instruction::Switch { selector, cases } => return self.switch(*selector, cases, mask),
            Instruction::Loop { body, continuing, break_if } => {
                return self.repeat(body, continuing, *break_if, mask);
            }
            Instruction::Break => {
                self.broken = self.either(self.broken, mask);
                return Mask::None;
            }
            Instruction::Continue => {
                self.continued = self.either(self.continued, mask);
                return Mask::None;
            }
            Instruction::Return => return Mask::None,
        }
        mask
    }

    /// What a function comes to in these lanes; its arguments are in their registers.
    pub(super) fn call(&mut self, function: &'p Function, mask: Mask) {
        for register in function.result.clone() {
            self.hold(register, None);
        }
        let outer = std::mem::replace(&mut self.own_lanes, mask);
        self.stored.push(BTreeMap::new());
        self.run(&function.body, mask);
        self.own_lanes = outer;
        // Nothing but private variables outlives the call.
        let stored = self.stored.pop().unwrap_or_default();
        if let Some(outer) = self.stored.last_mut() {
            for (register, old) in stored {
                if self.private.contains(&register) {
                    outer.entry(register).or_insert(old);
                }
            }
        }
    }

    /// Writes a block of which variables are taken apart afterwards.
    fn side(&mut self, block: &'p Block, lanes: Mask) -> Side {
        if lanes == Mask::None || block.is_empty() {
            return Side { lanes, ended: lanes, changes: BTreeMap::new() };
        }
        let outer = (self.own_lanes, self.shared_lanes);
        let left = (self.broken, self.continued);
        (self.own_lanes, self.shared_lanes) = (lanes, lanes);
        (self.broken, self.continued) = (Mask::None, Mask::None);
        self.stored.push(BTreeMap::new());
        let region = match lanes {
            Mask::Some(mask) if self.is_worth_passing(block) => Some((mask, self.open(Some(mask)))),
            _ => None,
        };
        let mut ended = self.run(block, lanes);
        if let Some((mask, scope)) = region {
            let body = self.close(scope);
            self.push(Step::Region { mask, body });
            // Where it is passed over, its own masks hold anything.
            if ended != lanes {
                ended = self.both(lanes, ended);
            }
            self.broken = self.both(lanes, self.broken);
            self.continued = self.both(lanes, self.continued);
        }
        self.broken = self.either(left.0, self.broken);
        self.continued = self.either(left.1, self.continued);
        (self.own_lanes, self.shared_lanes) = outer;
        let mut changes = self.stored.pop().unwrap_or_default();
        for (&register, change) in &mut changes {
            let old = std::mem::replace(change, self.held(register));
            self.hold(register, old);
        }
        Side { lanes, ended, changes }
    }

    /// What variables hold after the sides of a branch, and the lanes that come there. With a condition
    /// there are two sides, by it.
    fn join(&mut self, mask: Mask, condition: Option<usize>, sides: &[Side]) -> Mask {
        let changed: BTreeSet<usize> =
            sides.iter().flat_map(|side| side.changes.keys().copied()).collect();
        for register in changed {
            let mut value = self.held(register);
            if let Some(stored) = self.stored.last_mut() {
                stored.entry(register).or_insert(value);
            }
            let of = |side: &Side, old| side.changes.get(&register).copied().unwrap_or(old);
            let (condition, both) = match (condition, sides) {
                (Some(condition), [a, b]) if mask == self.lanes_of(register) => {
                    (condition, (of(a, value), of(b, value)))
                }
                _ => (0, (None, None)),
            };
            if let (Some(a), Some(b)) = both {
                value = Some(self.choice(condition, a, b));
            } else {
                for side in sides {
                    if let Some(&Some(change)) = side.changes.get(&register) {
                        value = self.blend(side.lanes, change, value);
                    }
                }
            }
            self.hold(register, value);
        }
        if condition.is_some() && sides.iter().all(|side| side.ended == side.lanes) {
            return mask;
        }
        sides.iter().fold(Mask::None, |all, side| self.either(all, side.ended))
    }

    fn switch(&mut self, selector: usize, cases: &'p [Case], mask: Mask) -> Mask {
        let outer = std::mem::replace(&mut self.broken, Mask::None);
        let selector = self.value(selector);
        let mut chosen = Vec::new();
        let mut others = mask;
        for case in cases {
            let entering = case.value.map(|value| {
                let value = self.constant(value.word);
                let is_equal = self.apply(EQUAL, &[selector, value]);
                others = self.and_not(others, is_equal);
                self.and(mask, is_equal)
            });
            chosen.push(entering);
        }
        let (mut falling, mut ended) = (Mask::None, Mask::None);
        for (case, entering) in cases.iter().zip(chosen) {
            let entering = self.either(falling, entering.unwrap_or(others));
            let side = self.side(&case.body, entering);
            let through = self.join(mask, None, &[side]);
            (falling, ended) = match case.fall_through {
                true => (through, ended),
                false => (Mask::None, self.either(ended, through)),
            };
        }
        let left = self.either(ended, falling);
        let left = self.either(left, self.broken);
        self.broken = outer;
        left
    }

    fn repeat(
        &mut self,
        body: &'p Block,
        continuing: &'p Block,
        break_if: Option<usize>,
        mask: Mask,
    ) -> Mask {
        let mut carried = BTreeSet::new();
        self.stores(body, &mut carried);
        self.stores(continuing, &mut carried);
        let mut cells = Vec::new();
        for register in carried {
            let old = self.held(register);
            if let Some(stored) = self.stored.last_mut() {
                stored.entry(register).or_insert(old);
            }
            let start = self.value(register);
            let cell = self.cell(start);
            self.hold(register, Some(cell));
            cells.push((register, cell));
        }
        let start = self.mask_value(mask);
        let active = self.cell(start);
        let nowhere = self.constant(0);
        let left = self.cell(nowhere);
        let lanes = Mask::Some(active);
        let outer_lanes = (self.own_lanes, self.shared_lanes);
        let outer_left = (self.broken, self.continued);
        (self.own_lanes, self.shared_lanes) = (lanes, lanes);
        (self.broken, self.continued) = (Mask::None, Mask::None);
        let scope = self.open(None);
        let ended = self.run(body, lanes);
        let next = self.either(ended, self.continued);
        let mut next = self.run(continuing, next);
        let mut broken = self.broken;
        if let Some(condition) = break_if {
            let condition = self.value(condition);
            let breaking = self.and(next, condition);
            broken = self.either(broken, breaking);
            next = self.and_not(next, condition);
        }
        // What lanes that have left hold stays.
        let values: Vec<_> = cells
            .iter()
            .map(|&(register, cell)| {
                let value = self.value(register);
                (cell, self.choice(active, value, cell))
            })
            .collect();
        let all_left = self.either(Mask::Some(left), broken);
        let masks = [(left, self.mask_value(all_left)), (active, self.mask_value(next))];
        for (to, from) in values.into_iter().chain(masks) {
            if to != from {
                self.push(Step::Move { to, from });
            }
        }
        let body_steps = self.close(scope);
        self.push(Step::Loop { active, body: body_steps });
        for (register, cell) in cells {
            self.hold(register, Some(cell));
        }
        (self.own_lanes, self.shared_lanes) = outer_lanes;
        (self.broken, self.continued) = outer_left;
        if returns(body) || returns(continuing) { Mask::Some(left) } else { mask }
    }

    /// What a loop changes, which begins as this.
    fn cell(&mut self, start: usize) -> usize {
        let cell = self.new_value(Origin::Step);
        self.push(Step::Move { to: cell, from: start });
        cell
    }

    /// The variables that a block stores into, beyond those of the functions that it calls.
    fn stores(&self, block: &'p [Instruction], all: &mut BTreeSet<usize>) {
        let mut open: Vec<(&[Instruction], bool)> = vec![(block, false)];
        let mut called = BTreeSet::new();
        while let Some((block, is_called)) = open.pop() {
            for instruction in block {
                match instruction {
                    Instruction::Store { to, .. } => {
                        let counts = !is_called || self.private.contains(to);
                        if counts && !self.is_place(*to) {
                            all.insert(*to);
                        }
                    }
                    Instruction::Call { function } => {
                        if called.insert(*function) {
                            open.push((&self.program.functions[*function].body, true));
                        }
                    }
                    other => {
                        open.extend(blocks(other).map(|block| (&block[..], is_called)));
                    }
                }
            }
        }
    }

    fn is_worth_passing(&self, block: &'p [Instruction]) -> bool {
        let mut cost = 0;
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            for instruction in block {
                match instruction {
                    Instruction::Compute { operation, .. } => cost += usize::from(operation.cost),
                    Instruction::Loop { .. } => return true,
                    Instruction::Call { function } => {
                        open.push(&self.program.functions[*function].body);
                    }
                    other => open.extend(blocks(other).map(|block| &block[..])),
                }
                if cost >= WORTH_PASSING {
                    return true;
                }
            }
        }
        false
    }
}

/// The blocks inside of an instruction.
fn blocks(instruction: &Instruction) -> impl Iterator<Item = &Block> {
    let (pair, cases): ([Option<&Block>; 2], &[Case]) = match instruction {
        Instruction::If { accept, reject, .. } => ([Some(accept), Some(reject)], &[]),
        Instruction::Loop { body, continuing, .. } => ([Some(body), Some(continuing)], &[]),
        Instruction::Switch { cases, .. } => ([None, None], cases),
        _ => ([None, None], &[]),
    };
    pair.into_iter().flatten().chain(cases.iter().map(|case| &case.body))
}

/// Whether a lane may leave the function in a block.
fn returns(block: &[Instruction]) -> bool {
    block.iter().any(|instruction| {
        matches!(instruction, Instruction::Return)
            || blocks(instruction).any(|block| returns(block))
    })
}
