//! Losses over regions in float64, voxel by voxel.

use super::formula::Activation;
use super::runs::Runs;
use super::shape::{INPUT, RegionShape, TARGET};
use crate::request::Resolved;
use crate::terms::Terms;

/// The probabilities of a batch's voxels, by places of the input.
struct Batch<'a> {
    shape: RegionShape,
    activation: Activation,
    p: Vec<f64>,
    target: &'a [f64],
    ignored: Option<f64>,
}

pub(super) fn terms(
    formula: &dyn Runs,
    shape: RegionShape,
    resolved: &Resolved,
    inputs: &[Option<Vec<f64>>],
) -> Terms {
    let input = |i: usize| inputs[i].as_deref().unwrap_or_default();
    let activation = formula.common().activation;
    #[expect(clippy::cast_precision_loss, reason = "a class index that float64 holds")]
    let ignored = resolved.ignored.map(|class| class as f64);
    let mut batch = Batch { shape, activation, p: Vec::new(), target: input(TARGET), ignored };
    batch.p = batch.probabilities(input(INPUT));
    let weight = shape.weight.map(input);
    let (counted, each) = (size(shape.counted()), size(shape.each()));
    let mut terms = Terms::new(inputs.len());
    for term in 0..size(resolved.layout.terms) {
        let own = term * each..(term + 1) * each;
        let voxels: Vec<Vec<[usize; 3]>> = own.map(|region| batch.voxels(region)).collect();
        let numbers =
            |own: &Vec<[usize; 3]>| own.iter().map(|&voxel| batch.numbers(voxel)).collect();
        let textbook = formula.reference(&voxels.iter().map(numbers).collect::<Vec<_>>());
        let weight = weight.map_or(1.0, |weight| weight[term % counted]);
        terms.values.push(weight * textbook.value);
        terms.sizes.push(weight.abs() * textbook.size);
        for (voxels, slopes) in voxels.iter().zip(&textbook.slopes) {
            for (&voxel, &[by_p, by_y]) in voxels.iter().zip(slopes) {
                let by_input = batch.by_input(voxel).into_iter();
                terms.slopes[INPUT]
                    .extend(by_input.map(|(place, slope)| (term, place, weight * by_p * slope)));
                if !shape.index {
                    terms.slopes[TARGET].push((term, batch.place(voxel), weight * by_y));
                }
            }
        }
    }
    terms
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

impl Batch<'_> {
    /// The place of a voxel, `[item, class, voxel]`, in the input.
    fn place(&self, [item, class, voxel]: [usize; 3]) -> usize {
        (item * size(self.shape.classes) + class) * size(self.shape.voxels) + voxel
    }

    /// The places of all classes of a voxel.
    fn places(&self, [item, _, voxel]: [usize; 3]) -> Vec<usize> {
        (0..size(self.shape.classes)).map(|class| self.place([item, class, voxel])).collect()
    }

    fn probabilities(&self, input: &[f64]) -> Vec<f64> {
        let mut p = input.to_vec();
        match self.activation {
            Activation::None => {}
            Activation::Sigmoid => p.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
            Activation::Softmax => {
                let voxels = size(self.shape.voxels);
                for i in 0..size(self.shape.items) * voxels {
                    let places = self.places([i / voxels, 0, i % voxels]);
                    let all = || places.iter().map(|&place| input[place]);
                    let highest = all().fold(f64::NEG_INFINITY, f64::max);
                    let sum: f64 = all().map(|x| (x - highest).exp()).sum();
                    places.iter().for_each(|&i| p[i] = (input[i] - highest).exp() / sum);
                }
            }
        }
        p
    }

    /// The voxels of a region that count.
    fn voxels(&self, region: usize) -> Vec<[usize; 3]> {
        let (counted, voxels) = (size(self.shape.counted()), size(self.shape.voxels));
        let class = size(self.shape.first) + region % counted;
        let items = match self.shape.batch {
            true => 0..size(self.shape.items),
            false => region / counted..region / counted + 1,
        };
        let all = items.flat_map(|item| (0..voxels).map(move |voxel| [item, class, voxel]));
        let kept = |&[item, _, voxel]: &[usize; 3]| {
            !self.shape.index || self.ignored != Some(self.target[item * voxels + voxel])
        };
        all.filter(kept).collect()
    }

    /// p and y.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn numbers(&self, own: [usize; 3]) -> [f64; 2] {
        let [item, class, voxel] = own;
        if !self.shape.index {
            return [self.p[self.place(own)], self.target[self.place(own)]];
        }
        let label = self.target[item * size(self.shape.voxels) + voxel];
        let bad = label < 0.0 || label >= self.shape.classes as f64;
        let y = if label == class as f64 { 1.0 } else { 0.0 };
        [self.p[self.place(own)], if bad { f64::NAN } else { y }]
    }

    /// The derivatives of a probability by the input: where, and what.
    fn by_input(&self, own: [usize; 3]) -> Vec<(usize, f64)> {
        let place = self.place(own);
        let p = self.p[place];
        match self.activation {
            Activation::None => vec![(place, 1.0)],
            Activation::Sigmoid => vec![(place, p * (1.0 - p))],
            Activation::Softmax => {
                let by = |other: usize| {
                    let own = if other == place { 1.0 } else { 0.0 };
                    (other, p * (own - self.p[other]))
                };
                self.places(own).into_iter().map(by).collect()
            }
        }
    }
}
