//! Losses over rows in float64, row by row.

use super::runs::Runs;
use super::shape::{MOST_OVER, RowShape, RowWeight, SlopesOf};
use super::textbook::Row;
use crate::reduction::Divisor;
use crate::request::Resolved;
use crate::terms::Terms;

pub(super) fn terms(formula: &dyn Runs, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms {
    let (shape, ignored) = (RowShape::of(resolved), resolved.ignored);
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (classes, inner) = (size(shape.classes), size(shape.inner));
    let input = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let mut terms = Terms::new(inputs.len());
    let mean_weight = mean_weight(resolved, &shape, ignored, inputs);
    for r in 0..size(resolved.layout.terms) {
        let place = |c: usize| (r / inner * classes + c) * inner + r % inner;
        let place_in = |i: usize, c: usize| if shape.is_shared(i) { c } else { place(c) };
        let over =
            |i: usize| -> Vec<f64> { (0..classes).map(|c| input(i)[place_in(i, c)]).collect() };
        let mask = shape.mask.map(over);
        let is_there = |c: usize| mask.as_ref().is_none_or(|mask| mask[c] != 0.0);
        let mut rows = vec![vec![0.0; classes]; MOST_OVER];
        rows.iter_mut().zip(shape.over()).for_each(|(row, i)| *row = over(i));
        let mut weight = match shape.weight {
            RowWeight::One => vec![1.0; classes],
            RowWeight::Classes(i) => input(i).to_vec(),
            RowWeight::Rows(i) => over(i),
        };
        let mut target = shape.target_rows().map_or(vec![0.0; classes], over);
        for c in (0..classes).filter(|&c| !is_there(c)) {
            rows.iter_mut().for_each(|row| row[c] = 0.0);
            rows[0][c] = f64::NEG_INFINITY;
            (target[c], weight[c]) = (0.0, 0.0);
        }
        let mut bad = false;
        if let Some(list) = shape.list {
            let length = size(list.length);
            for i in r * length..(r + 1) * length {
                #[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
                let class = usize::try_from(input(list.classes)[i] as i64);
                match class.ok().filter(|&class| class < classes && target[class] == 0.0) {
                    Some(class) => (rows[1][class], target[class]) = (input(list.numbers)[i], 1.0),
                    None => bad = true,
                }
            }
        }
        if shape.index().is_none() && (shape.marks.is_some() || mask.is_some()) {
            #[expect(clippy::cast_possible_truncation, reason = "integers")]
            let marked = shape.marks.is_some_and(|i| Some(input(i)[r] as i64) == ignored);
            if marked || !(0..classes).any(is_there) {
                terms.values.push(0.0);
                terms.sizes.push(0.0);
                continue;
            }
            terms.weight += 1.0;
        }
        if let Some(i) = shape.index() {
            #[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
            let class = input(i)[r] as i64;
            if Some(class) == ignored {
                terms.values.push(0.0);
                terms.sizes.push(0.0);
                continue;
            }
            match usize::try_from(class).ok().filter(|&class| class < classes) {
                Some(class) => {
                    target[class] = 1.0;
                    terms.weight += weight[class];
                }
                None => bad = true,
            }
        }
        let labels = shape.labels.map(|own| own.map_or(0.0, |i| input(i)[r]));
        let (first, second, third, more) = (&rows[0][..], &rows[1][..], &rows[2][..], &rows[3..]);
        let (target, weight) = (&target[..], &weight[..]);
        let label = labels[0];
        let row = Row { first, second, third, more, target, weight, label, labels, mean_weight };
        let loss = formula.reference(&row);
        terms.values.push(if bad { f64::NAN } else { loss.value });
        terms.sizes.push(loss.size);
        let known = |slope: f64| if bad { f64::NAN } else { slope };
        for i in shape.with_slopes().chain(shape.labels.into_iter().flatten()) {
            match shape.slopes(i) {
                SlopesOf::Classes(place) => {
                    let slope = |c: usize| (r, place_in(i, c), known(loss.slopes[place][c]));
                    terms.slopes[i].extend((0..classes).filter(|&c| is_there(c)).map(slope));
                }
                SlopesOf::Row(place) => {
                    terms.slopes[i].push((r, r, known(loss.row_slopes[place])));
                }
            }
        }
    }
    if resolved.layout.divisor == Divisor::Weights && terms.weight == 0.0 {
        // Without any weight the mean is NaN, but its gradient is 0.
        terms.slopes.iter_mut().for_each(Vec::clear);
    }
    terms
}

/// The mean weight of the kept rows; 1 where the mean does not divide by the sum of their weights.
fn mean_weight(
    resolved: &Resolved,
    shape: &RowShape,
    ignored: Option<i64>,
    inputs: &[Option<Vec<f64>>],
) -> f64 {
    let (Some(index), RowWeight::Classes(weight), Divisor::Weights) =
        (shape.index(), shape.weight, resolved.layout.divisor)
    else {
        return 1.0;
    };
    let weights = inputs[weight].as_deref().unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "class indices are small")]
    let classes = inputs[index].iter().flatten().map(|&class| class as i64);
    let kept = classes.filter(|&class| Some(class) != ignored);
    let kept: Vec<f64> =
        kept.filter_map(|class| weights.get(usize::try_from(class).ok()?).copied()).collect();
    #[expect(clippy::cast_precision_loss, reason = "far fewer rows than 2^53")]
    let count = kept.len() as f64;
    kept.iter().sum::<f64>() / count
}
