//! Custom losses on the CPU: in float32, a tile of elements at a time, and as reference in float64.

use super::compiled::{Compiled, Lent, Variant};
use super::interpret::{Column, LANES, Machine, Program, TILE, Words};
use super::made::{Asked, GRADIENT, Made, VALUE};
use crate::cpu::Instructions;
use crate::definition::Role;
use crate::error::Error;
use crate::families::pointwise::{Block, OfBlocks, Runs, Slopes, Tiles};
use crate::family::Loss;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// A custom loss with its parameters, as it runs on the CPU.
pub(super) struct OnCpu<'a> {
    loss: &'a dyn Loss,
    made: &'a Made,
    /// In float64.
    program: &'a Program,
    /// In float32.
    compiled: &'a Compiled<Asked>,
    /// The parameters but for arrays, and their bits.
    numbers: Vec<f64>,
    parameters: Vec<u32>,
    /// The words of tables, which may be many: joined once they are asked for.
    table: OnceLock<Cow<'static, [u32]>>,
}

impl<'a> OnCpu<'a> {
    pub(super) fn new(
        loss: &'a dyn Loss,
        made: &'a Made,
        (program, compiled): (&'a Program, &'a Compiled<Asked>),
        numbers: Vec<f64>,
        parameters: Vec<u32>,
    ) -> Self {
        Self { loss, made, program, compiled, numbers, parameters, table: OnceLock::new() }
    }

    fn table(&self) -> &[u32] {
        self.table.get_or_init(|| self.loss.table())
    }

    /// The columns of a function of these numbers, in float64.
    fn call<'m>(
        &self,
        machine: &'m mut Machine<'_>,
        entry: usize,
        arguments: &[Column],
    ) -> &'m [Column] {
        let parameters: Vec<Column> = self.numbers.iter().map(|&x| [x; LANES]).collect();
        let columns: Vec<&Column> = arguments.iter().chain(&parameters).collect();
        machine.call(entry, &columns)
    }

    /// The numbers of all arguments, and for each where it has its slope among the columns of the gradient's function.
    fn places(&self) -> Vec<Option<usize>> {
        let inputs = self.made.definition.inputs;
        let apart = Slopes::of(inputs.iter()) != Slopes::Together;
        let mut next = usize::from(self.made.shares);
        let mut places = Vec::new();
        for input in inputs {
            for _ in 0..input.role.width() {
                places.push(input.differentiable.then_some(next));
                next += usize::from(input.differentiable || !apart);
            }
        }
        places
    }

    /// The code for some results, by function and column.
    fn variant(
        &self,
        wanted: Asked,
        results: impl FnOnce() -> Vec<(usize, usize)>,
    ) -> Arc<Variant> {
        self.compiled.variant(wanted, |traced| {
            let results = results().into_iter().map(|own| traced.result(own)).collect();
            traced.code(results, self.roles().count())
        })
    }

    /// The role of each number of a term.
    fn roles(&self) -> impl Iterator<Item = Role> + Clone {
        let inputs = self.made.definition.inputs.iter();
        inputs.flat_map(|input| std::iter::repeat_n(input.role, input.role.width()))
    }
}

/// The bits of a number.
#[expect(clippy::cast_possible_truncation, reason = "it is of the role's type")]
#[expect(clippy::cast_sign_loss, reason = "it is of the role's type")]
fn word(role: Role, x: f64) -> u32 {
    match role {
        Role::Signed => (x as i32).cast_unsigned(),
        Role::Unsigned | Role::Flags => x as u32,
        _ => (x as f32).to_bits(),
    }
}

impl Runs for OnCpu<'_> {
    fn reference(&self, terms: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)> {
        let mut machine = self.program.machine(self.table());
        let places = self.places();
        let mut answers = Vec::with_capacity(terms.len());
        for terms in terms.chunks(LANES) {
            let column = |(k, role): (usize, Role)| {
                let number = |lane: usize| match (role, terms[lane.min(terms.len() - 1)][k]) {
                    (Role::Flags, x) => f64::from(u8::from(x != 0.0)),
                    (_, x) => x,
                };
                std::array::from_fn(number)
            };
            let arguments: Vec<Column> = self.roles().enumerate().map(column).collect();
            let values = self.call(&mut machine, VALUE, &arguments)[0];
            let slopes = self.call(&mut machine, GRADIENT, &arguments);
            answers.extend((0..terms.len()).map(|lane| {
                let slope = |place: &Option<usize>| place.map_or(0.0, |place| slopes[place][lane]);
                (values[lane], places.iter().map(slope).collect())
            }));
        }
        answers
    }

    fn given_up(&self, terms: &[Vec<f64>]) -> Option<Error> {
        let wanted = Asked { value: false, slopes: 0, rounds: true };
        let variant = self.variant(wanted, || vec![(VALUE, 1)]);
        let Lent { variant, rooms, .. } = &mut variant.lend(&self.parameters);
        let mut inputs = vec![[0; TILE]; terms.len()];
        for start in (0..terms[0].len()).step_by(TILE) {
            for ((own, column), role) in inputs.iter_mut().zip(terms).zip(self.roles()) {
                let words = column[start..].iter().map(|&x| word(role, x));
                own.iter_mut().zip(words).for_each(|(own, word)| *own = word);
            }
            let inputs: Vec<&Words> = inputs.iter().collect();
            variant.code.run(rooms, &inputs, self.table(), Instructions::chosen(false));
            let lanes = TILE.min(terms[0].len() - start);
            let left = &variant.code.result(rooms, &inputs, 0)[..lanes];
            if let Some(lane) = left.iter().position(|&rounds| rounds == 0) {
                let numbers: Vec<f64> = terms.iter().map(|column| column[start + lane]).collect();
                return Some(self.made.too_many_rounds(&numbers));
            }
        }
        None
    }

    fn blocks(&self, brief: bool) -> OfBlocks<'_> {
        let (instructions, table) = (Instructions::chosen(brief), self.table());
        let mut known: Option<(Asked, Lent)> = None;
        Box::new(move |block| {
            let wanted = self.asked(block);
            let taken = known.take().filter(|(own, _)| *own == wanted);
            let (_, lent) = known.insert(taken.unwrap_or_else(|| (wanted, self.lent(wanted))));
            block.by_tiles(instructions, &mut Running { lent, table, instructions });
        })
    }
}

impl OnCpu<'_> {
    /// What a block needs.
    fn asked(&self, block: &Block<'_>) -> Asked {
        let inputs = 0..self.made.definition.inputs.len();
        let slopes = inputs.filter(|&i| block.wants_gradient(i)).map(|i| 1_u32 << i).sum();
        Asked { value: block.wants_value(), slopes, rounds: false }
    }

    /// The code for that.
    fn lent(&self, wanted: Asked) -> Lent {
        let variant = self.variant(wanted, || {
            let in_both = self.made.shares && wanted.slopes != 0;
            let function = if in_both { GRADIENT } else { VALUE };
            let value = wanted.value.then_some((function, 0));
            let widths = self.made.definition.inputs.iter().map(|input| input.role.width());
            let arguments = widths.enumerate().flat_map(|(i, width)| std::iter::repeat_n(i, width));
            let places = arguments.zip(self.places()).filter(|(i, _)| wanted.slopes >> i & 1 == 1);
            let slopes = places.filter_map(|(_, place)| Some((GRADIENT, place?)));
            value.into_iter().chain(slopes).collect()
        });
        variant.lend(&self.parameters)
    }
}

/// Code at work on a block.
struct Running<'r> {
    lent: &'r mut Lent,
    table: &'r [u32],
    instructions: Instructions,
}

impl Tiles<TILE> for Running<'_> {
    fn compute(&mut self, inputs: &[&Words]) {
        let Lent { variant, rooms, .. } = &mut *self.lent;
        variant.code.run(rooms, inputs, self.table, self.instructions);
    }

    fn result<'r>(&'r self, inputs: &[&'r Words], result: usize) -> &'r Words {
        self.lent.variant.code.result(&self.lent.rooms, inputs, result)
    }
}
