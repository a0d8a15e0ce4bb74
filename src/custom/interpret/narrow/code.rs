//! Code for a request, and its memory while it runs.

use super::super::instruction::{Element, TILE, Words};
use super::alive::keep;
use super::allocate::allocate;
use super::traced::{Origin, Step, Traced};
use crate::cpu::Instructions;

/// So many rounds of loops are made before the results are given up: more than derived functions make,
/// whose elements may all be in other loops.
const MOST_ROUNDS: u32 = 1 << 21;

static NOT_NUMBERS: Words = [0x7fc0_0000; TILE];

/// The steps that some results take.
#[derive(Debug)]
pub(crate) struct Code {
    steps: Vec<Step>,
    /// The arguments that each tile has, which come before all registers.
    inputs: usize,
    /// What the first registers hold for ever.
    fixed: Vec<Origin>,
    /// How many others there are.
    others: usize,
    places: usize,
    results: Vec<usize>,
}

/// A column, at the beginning of a line of the cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Column(Words);

/// The memory that code runs in.
#[derive(Debug)]
pub(crate) struct Rooms {
    #[expect(clippy::vec_box, reason = "they change places with the spare one")]
    columns: Vec<Box<Column>>,
    /// Where the next result is computed.
    spare: Box<Column>,
    places: Vec<Column>,
    rounds: u32,
}

impl Traced {
    /// The code for some values, where so many arguments change from tile to tile; the others are the
    /// same in all lanes.
    pub(crate) fn code(&self, results: Vec<usize>, inputs: usize) -> Code {
        self.code_with(results, inputs, |i| i, &[])
    }

    /// The same where arguments have other places, and some values are arguments too.
    pub(crate) fn code_with(
        &self,
        mut results: Vec<usize>,
        inputs: usize,
        place: impl Fn(usize) -> usize,
        given: &[(usize, usize)],
    ) -> Code {
        let (mut steps, mut origins) = (self.steps.clone(), self.origins.clone());
        for origin in &mut origins {
            if let Origin::Argument(i) = origin {
                *i = place(*i);
            }
        }
        let is_given = |value: usize| given.iter().any(|(own, _)| *own == value);
        steps.retain(|step| step.gives().is_none_or(|value| !is_given(value)));
        for &(value, argument) in given {
            origins[value] = Origin::Argument(argument);
        }
        keep(&mut steps, origins.len(), results.iter().copied());
        let (fixed, others) = allocate(&mut steps, &origins, &mut results, inputs);
        Code { steps, inputs, fixed, others, places: self.places, results }
    }
}

impl Code {
    /// Memory to run in, with the arguments that are the same in all lanes.
    pub(crate) fn rooms(&self, parameters: &[u32]) -> Rooms {
        let column = |word| Box::new(Column([word; TILE]));
        let fixed = self.fixed.iter().map(|origin| match *origin {
            Origin::Argument(i) => parameters.get(i - self.inputs).copied().unwrap_or_default(),
            Origin::Constant(word) => word,
            Origin::Step => 0,
        });
        let all = fixed.chain(std::iter::repeat_n(0, self.others));
        Rooms {
            columns: all.map(column).collect(),
            spare: column(0),
            places: vec![Column([0; TILE]); self.places],
            rounds: 0,
        }
    }

    /// Computes a tile, with these words of tables.
    pub(crate) fn run(
        &self,
        rooms: &mut Rooms,
        inputs: &[&Words],
        table: &[u32],
        instructions: Instructions,
    ) {
        rooms.rounds = 0;
        Running { rooms, inputs, table, instructions }.steps(&self.steps);
    }

    /// A result, by its place among those wanted. Where loops do not end it is NaN.
    pub(crate) fn result<'r>(
        &self,
        rooms: &'r Rooms,
        inputs: &[&'r Words],
        result: usize,
    ) -> &'r Words {
        if rooms.rounds > MOST_ROUNDS {
            return &NOT_NUMBERS;
        }
        operand(&rooms.columns, inputs, self.results[result])
    }
}

#[inline(always)]
fn operand<'r>(columns: &'r [Box<Column>], inputs: &[&'r Words], register: usize) -> &'r Words {
    match inputs.get(register) {
        Some(input) => input,
        None => &columns[register - inputs.len()].0,
    }
}

impl Default for Rooms {
    /// None, which no code runs in.
    fn default() -> Self {
        let (columns, places) = Default::default();
        Self { columns, spare: Box::new(Column([0; TILE])), places, rounds: 0 }
    }
}

/// Code while it runs.
struct Running<'r> {
    rooms: &'r mut Rooms,
    inputs: &'r [&'r Words],
    table: &'r [u32],
    instructions: Instructions,
}

impl Running<'_> {
    fn words(&self, register: usize) -> &Words {
        operand(&self.rooms.columns, self.inputs, register)
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Compute { run, to, from, .. } => {
                let Rooms { columns, spare, .. } = &mut *self.rooms;
                let &[a, b, c, d] = from;
                let operand = |register| operand(columns, self.inputs, register);
                let from = [operand(a), operand(b), operand(c), operand(d)];
                run(self.instructions, &mut spare.0, from);
                std::mem::swap(spare, &mut columns[to - self.inputs.len()]);
            }
            &Step::Move { to, from } => {
                let words = *self.words(from);
                self.rooms.columns[to - self.inputs.len()].0 = words;
            }
            &Step::Look { to, index } => {
                let table = self.table;
                let words = self.words(index).map(|i| {
                    let word = usize::try_from(i).ok().and_then(|i| table.get(i));
                    word.copied().unwrap_or_default()
                });
                self.rooms.columns[to - self.inputs.len()].0 = words;
            }
            &Step::Read { to, place } => {
                let words = self.rooms.places[place].0;
                self.rooms.columns[to - self.inputs.len()].0 = words;
            }
            &Step::Write { place, from, mask } => {
                let words = *self.words(from);
                let mask = mask.map(|mask| *self.words(mask));
                let place = &mut self.rooms.places[place].0;
                for (lane, (to, word)) in place.iter_mut().zip(words).enumerate() {
                    *to = if mask.is_none_or(|mask| mask[lane] != 0) { word } else { *to };
                }
            }
            Step::Gather { to, from } => {
                let places = self.chosen(from);
                let word = |lane: usize| self.rooms.places[places[lane]].0[lane];
                let words = std::array::from_fn(word);
                self.rooms.columns[to - self.inputs.len()].0 = words;
            }
            Step::Scatter { to, from, mask } => {
                let (places, words) = (self.chosen(to), *self.words(*from));
                let mask = mask.map(|mask| *self.words(mask));
                for lane in (0..TILE).filter(|&lane| mask.is_none_or(|mask| mask[lane] != 0)) {
                    self.rooms.places[places[lane]].0[lane] = words[lane];
                }
            }
            Step::Region { mask, body } => {
                if any(self.words(*mask)) {
                    self.steps(body);
                }
            }
            Step::Loop { active, body } => {
                while any(self.words(*active)) {
                    self.rooms.rounds += 1;
                    if self.rooms.rounds > MOST_ROUNDS {
                        break;
                    }
                    self.steps(body);
                }
            }
        }
    }

    /// The place that each lane chooses. An index outside is moved to the last one.
    fn chosen(&self, element: &Element) -> [usize; TILE] {
        let mut places = [element.first; TILE];
        for step in &element.steps {
            for (place, &index) in places.iter_mut().zip(self.words(step.index)) {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                *place += index.min(step.count - 1) * step.stride;
            }
        }
        places
    }
}

fn any(mask: &Words) -> bool {
    mask.chunks(32).any(|some| some.iter().fold(0, |all, word| all | word) != 0)
}
