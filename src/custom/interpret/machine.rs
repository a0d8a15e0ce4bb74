//! The wide machine, which runs a program in float64.

use super::instruction::{Block, Case, Column, Element, Instruction, LANES, Number};
use super::operations::place;
use super::program::Program;

/// Lanes, one bit each.
type Mask = u64;

const ALL: Mask = Mask::MAX;

/// So many rounds of loops are made in a call before the lanes that are still in one are stopped: more than
/// a derived function makes, whose lanes may all be in other loops.
const MOST_ROUNDS: u32 = 300_000;

/// A program's registers, which calls use again.
#[derive(Clone, Debug)]
pub(crate) struct Machine<'a> {
    program: &'a Program,
    /// What `table_words` are.
    table: &'a [u32],
    registers: Vec<Column>,
    rounds: u32,
    /// Lanes that were in a loop for too long. They run no further.
    stopped: Mask,
    /// Lanes that left the innermost loop or switch.
    broken: Mask,
    /// Lanes that left the innermost loop's body for its `continuing`.
    continued: Mask,
}

fn active(mask: Mask, lane: usize) -> bool {
    mask >> lane & 1 == 1
}

fn where_set(column: &Column) -> Mask {
    where_true(column, |x| x != 0.0)
}

fn where_true(column: &Column, holds: impl Fn(f64) -> bool) -> Mask {
    column.iter().rev().fold(0, |mask, &x| mask << 1 | Mask::from(holds(x)))
}

impl Program {
    /// Memory to call functions with, in float64, with these words of tables.
    pub(crate) fn machine<'a>(&'a self, table: &'a [u32]) -> Machine<'a> {
        let mut registers = vec![[0.0; LANES]; self.registers];
        for &(register, Number { wide, .. }) in &self.constants {
            registers[register] = [wide; LANES];
        }
        Machine { program: self, table, registers, rounds: 0, stopped: 0, broken: 0, continued: 0 }
    }
}

impl<'a> Machine<'a> {
    /// Calls the function whose name was the `entry`-th: the columns of its arguments in order,
    /// then those of its result. A loop that goes on for ever ends after many rounds, and its
    /// lanes give NaN.
    pub(crate) fn call(&mut self, entry: usize, arguments: &[&Column]) -> &[Column] {
        let program = self.program;
        let function = &program.functions[program.entries[entry]];
        debug_assert_eq!(arguments.len(), function.arguments.len(), "columns of arguments");
        for (register, argument) in function.arguments.clone().zip(arguments) {
            self.registers[register] = **argument;
        }
        (self.rounds, self.stopped) = (0, 0);
        self.run(&program.start, ALL);
        self.run(&function.body, ALL);
        if self.stopped != 0 {
            for column in &mut self.registers[function.result.clone()] {
                store(column, &[f64::NAN; LANES], self.stopped);
            }
        }
        &self.registers[function.result.clone()]
    }

    /// Runs a block in these lanes and returns those that come to its end.
    fn run(&mut self, block: &'a Block, mut mask: Mask) -> Mask {
        for instruction in block {
            if mask == 0 {
                break;
            }
            mask = self.step(instruction, mask);
        }
        mask
    }

    fn step(&mut self, instruction: &'a Instruction, mask: Mask) -> Mask {
        match instruction {
            Instruction::Compute { operation, to, from } => {
                let (operands, results) = self.registers.split_at_mut(*to);
                (operation.wide)(&mut results[0], from.map(|register| &operands[register]));
            }
            &Instruction::Copy { to, from } => self.registers.copy_within(from..=from, to),
            &Instruction::Store { to, from } if mask == ALL => {
                self.registers.copy_within(from..=from, to);
            }
            &Instruction::Store { to, from } => {
                let column = self.registers[from];
                store(&mut self.registers[to], &column, mask);
            }
            Instruction::Gather { to, from } => {
                for lane in 0..LANES {
                    self.registers[*to][lane] = self.registers[self.register(from, lane)][lane];
                }
            }
            &Instruction::Look { to, index } => {
                let table = self.table;
                for lane in 0..LANES {
                    let word = table.get(place(self.registers[index][lane]));
                    self.registers[to][lane] = word.copied().unwrap_or_default().into();
                }
            }
            Instruction::Scatter { to, from } => {
                for lane in (0..LANES).filter(|&lane| active(mask, lane)) {
                    let register = self.register(to, lane);
                    self.registers[register][lane] = self.registers[*from][lane];
                }
            }
            Instruction::Call { function } => {
                self.run(&self.program.functions[*function].body, mask);
                return mask & !self.stopped;
            }
            Instruction::If { condition, accept, reject } => {
                let accepted = where_set(&self.registers[*condition]);
                return self.run(accept, mask & accepted) | self.run(reject, mask & !accepted);
            }
            Instruction::Switch { selector, cases } => return self.switch(*selector, cases, mask),
            Instruction::Loop { body, continuing, break_if } => {
                return self.repeat(body, continuing, *break_if, mask);
            }
            Instruction::Break => {
                self.broken |= mask;
                return 0;
            }
            Instruction::Continue => {
                self.continued |= mask;
                return 0;
            }
            Instruction::Return => return 0,
        }
        mask
    }

    /// The register of an element in a lane. An index outside is moved to the last one.
    fn register(&self, element: &Element, lane: usize) -> usize {
        let offset = |index: usize, stride, count| {
            place(self.registers[index][lane]).min(count - 1) * stride
        };
        let steps = element.steps.iter();
        element.first + steps.map(|step| offset(step.index, step.stride, step.count)).sum::<usize>()
    }

    fn switch(&mut self, selector: usize, cases: &'a [Case], mask: Mask) -> Mask {
        let outer = std::mem::take(&mut self.broken);
        let selector = self.registers[selector];
        let chosen = |value: Number| where_true(&selector, |x| x == value.wide);
        let named = cases.iter().filter_map(|case| case.value).fold(0, |all, v| all | chosen(v));
        let (mut falling, mut ended) = (0, 0);
        for case in cases {
            let entering = mask & case.value.map_or(!named, chosen);
            let through = self.run(&case.body, entering | falling);
            (falling, ended) =
                if case.fall_through { (through, ended) } else { (0, ended | through) };
        }
        ended | falling | std::mem::replace(&mut self.broken, outer)
    }

    fn repeat(
        &mut self,
        body: &'a Block,
        continuing: &'a Block,
        break_if: Option<usize>,
        mut mask: Mask,
    ) -> Mask {
        let outer = (std::mem::take(&mut self.broken), std::mem::take(&mut self.continued));
        while mask != 0 {
            self.rounds += 1;
            if self.rounds > MOST_ROUNDS {
                // The count begins anew for the other lanes. It can do so once for each lane.
                self.rounds = 0;
                self.stopped |= mask;
                break;
            }
            let ended = self.run(body, mask);
            let continued = std::mem::take(&mut self.continued);
            mask = self.run(continuing, ended | continued);
            if let Some(condition) = break_if {
                let left = mask & where_set(&self.registers[condition]);
                self.broken |= left;
                mask &= !left;
            }
        }
        let left = self.broken;
        (self.broken, self.continued) = outer;
        left
    }
}

fn store(to: &mut Column, from: &Column, mask: Mask) {
    for (lane, (to, from)) in to.iter_mut().zip(from).enumerate() {
        *to = if active(mask, lane) { *from } else { *to };
    }
}
