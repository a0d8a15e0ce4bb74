//! What a loss says of a row, and the loops over it.

use super::runs::{ByRow, Runs, Taken};
use super::task::{Abreast, Item, Lanes, RowTask};
use super::textbook::{Row as TextbookRow, RowLoss};
use crate::cpu::{ABREAST, Gathered, Larger, Sum, ZEROS, dispatch};
use pulp::{Simd, WithSimd};
use std::fmt::Debug;

/// What a loss gathers from a row in one pass each for maxima and sums, and what follows from it.
/// The kernels have the same functions.
pub(crate) trait Formula: Debug + Send + Sync {
    /// The maxima of a row: so many numbers.
    type Peaks: Gathered;
    /// The sums over a row: so many numbers.
    type Sums: Gathered;
    /// Whether the derivative with respect to the first member uses [`Item::reused`].
    const REUSES: bool = false;
    /// Whether the sums need [`Row::picked`], which is else known with the last of them.
    const PICKS: bool = false;
    /// Whether there are [second sums](Formula::second_sums), for which the row is read once more.
    const TWICE: bool = false;
    /// Where the maxima only keep the sums from overflow and loss: what takes their place in rows
    /// whose sums are [in range](Formula::in_range) with it.
    const UNIT: Option<Self::Peaks> = None;

    /// Whether only [`Row::offset`] needs to know of a number that was taken off all of the first input.
    fn shifts(&self) -> bool {
        false
    }

    /// Runs the loops over a row. Where the mathematics branches on options, it may run them with a
    /// copy whose options are constants in the common case, which then has loops of its own.
    #[inline(always)]
    fn run<T: Loops>(&self, loops: T)
    where
        Self: Sized,
    {
        loops.run(self);
    }

    /// The textbook value and derivatives of one row in float64.
    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss;

    /// What the row's maxima are taken of.
    fn peaks(&self, item: Item) -> Self::Peaks;

    /// What is summed over the row.
    fn sums(&self, item: Item, row: &Row, peaks: Self::Peaks) -> Self::Sums;

    /// What is summed over the row once the sums are known, and then added to them: these have 0 where it is. Where
    /// there are lists, it is 0 of what is not listed, which is passed over.
    fn second_sums(&self, _: Item, _: &Row, _: Self::Peaks, _: Self::Sums) -> Self::Sums {
        Self::Sums::start::<Sum>()
    }

    /// The sums relative to higher maxima, where those of a part of the row are known before the rest.
    fn moved(&self, sums: Self::Sums, _lower: Self::Peaks, _higher: Self::Peaks) -> Self::Sums {
        sums
    }

    /// Whether sums with [`UNIT`](Formula::UNIT) are as good as those with the row's maxima.
    fn in_range(&self, _row: &Row, _sums: Self::Sums) -> bool {
        false
    }

    /// The sums with what follows from them for the whole row, once for all of its items.
    fn finished(&self, _: &Row, _: Self::Peaks, sums: Self::Sums) -> Self::Sums {
        sums
    }

    /// The row's loss, of finished sums.
    fn value(&self, row: &Row, peaks: Self::Peaks, sums: Self::Sums) -> f32;

    /// The derivatives with respect to the item's first, second and third member and its target, of finished sums.
    fn gradient(&self, item: Item, row: &Row, peaks: Self::Peaks, sums: Self::Sums) -> [f32; 4];
}

impl<L: Formula> Runs for L {
    fn reference(&self, row: &TextbookRow<'_>) -> RowLoss {
        Formula::reference(self, row)
    }

    fn taken(&self) -> Taken<'_> {
        Taken::ByRow(self)
    }
}

impl<L: Formula> ByRow for L {
    fn run(&self, task: &mut RowTask<'_>, brief: bool) {
        run(self, brief, task);
    }

    fn run_abreast(&self, task: &mut Abreast<'_>, lanes: &mut Lanes, brief: bool) {
        run(self, brief, (task, lanes));
    }
}

/// What is known of a row before it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The number of classes.
    pub classes: f32,
    /// The weight of the target class.
    pub weight: f32,
    /// The first input at the target class.
    pub picked: f32,
    /// The row's own number.
    pub label: f32,
    /// What was taken off all of the first input, where the formula [allows](Formula::shifts) it.
    pub offset: f32,
    /// The mean weight of the reused rows, where the mean divides by the sum of their weights.
    pub mean_weight: f32,
}

/// The loops of a row, or of some rows, compiled for each loss and instruction set with the mathematics
/// inlined.
pub(crate) trait Loops {
    /// Whether the target is a class index.
    fn has_index(&self) -> bool;

    /// Runs them.
    fn run<L: Formula>(self, loss: &L);
}

/// Runs loops over rows; brief ones with fewer lanes.
pub(crate) fn run<L: Formula, T: Loops>(loss: &L, brief: bool, task: T) {
    dispatch(brief, Work { loss, task });
}

struct Work<'l, L, T> {
    loss: &'l L,
    task: T,
}

impl<L: Formula, T: Loops> WithSimd for Work<'_, L, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.loss.run(self.task);
    }
}

impl RowTask<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a number of classes in float32 arithmetic")]
    fn row(&self) -> Row {
        let index = self.index.unwrap_or(usize::MAX);
        Row {
            classes: self.classes as f32,
            weight: self.weight.get(index).copied().unwrap_or(1.0),
            picked: self.inputs[0].get(index).copied().unwrap_or(0.0),
            label: self.label,
            offset: 0.0,
            mean_weight: self.mean_weight,
        }
    }
}

impl Loops for &mut RowTask<'_> {
    fn has_index(&self) -> bool {
        self.index.is_some()
    }

    #[inline(always)]
    fn run<L: Formula>(self, loss: &L) {
        let row = self.row();
        self.complete();
        let (peaks, sums) = self.gathered(loss, &row);
        let sums = loss.finished(&row, peaks, sums);
        *self.value = loss.value(&row, peaks, sums);
        if self.gradients.iter().any(Option::is_some) {
            self.differentiate(loss, &row, peaks, sums);
        }
    }
}

impl Loops for (&mut Abreast<'_>, &mut Lanes) {
    fn has_index(&self) -> bool {
        self.0.indices.is_some()
    }

    #[inline(always)]
    fn run<L: Formula>(self, loss: &L) {
        self.0.run_all(loss, self.1);
    }
}

impl RowTask<'_> {
    #[inline(always)]
    fn gathered<L: Formula>(&mut self, loss: &L, row: &Row) -> (L::Peaks, L::Sums) {
        let (peaks, sums) = self.gathered_once(loss, row);
        if !L::TWICE {
            return (peaks, sums);
        }
        let second = match self.listed.is_empty() {
            true => self.added::<L>(
                false,
                #[inline(always)]
                |item| loss.second_sums(item, row, peaks, sums),
            ),
            false => self.added_of_list::<L>(
                #[inline(always)]
                |item| loss.second_sums(item, row, peaks, sums),
            ),
        };
        (peaks, sums.with::<Sum>(second))
    }

    /// The sum over the classes that are listed.
    #[inline(always)]
    fn added_of_list<L: Formula>(&self, of: impl Fn(Item) -> L::Sums) -> L::Sums {
        let [first, second, _] = self.inputs;
        let mut lanes = L::Sums::lanes::<Sum>();
        for (i, &class) in self.listed.iter().enumerate() {
            let class = usize::try_from(class).unwrap_or(usize::MAX);
            let at = |input: &[f32]| input.get(class).copied().unwrap_or(f32::NAN);
            let item = Item {
                first: at(first),
                second: at(second),
                third: 0.0,
                target: 1.0,
                weight: 1.0,
                reused: 0.0,
            };
            of(item).join::<Sum>(&mut lanes, i % ABREAST);
        }
        L::Sums::joined::<Sum>(lanes, self.listed.len())
    }

    #[inline(always)]
    fn gathered_once<L: Formula>(&mut self, loss: &L, row: &Row) -> (L::Peaks, L::Sums) {
        if let Some(unit) = L::UNIT {
            let sums = self.sums(loss, row, unit);
            if loss.in_range(row, sums) {
                return (unit, sums);
            }
        }
        let peaks = self.peaks(loss);
        (peaks, self.sums(loss, row, peaks))
    }

    #[inline(always)]
    fn peaks<L: Formula>(&mut self, loss: &L) -> L::Peaks {
        let mut all = L::Peaks::start::<Larger>();
        let mut start = 0;
        while start < self.classes {
            let segment = self.segment(start);
            let mut lanes = L::Peaks::lanes::<Larger>();
            // Two at once, since of one the compiler makes no vectors; the last one may come twice.
            for group in (0..segment.groups).step_by(2) {
                let items = segment.items(group);
                let more = segment.items((group + 1).min(segment.groups - 1));
                for i in 0..ABREAST {
                    loss.peaks(items.at(i)).join::<Larger>(&mut lanes, i);
                    loss.peaks(more.at(i)).join::<Larger>(&mut lanes, i);
                }
            }
            all = all.with::<Larger>(L::Peaks::joined::<Larger>(lanes, segment.size));
            start += segment.size;
        }
        all
    }

    #[inline(always)]
    fn sums<L: Formula>(&mut self, loss: &L, row: &Row, peaks: L::Peaks) -> L::Sums {
        self.added::<L>(
            L::REUSES,
            #[inline(always)]
            |item| loss.sums(item, row, peaks),
        )
    }

    /// The sum over the row, of whose items the first numbers may be kept. `of` is to be inlined: called, it would have
    /// none of the instruction set that the loops are compiled for.
    #[inline(always)]
    fn added<L: Formula>(&mut self, keeps: bool, of: impl Fn(Item) -> L::Sums) -> L::Sums {
        let mut all = L::Sums::start::<Sum>();
        let mut start = 0;
        while start < self.classes {
            let mut segment = self.segment(start);
            let mut lanes = L::Sums::lanes::<Sum>();
            for group in 0..segment.groups {
                let items = segment.items(group);
                let mut reused = ZEROS;
                for (i, reused) in reused.iter_mut().enumerate() {
                    let sums = of(items.at(i));
                    *reused = sums.first();
                    sums.join::<Sum>(&mut lanes, i);
                }
                if keeps {
                    segment.store(0, group, reused);
                }
            }
            all = all.with::<Sum>(L::Sums::joined::<Sum>(lanes, segment.size));
            start += segment.size;
        }
        all
    }

    #[inline(always)]
    fn differentiate<L: Formula>(&mut self, loss: &L, row: &Row, peaks: L::Peaks, sums: L::Sums) {
        let (scale, mut start) = (self.scale, 0);
        let one = self.gradients[1..].iter().all(Option::is_none);
        while start < self.classes {
            let mut segment = self.segment(start);
            for group in 0..segment.groups {
                let items = segment.items(group);
                let (mut a, mut b, mut c, mut d) = (ZEROS, ZEROS, ZEROS, ZEROS);
                if one {
                    for (i, a) in a.iter_mut().enumerate() {
                        *a = scale * loss.gradient(items.at(i), row, peaks, sums)[0];
                    }
                } else {
                    for i in 0..ABREAST {
                        let [x, y, z, w] = loss.gradient(items.at(i), row, peaks, sums);
                        [a[i], b[i], c[i], d[i]] = [x, y, z, w].map(|slope| scale * slope);
                    }
                }
                segment.store(0, group, a);
                segment.store(1, group, b);
                segment.store(2, group, c);
                segment.store(3, group, d);
            }
            start += segment.size;
        }
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::super::task::{Abreast, Lanes, Padding, RowTask};
    use super::{ByRow, Formula, Work};
    use crate::cpu::ABREAST;
    use crate::losses::{
        CosineEmbedding, CrossEntropy, GeneralizedJsd, MultiMargin, SoftmaxEntropy, SoftmaxFocal,
        TripletMargin,
    };
    use pulp::{Scalar, WithSimd};

    /// Two whole segments, a third one, and a group that is cut short.
    const CLASSES: usize = 5000;

    /// The bits of a row's loss and gradients.
    fn bits(index: Option<usize>, run: impl FnOnce(&mut RowTask<'_>)) -> Vec<u32> {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let numbers = |step: usize, low: f32| -> Vec<f32> {
            (0..CLASSES).map(|i| low + (i * step % CLASSES) as f32 / 1000.0).collect()
        };
        let inputs = [numbers(7, -2.0), numbers(11, 0.1), numbers(13, 0.1)];
        let target = numbers(17, 0.0);
        let weight = numbers(19, 0.0);
        let (mut value, mut gradients) = (0.0, [const { [0.0; CLASSES] }; 4]);
        let mut padding = Padding::EMPTY;
        run(&mut RowTask {
            classes: CLASSES,
            inputs: inputs.each_ref().map(|x| &x[..]),
            target: if index.is_some() { &[] } else { &target },
            weight: &weight,
            index,
            listed: &[],
            label: 1.0,
            mean_weight: 0.7,
            scale: 0.3,
            value: &mut value,
            gradients: gradients.each_mut().map(|gradient| Some(&mut gradient[..])),
            padding: &mut padding,
        });
        gradients.iter().flatten().chain([&value]).map(|x| x.to_bits()).collect()
    }

    fn check<L: Formula>(loss: &L) {
        for index in [None, Some(4999)] {
            let widest = bits(index, |task| ByRow::run(loss, task, false));
            let brief = bits(index, |task| ByRow::run(loss, task, true));
            let one = |task: &mut RowTask<'_>| {
                Work { loss, task }.with_simd(Scalar);
            };
            let baseline = bits(index, one);
            assert!(widest == baseline && brief == baseline, "{loss:?}");
        }
        for index in [false, true] {
            let mut lanes = Lanes::EMPTY;
            let mut run = |task: &mut Abreast<'_>, brief| {
                ByRow::run_abreast(loss, task, &mut lanes, brief);
            };
            let widest = bits_abreast(index, |task| run(task, false));
            let brief = bits_abreast(index, |task| run(task, true));
            let rows = |task: &mut Abreast<'_>| {
                let mut lanes = Lanes::EMPTY;
                Work { loss, task: (task, &mut lanes) }.with_simd(Scalar);
            };
            let baseline = bits_abreast(index, rows);
            assert!(widest == baseline && brief == baseline, "{loss:?} abreast");
        }
    }

    /// The bits of the losses and gradients of some rows of few classes.
    fn bits_abreast(index: bool, run: impl FnOnce(&mut Abreast<'_>)) -> Vec<u32> {
        const ROWS: usize = ABREAST - 3;
        const FEW: usize = 7;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let numbers = |step: usize, low: f32| -> Vec<f32> {
            (0..ROWS * FEW).map(|i| low + (i * step % 97) as f32 / 20.0).collect()
        };
        let inputs = [numbers(7, -2.0), numbers(11, 0.1), numbers(13, 0.1)];
        let (target, weight, labels) = (numbers(17, 0.0), numbers(19, 0.0), [1.0; ROWS]);
        let classes: Vec<Option<usize>> =
            (0..ROWS).map(|row| Some(row % FEW).filter(|_| row % 5 > 0)).collect();
        let (mut values, mut gradients) = ([0.0; ROWS], [const { [0.0; ROWS * FEW] }; 4]);
        run(&mut Abreast {
            classes: FEW,
            inputs: inputs.each_ref().map(|x| &x[..]),
            target: if index { &[] } else { &target },
            weight: &weight[..FEW],
            indices: index.then_some(&classes[..]),
            labels: &labels,
            mean_weight: 0.7,
            scales: [0.3; ABREAST],
            values: &mut values,
            gradients: gradients.each_mut().map(|gradient| Some(&mut gradient[..])),
        });
        gradients.iter().flatten().chain(&values).map(|x| x.to_bits()).collect()
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        check(&CrossEntropy::default());
        check(&CrossEntropy {
            label_smoothing: 0.1,
            z_loss: 0.01,
            softcap: 30.0,
            ..Default::default()
        });
        check(&CosineEmbedding::default());
        check(&MultiMargin::default());
        check(&SoftmaxEntropy::default());
        check(&SoftmaxFocal::default());
        check(&GeneralizedJsd::default());
        check(&TripletMargin::default());
        check(&TripletMargin { swap: true, ..TripletMargin::default() });
    }
}
