//! Rows of few classes, each in a lane of its own: side by side they fill the lanes that a row's
//! classes alone would leave empty.

use super::row::{Formula, Row};
use super::task::{Abreast, Item, Lanes, Table};
use crate::cpu::{ABREAST, Gathered, Larger, Sum, ZEROS};

impl Lanes {
    /// Becomes those of some rows, in place of others of the same inputs.
    #[inline(always)]
    fn read(&mut self, task: &Abreast<'_>) {
        let classes = task.classes;
        for (table, rows) in self.inputs.iter_mut().zip(task.inputs) {
            turned(rows, classes, table);
        }
        match task.indices {
            Some(indices) => {
                self.target[..classes].fill(ZEROS);
                for (lane, &index) in indices.iter().enumerate() {
                    // Where a program changes labels that it has lent, they may be any by now.
                    if let Some(class) = index.and_then(|class| self.target.get_mut(class)) {
                        class[lane] = 1.0;
                    }
                }
            }
            None => turned(task.target, classes, &mut self.target),
        }
        if task.weight.len() == classes {
            for (group, &weight) in self.weight.iter_mut().zip(task.weight) {
                *group = [weight; ABREAST];
            }
        } else {
            turned(task.weight, classes, &mut self.weight);
        }
    }

    #[inline(always)]
    fn item(&self, class: usize, lane: usize) -> Item {
        let [first, second, third] = &self.inputs;
        Item {
            first: first[class][lane],
            second: second[class][lane],
            third: third[class][lane],
            target: self.target[class][lane],
            weight: self.weight[class][lane],
            reused: self.reused[class][lane],
        }
    }
}

/// Each class of the rows in their lanes; those that are left hold what they held.
#[inline(always)]
fn turned(rows: &[f32], classes: usize, table: &mut Table) {
    for (lane, row) in rows.chunks_exact(classes).enumerate() {
        for (class, &number) in row.iter().enumerate() {
            table[class][lane] = number;
        }
    }
}

impl Abreast<'_> {
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "a number of classes in float32 arithmetic")]
    fn rows(&self, lanes: &Lanes) -> [Row; ABREAST] {
        let row = |lane: usize| {
            let index = self.indices.and_then(|indices| *indices.get(lane)?);
            Row {
                classes: self.classes as f32,
                weight: index.map_or(1.0, |class| lanes.weight[class][lane]),
                picked: index.map_or(0.0, |class| lanes.inputs[0][class][lane]),
                label: self.labels.get(lane).copied().unwrap_or(0.0),
                offset: 0.0,
                mean_weight: self.mean_weight,
            }
        };
        std::array::from_fn(row)
    }

    /// Runs the rows, in lanes in which others of the same task have been, or none.
    #[inline(always)]
    pub(super) fn run_all<L: Formula>(&mut self, loss: &L, lanes: &mut Lanes) {
        lanes.read(self);
        let rows = self.rows(lanes);
        let (peaks, mut sums) = self.gathered(loss, &rows, lanes);
        let mut values = ZEROS;
        for i in 0..ABREAST {
            let (row, peaks) = (&rows[i], L::Peaks::at(&peaks, i));
            let own = loss.finished(row, peaks, L::Sums::at(&sums, i));
            values[i] = loss.value(row, peaks, own);
            own.put(&mut sums, i);
        }
        self.values.copy_from_slice(&values[..self.values.len()]);
        if self.gradients.iter().any(Option::is_some) {
            self.differentiate(loss, &rows, lanes, &peaks, &sums);
        }
        self.silence();
    }

    #[inline(always)]
    fn gathered<L: Formula>(
        &self,
        loss: &L,
        rows: &[Row; ABREAST],
        lanes: &mut Lanes,
    ) -> (<L::Peaks as Gathered>::Lanes, <L::Sums as Gathered>::Lanes) {
        let (peaks, mut sums) = self.gathered_once(loss, rows, lanes);
        if L::TWICE {
            let first = sums;
            for class in 0..self.classes {
                for (i, row) in rows.iter().enumerate() {
                    let (peaks, known) = (L::Peaks::at(&peaks, i), L::Sums::at(&first, i));
                    let second = loss.second_sums(lanes.item(class, i), row, peaks, known);
                    second.join::<Sum>(&mut sums, i);
                }
            }
        }
        (peaks, sums)
    }

    #[inline(always)]
    fn gathered_once<L: Formula>(
        &self,
        loss: &L,
        rows: &[Row; ABREAST],
        lanes: &mut Lanes,
    ) -> (<L::Peaks as Gathered>::Lanes, <L::Sums as Gathered>::Lanes) {
        let Some(unit) = L::UNIT else {
            let peaks = self.peaks(loss, lanes);
            return (peaks, self.sums(loss, rows, lanes, &peaks));
        };
        let mut peaks = unit.in_all();
        let sums = self.sums(loss, rows, lanes, &peaks);
        let mut all = true;
        let own = self.peaks(loss, lanes);
        for (i, row) in rows.iter().enumerate() {
            if !loss.in_range(row, L::Sums::at(&sums, i)) {
                all = false;
                L::Peaks::at(&own, i).put(&mut peaks, i);
            }
        }
        if all {
            return (peaks, sums);
        }
        (peaks, self.sums(loss, rows, lanes, &peaks))
    }

    #[inline(always)]
    fn peaks<L: Formula>(&self, loss: &L, lanes: &Lanes) -> <L::Peaks as Gathered>::Lanes {
        let mut peaks = L::Peaks::lanes::<Larger>();
        for class in 0..self.classes {
            for i in 0..ABREAST {
                loss.peaks(lanes.item(class, i)).join::<Larger>(&mut peaks, i);
            }
        }
        peaks
    }

    #[inline(always)]
    fn sums<L: Formula>(
        &self,
        loss: &L,
        rows: &[Row; ABREAST],
        lanes: &mut Lanes,
        peaks: &<L::Peaks as Gathered>::Lanes,
    ) -> <L::Sums as Gathered>::Lanes {
        let mut all = L::Sums::lanes::<Sum>();
        for class in 0..self.classes {
            let mut reused = ZEROS;
            for i in 0..ABREAST {
                let sums = loss.sums(lanes.item(class, i), &rows[i], L::Peaks::at(peaks, i));
                reused[i] = sums.first();
                sums.join::<Sum>(&mut all, i);
            }
            lanes.reused[class] = reused;
        }
        all
    }

    #[inline(always)]
    fn differentiate<L: Formula>(
        &mut self,
        loss: &L,
        rows: &[Row; ABREAST],
        lanes: &Lanes,
        peaks: &<L::Peaks as Gathered>::Lanes,
        sums: &<L::Sums as Gathered>::Lanes,
    ) {
        let scales = self.scales;
        for class in 0..self.classes {
            let mut slopes = [ZEROS; 4];
            for i in 0..ABREAST {
                let (peaks, sums) = (L::Peaks::at(peaks, i), L::Sums::at(sums, i));
                let four = loss.gradient(lanes.item(class, i), &rows[i], peaks, sums);
                for (slopes, slope) in slopes.iter_mut().zip(four) {
                    slopes[i] = scales[i] * slope;
                }
            }
            for (gradient, slopes) in self.gradients.iter_mut().zip(&slopes) {
                let Some(gradient) = gradient else { continue };
                let places = gradient[class..].iter_mut().step_by(self.classes);
                places.zip(slopes).for_each(|(place, slope)| *place = *slope);
            }
        }
    }

    /// Zeros where a row is ignored, whatever it holds.
    #[inline(always)]
    fn silence(&mut self) {
        let Some(indices) = self.indices else { return };
        for (lane, _) in indices.iter().enumerate().filter(|(_, index)| index.is_none()) {
            self.values[lane] = 0.0;
            for gradient in self.gradients.iter_mut().flatten() {
                gradient[lane * self.classes..(lane + 1) * self.classes].fill(0.0);
            }
        }
    }
}
