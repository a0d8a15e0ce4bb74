//! Rows of similarities in float64: the products, and the textbook formula of each row.

use super::problem::Problem;
use super::setup::{Partners, Setup, Weigh};
use crate::families::products::row::Runs;
use crate::families::rows::{RowLoss, TextbookRow};
use crate::reduction::Divisor;
use crate::request::Resolved;
use crate::terms::Terms;

/// The inputs, and what follows from them.
struct Pairs<'a> {
    formula: &'a dyn Runs,
    setup: &'a Setup,
    problem: Problem,
    vectors: [&'a [f64]; 2],
    lengths: [Vec<f64>; 2],
    factor: f64,
    bias: f64,
    labels: Option<&'a [f64]>,
}

pub(super) fn terms(
    formula: &dyn Runs,
    setup: &Setup,
    resolved: &Resolved,
    inputs: &[Option<Vec<f64>>],
) -> Terms {
    let problem = Problem::of(setup, &resolved.inputs);
    let of = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let number = |i: Option<usize>| i.and_then(|i| of(i).first().copied());
    let length = |vector: &[f64]| {
        let largest = vector.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let scaled = vector.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt();
        if largest == 0.0 { 0.0 } else { largest * scaled }
    };
    let lengths = |i: usize| of(i).chunks(problem.features).map(length).collect();
    let pairs = Pairs {
        formula,
        setup,
        problem,
        vectors: [of(setup.left), of(setup.right)],
        lengths: [lengths(setup.left), lengths(setup.right)],
        factor: number(setup.scale).unwrap_or_else(|| f64::from(setup.factor)),
        bias: number(setup.bias).unwrap_or(0.0),
        labels: match setup.partners {
            Partners::Labels(input, _) => Some(of(input)),
            _ => None,
        },
    };
    let mut terms = Terms::new(inputs.len());
    for row in 0..problem.rows {
        pairs.add(row, resolved, inputs, &mut terms);
    }
    if resolved.layout.divisor == Divisor::Weights && terms.weight == 0.0 {
        // Without any weight the mean is NaN, but its gradient is 0.
        terms.slopes.iter_mut().for_each(Vec::clear);
    }
    terms
}

impl Pairs<'_> {
    /// A row's term.
    fn add(&self, row: usize, resolved: &Resolved, inputs: &[Option<Vec<f64>>], terms: &mut Terms) {
        let columns = self.problem.columns;
        let mut class = Some(row);
        if let Partners::Class(target) = self.setup.partners
            && let Some(target) = &inputs[target]
        {
            #[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
            let index = target[row] as i64;
            if Some(index) == resolved.ignored {
                terms.values.push(0.0);
                terms.sizes.push(0.0);
                return;
            }
            class = usize::try_from(index).ok().filter(|&index| index < columns);
            terms.weight += 1.0;
        }
        if let (Some(labels), Partners::Labels(_, weigh)) = (self.labels, self.setup.partners) {
            let alike = labels.iter().filter(|&&label| label == labels[row]).count() - 1;
            #[expect(clippy::cast_precision_loss, reason = "counts are small")]
            let count = alike as f64;
            terms.weight += if weigh == Weigh::Partners { count } else { count.min(1.0) };
        }
        let own = self.loss((0..columns).map(|column| (row, column)), row, class);
        let share = if self.setup.symmetric { 0.5 } else { 1.0 };
        let mut value = share * own.value;
        let mut size = share * own.size;
        for column in 0..columns {
            let slope = if class.is_some() { share * own.slopes[0][column] } else { f64::NAN };
            self.add_slope((row, column), slope, (row, class == Some(column)), terms);
        }
        if self.setup.symmetric {
            let other = self.loss((0..self.problem.rows).map(|r| (r, row)), row, Some(row));
            value += share * other.value;
            size += share * other.size;
            for r in 0..self.problem.rows {
                self.add_slope((r, row), share * other.slopes[0][r], (row, r == row), terms);
            }
        }
        terms.values.push(if class.is_some() { value } else { f64::NAN });
        terms.sizes.push(size);
    }

    /// The loss of a row or a column: of the pairs in it.
    fn loss(
        &self,
        pairs: impl Iterator<Item = (usize, usize)> + Clone,
        own: usize,
        class: Option<usize>,
    ) -> RowLoss {
        let one = |x: bool| f64::from(u8::from(x));
        let is_partner = |k: usize| match self.labels {
            Some(labels) => labels[k] == labels[own],
            None => class == Some(k),
        };
        let first: Vec<f64> = pairs
            .clone()
            .enumerate()
            .map(|(k, pair)| {
                self.factor * self.margin(self.product(pair), class == Some(k))[0] + self.bias
            })
            .collect();
        let target: Vec<f64> = (0..first.len()).map(|k| one(is_partner(k))).collect();
        let is_own = |k: usize| self.labels.is_some() && k == own;
        let weight: Vec<f64> = (0..first.len()).map(|k| one(!is_own(k))).collect();
        self.formula.reference(&TextbookRow {
            first: &first,
            second: &[],
            third: &[],
            more: &[],
            target: &target,
            weight: &weight,
            label: 0.0,
            labels: Default::default(),
            mean_weight: 1.0,
        })
    }

    fn margin(&self, product: f64, is_partner: bool) -> [f64; 2] {
        let margin = self.setup.margin.as_ref().filter(|_| is_partner && self.labels.is_none());
        margin.map_or([product, 1.0], |margin| margin.reference(product))
    }

    fn vector(&self, side: usize, i: usize) -> impl Iterator<Item = f64> + Clone {
        let length = match self.lengths[side][i] {
            _ if !self.setup.normalize => 1.0,
            0.0 => f64::INFINITY,
            length => length,
        };
        let vector = &self.vectors[side][i * self.problem.features..][..self.problem.features];
        vector.iter().map(move |x| x / length)
    }

    fn product(&self, (row, column): (usize, usize)) -> f64 {
        self.vector(0, row).zip(self.vector(1, column)).map(|(x, y)| x * y).sum()
    }

    /// Adds a term's slope by one similarity to those by the inputs.
    fn add_slope(
        &self,
        pair: (usize, usize),
        slope: f64,
        (term, is_partner): (usize, bool),
        terms: &mut Terms,
    ) {
        let product = self.product(pair);
        let Setup { left, right, scale, bias, normalize, .. } = *self.setup;
        if let Some(scale) = scale {
            terms.slopes[scale].push((term, 0, slope * product));
        }
        if let Some(bias) = bias {
            terms.slopes[bias].push((term, 0, slope));
        }
        let by_product = slope * self.factor * self.margin(product, is_partner)[1];
        for (side, input) in [left, right].into_iter().enumerate() {
            let (own, other) = if side == 0 { pair } else { (pair.1, pair.0) };
            let length = self.lengths[side][own];
            let vectors = self.vector(side, own).zip(self.vector(1 - side, other));
            for (d, (x, y)) in vectors.enumerate() {
                let by_element = match length {
                    _ if !normalize => y,
                    0.0 => 0.0,
                    length => (y - x * product) / length,
                };
                let place = own * self.problem.features + d;
                terms.slopes[input].push((term, place, by_product * by_element));
            }
        }
    }
}
