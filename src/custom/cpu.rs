//! Custom losses on the CPU, 64 elements at a time: in float32, and as reference in float64.

use super::interpret::{Column, LANES, Machine};
use super::loss::Custom;
use super::made::{GRADIENT, VALUE};
use crate::definition::Role;
use crate::error::Error;
use crate::families::pointwise::{Block, Runs, Slopes};

impl Custom {
    /// The columns of the parameters.
    fn parameter_columns(&self) -> Vec<Column> {
        self.numbers().map(|number| [number; LANES]).collect()
    }

    /// The columns of a function of these numbers.
    fn call<'m>(
        &self,
        machine: &'m mut Machine<'_>,
        entry: usize,
        arguments: &[Column],
        parameters: &[Column],
    ) -> &'m [Column] {
        let columns: Vec<&Column> = arguments.iter().chain(parameters).collect();
        machine.call(entry, &columns)
    }

    /// The numbers of all arguments, and for each where it has its slope among the gradient's columns.
    fn places(&self) -> Vec<Option<usize>> {
        let inputs = self.made.definition.inputs;
        let apart = Slopes::of(inputs.iter()) != Slopes::Together;
        let mut next = 0;
        let mut places = Vec::new();
        for input in inputs {
            for _ in 0..input.role.width() {
                places.push(input.differentiable.then_some(next));
                next += usize::from(input.differentiable || !apart);
            }
        }
        places
    }
}

/// A number of a block, which of integers and flags has the bits.
fn number(role: Role, x: f32) -> f64 {
    match role {
        Role::Signed => x.to_bits().cast_signed().into(),
        Role::Unsigned | Role::Flags => x.to_bits().into(),
        _ => x.into(),
    }
}

impl Runs for Custom {
    fn reference(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let inputs = self.made.definition.inputs.iter();
        let roles = inputs.flat_map(|input| std::iter::repeat_n(input.role, input.role.width()));
        let column = |(&x, role): (&f64, Role)| match role {
            Role::Flags => [f64::from(u8::from(x != 0.0)); LANES],
            _ => [x; LANES],
        };
        let arguments: Vec<Column> = x.iter().zip(roles).map(column).collect();
        let parameters = self.parameter_columns();
        let mut machine = self.made.program.machine();
        let value = self.call(&mut machine, VALUE, &arguments, &parameters)[0][0];
        let slopes = self.call(&mut machine, GRADIENT, &arguments, &parameters);
        let places = self.places().into_iter();
        (value, places.map(|place| place.map_or(0.0, |place| slopes[place][0])).collect())
    }

    fn given_up(&self, terms: &[Vec<f64>]) -> Option<Error> {
        let parameters = self.parameter_columns();
        let mut machine = self.made.program.narrow_machine();
        let mut arguments = vec![[0.0; LANES]; terms.len()];
        for start in (0..terms[0].len()).step_by(LANES) {
            for (own, column) in arguments.iter_mut().zip(terms) {
                own.iter_mut().zip(&column[start..]).for_each(|(own, &x)| *own = x);
            }
            self.call(&mut machine, VALUE, &arguments, &parameters);
            let lanes = LANES.min(terms[0].len() - start);
            let left = &machine.private()?[..lanes];
            if let Some(lane) = left.iter().position(|&rounds| rounds == 0.0) {
                let numbers: Vec<f64> = terms.iter().map(|column| column[start + lane]).collect();
                return Some(self.made.too_many_rounds(&numbers));
            }
        }
        None
    }

    #[expect(clippy::cast_possible_truncation, reason = "float32 is asked for")]
    fn run(&self, block: &mut Block<'_>, _: bool) {
        let parameters = self.parameter_columns();
        let mut machine = self.made.program.narrow_machine();
        let inputs = block.arguments();
        let count = block.count();
        // For each number of a term: its argument, that one's role, and its place there.
        let own = self.made.definition.inputs.iter().enumerate();
        let numbers: Vec<(usize, Role, usize)> =
            own.flat_map(|(i, own)| (0..own.role.width()).map(move |k| (i, own.role, k))).collect();
        let places = self.places();
        let mut values = vec![0.0; if block.wants_value() { count } else { 0 }];
        let roles = self.made.definition.inputs.iter().map(|input| input.role);
        let mut slopes: Vec<Vec<f32>> = roles
            .enumerate()
            .map(|(i, role)| vec![0.0; if block.wants_gradient(i) { role.width() * count } else { 0 }])
            .collect();
        let mut arguments = vec![[0.0; LANES]; numbers.len()];
        for start in (0..count).step_by(LANES) {
            let end = count.min(start + LANES);
            for (own, &(i, role, k)) in arguments.iter_mut().zip(&numbers) {
                let terms = inputs[i].chunks_exact(role.width()).skip(start).take(end - start);
                own.iter_mut().zip(terms).for_each(|(own, term)| *own = number(role, term[k]));
            }
            if let Some(values) = values.get_mut(start..end) {
                let column = &self.call(&mut machine, VALUE, &arguments, &parameters)[0];
                values.iter_mut().zip(column).for_each(|(value, &x)| *value = x as f32);
            }
            if block.wants_gradients() {
                let columns = self.call(&mut machine, GRADIENT, &arguments, &parameters);
                for (&(i, role, k), place) in numbers.iter().zip(&places) {
                    let Some(column) = place.map(|place| &columns[place]) else { continue };
                    let terms = slopes[i].chunks_exact_mut(role.width()).skip(start);
                    terms.zip(column).take(end - start).for_each(|(term, &x)| term[k] = x as f32);
                }
            }
        }
        block.finish(&values, &slopes);
    }
}
