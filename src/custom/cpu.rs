//! Custom losses on the CPU, 64 elements at a time: in float32, and as reference in float64.

use super::interpret::{Column, LANES, Machine};
use super::loss::Custom;
use super::made::{GRADIENT, VALUE};
use crate::error::Error;
use crate::families::pointwise::{Block, Runs};

impl Custom {
    /// The columns of the parameters.
    fn parameter_columns(&self) -> Vec<Column> {
        self.numbers().map(|number| [number; LANES]).collect()
    }

    fn call<'m>(
        &self,
        machine: &'m mut Machine<'_>,
        entry: usize,
        arguments: &[Column; 4],
        parameters: &[Column],
    ) -> &'m [Column] {
        let count = self.made.definition.inputs.len();
        let columns: Vec<&Column> = arguments[..count].iter().chain(parameters).collect();
        machine.call(entry, &columns)
    }

    /// Where the gradient's columns go: the only differentiable argument's is alone.
    fn spread<T: Copy + Default>(&self, of: impl Fn(usize) -> T) -> [T; 4] {
        let inputs = self.made.definition.inputs;
        let alone = inputs.iter().filter(|input| input.differentiable).count() == 1;
        std::array::from_fn(|i| match inputs.get(i) {
            Some(input) if input.differentiable => of(if alone { 0 } else { i }),
            _ => T::default(),
        })
    }
}

impl Runs for Custom {
    fn reference(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let column = |i: usize| [x.get(i).copied().unwrap_or(1.0); LANES];
        let (arguments, parameters) = (std::array::from_fn(column), self.parameter_columns());
        let mut machine = self.made.program.machine();
        let value = self.call(&mut machine, VALUE, &arguments, &parameters)[0][0];
        let slopes = self.call(&mut machine, GRADIENT, &arguments, &parameters);
        (value, self.spread(|i| slopes[i][0]).to_vec())
    }

    fn given_up(&self, terms: &[Vec<f64>]) -> Option<Error> {
        let parameters = self.parameter_columns();
        let mut machine = self.made.program.narrow_machine();
        let mut arguments = [[0.0; LANES]; 4];
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
        let count = inputs[0].len();
        let mut values = vec![0.0; if block.wants_value() { count } else { 0 }];
        let wanted = if block.wants_gradients() { count } else { 0 };
        let mut slopes = [(); 4].map(|()| vec![0.0; wanted]);
        let mut arguments = [[0.0; LANES]; 4];
        for start in (0..count).step_by(LANES) {
            let end = count.min(start + LANES);
            for (own, input) in arguments.iter_mut().zip(inputs) {
                let input = input.get(start..end).into_iter().flatten();
                own.iter_mut().zip(input).for_each(|(own, &x)| *own = x.into());
            }
            if let Some(values) = values.get_mut(start..end) {
                let column = &self.call(&mut machine, VALUE, &arguments, &parameters)[0];
                values.iter_mut().zip(column).for_each(|(value, &x)| *value = x as f32);
            }
            if wanted > 0 {
                let columns = self.call(&mut machine, GRADIENT, &arguments, &parameters);
                let columns = self.spread(|i| columns.get(i));
                for (slopes, column) in slopes.iter_mut().zip(columns) {
                    let slopes = slopes[start..end].iter_mut();
                    slopes.zip(column.into_iter().flatten()).for_each(|(s, &x)| *s = x as f32);
                }
            }
        }
        block.finish(&values, &slopes);
    }
}
