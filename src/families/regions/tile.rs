//! The loops over a patch of voxels on the CPU, tile by tile.

use super::formula::{Activation, Formula, Voxel};
use crate::cpu::{ABREAST, Classes, Gathered, Group, Sum, ZEROS, numeric};
use crate::tensor::Tensor;
use pulp::{Simd, WithSimd};

/// The voxels that a loop takes at once.
const TILE: usize = 256;

type Tile = [f32; TILE];

/// The voxels of a task.
pub(super) const PATCH: usize = 4096;

/// A batch's inputs.
pub(super) struct Inputs<'a> {
    pub(super) input: &'a Tensor<'a>,
    pub(super) target: Target<'a>,
    pub(super) activation: Activation,
    pub(super) classes: usize,
    pub(super) voxels: usize,
    /// The first class that counts.
    pub(super) first: usize,
}

/// What the classes are compared with.
pub(super) enum Target<'a> {
    /// A number for each class of each voxel.
    Numbers(&'a Tensor<'a>),
    /// A class of each voxel.
    Classes(Classes<'a>),
}

/// Some voxels of an item.
pub(super) struct Patch<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) item: usize,
    pub(super) start: usize,
    pub(super) count: usize,
}

impl Inputs<'_> {
    fn place(&self, item: usize, class: usize, voxel: usize) -> usize {
        (item * self.classes + class) * self.voxels + voxel
    }
}

/// Where a task has its tile.
pub(super) struct Room {
    /// The probabilities of each class, and what is missing to 1.
    p: Vec<Tile>,
    rest: Vec<Tile>,
    /// The slopes of each class.
    slopes: Vec<Tile>,
    y: Tile,
    /// The class of each voxel, -1 where it does not count.
    labels: [i32; TILE],
    /// 1 where a voxel counts, and 0 elsewhere.
    kept: Tile,
    /// The largest logit of each voxel's classes.
    highest: Tile,
    /// The class that has it, as a number.
    peak: Tile,
}

impl Room {
    pub(super) fn new(classes: usize) -> Self {
        let tiles = || vec![[0.0; TILE]; classes];
        Self {
            p: tiles(),
            rest: tiles(),
            slopes: tiles(),
            y: [0.0; TILE],
            labels: [0; TILE],
            kept: [0.0; TILE],
            highest: [0.0; TILE],
            peak: [0.0; TILE],
        }
    }

    /// Reads so many voxels of a patch, and makes probabilities of the input.
    #[inline(always)]
    fn read(&mut self, patch: &Patch<'_>, start: usize, count: usize) {
        let Inputs { input, target, activation, classes, first, .. } = patch.inputs;
        self.kept = [0.0; TILE];
        match target {
            Target::Numbers(_) => self.kept[..count].fill(1.0),
            Target::Classes(target) => {
                let place = patch.item * patch.inputs.voxels + start;
                self.labels = [-1; TILE];
                target.labels(place, &mut self.labels[..count]);
                for (kept, &label) in self.kept.iter_mut().zip(&self.labels) {
                    *kept = if label < 0 { 0.0 } else { 1.0 };
                }
            }
        }
        // The softmax is of all classes.
        let needed = if *activation == Activation::Softmax { 0 } else { *first };
        for class in needed..*classes {
            let place = patch.inputs.place(patch.item, class, start);
            let tile = &mut self.p[class];
            input.read(place, &mut tile[..count]);
            tile[count..].fill(0.0);
        }
        match activation {
            Activation::None => {
                for (p, rest) in self.p.iter().zip(&mut self.rest).skip(needed) {
                    for (rest, p) in rest.iter_mut().zip(p) {
                        *rest = 1.0 - p;
                    }
                }
            }
            Activation::Sigmoid => {
                for (p, rest) in self.p.iter_mut().zip(&mut self.rest).skip(needed) {
                    sigmoids(p, rest);
                }
            }
            Activation::Softmax => self.softmax(),
        }
    }

    /// The probabilities of logits. What is missing to 1 is summed up, so that it keeps its digits beside a p near 1.
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^24")]
    fn softmax(&mut self) {
        let Self { p, rest, highest, peak, .. } = self;
        *highest = p[0];
        *peak = [0.0; TILE];
        for (class, p) in p.iter().enumerate().skip(1) {
            let class = class as f32;
            for i in 0..TILE {
                let higher = p[i] > highest[i];
                highest[i] = if higher { p[i] } else { highest[i] };
                peak[i] = if higher { class } else { peak[i] };
            }
        }
        // Where no class exists, or one is infinite, there are no probabilities.
        for highest in highest.iter_mut() {
            *highest = if highest.is_finite() { *highest } else { f32::NAN };
        }
        // The sum of the exponentials of all other classes.
        let mut others = [0.0; TILE];
        for (class, p) in p.iter_mut().enumerate() {
            let class = class as f32;
            for i in 0..TILE {
                p[i] = numeric::exp_of_negative(p[i] - highest[i]);
                others[i] += if peak[i] == class { 0.0 } else { p[i] };
            }
        }
        for (class, (p, rest)) in p.iter_mut().zip(rest).enumerate() {
            let class = class as f32;
            for i in 0..TILE {
                let sum = 1.0 + others[i];
                p[i] /= sum;
                let of_peak = others[i] / sum;
                rest[i] = if peak[i] == class { of_peak } else { 1.0 - p[i] };
            }
        }
    }

    #[inline(always)]
    fn of(&self, class: usize) -> Of<'_> {
        Of { p: &self.p[class], rest: &self.rest[class], y: &self.y }
    }

    /// Reads the target of a class.
    #[inline(always)]
    fn target(&mut self, patch: &Patch<'_>, class: usize, start: usize, count: usize) {
        match &patch.inputs.target {
            Target::Numbers(target) => {
                let place = patch.inputs.place(patch.item, class, start);
                target.read(place, &mut self.y[..count]);
                self.y[count..].fill(0.0);
            }
            Target::Classes(_) => {
                let class = i32::try_from(class).unwrap_or(i32::MAX);
                for (y, &label) in self.y.iter_mut().zip(&self.labels) {
                    *y = if label == class { 1.0 } else { 0.0 };
                }
            }
        }
    }
}

/// The numbers of one class of a tile.
#[derive(Clone, Copy)]
struct Of<'a> {
    p: &'a Tile,
    rest: &'a Tile,
    y: &'a Tile,
}

impl Of<'_> {
    #[inline(always)]
    fn voxel(&self, i: usize) -> Voxel {
        let y = self.y[i];
        Voxel { p: self.p[i], rest_p: self.rest[i], y, rest_y: 1.0 - y }
    }
}

#[inline(always)]
fn sigmoids(p: &mut Tile, rest: &mut Tile) {
    for i in 0..TILE {
        let x = p[i];
        let e = numeric::exp_of_negative(-x.abs());
        let (high, low) = (1.0 / (1.0 + e), e / (1.0 + e));
        p[i] = if x < 0.0 { low } else { high };
        rest[i] = if x < 0.0 { high } else { low };
    }
}

/// The tiles of a patch: where each begins in the item, and how many voxels it has.
#[inline(always)]
fn tiles(patch: &Patch<'_>) -> impl Iterator<Item = (usize, usize)> {
    let (first, all) = (patch.start, patch.count);
    (0..all).step_by(TILE).map(move |start| (first + start, TILE.min(all - start)))
}

/// The sums of a patch.
pub(super) struct Sums<'t, 'a, L, const K: usize> {
    pub(super) loss: &'t L,
    pub(super) patch: &'t Patch<'a>,
    pub(super) room: &'t mut Room,
    /// Of each class that counts.
    pub(super) sums: &'t mut [[f32; K]],
}

impl<L: Formula<K>, const K: usize> WithSimd for Sums<'_, '_, L, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { loss, patch, room, sums } = self;
        let first = patch.inputs.first;
        let mut lanes = vec![[ZEROS; K]; sums.len()];
        for (start, count) in tiles(patch) {
            room.read(patch, start, count);
            for (k, lanes) in lanes.iter_mut().enumerate() {
                room.target(patch, first + k, start, count);
                add(loss, room.of(first + k), &room.kept, lanes);
            }
        }
        for (sums, lanes) in sums.iter_mut().zip(lanes) {
            *sums = Gathered::joined::<Sum>(lanes, ABREAST);
        }
    }
}

/// Adds the voxels that count to the sums of a class.
#[inline(always)]
fn add<L: Formula<K>, const K: usize>(loss: &L, of: Of<'_>, kept: &Tile, lanes: &mut [Group; K]) {
    let mut own = *lanes;
    for start in (0..TILE).step_by(ABREAST) {
        for lane in 0..ABREAST {
            let i = start + lane;
            let mut sums = loss.sums(&of.voxel(i));
            for sum in &mut sums {
                *sum = if kept[i] == 0.0 { 0.0 } else { *sum };
            }
            Gathered::join::<Sum>(sums, &mut own, lane);
        }
    }
    *lanes = own;
}

/// The gradients of a patch.
pub(super) struct Slopes<'t, 'a, L, const K: usize> {
    pub(super) loss: &'t L,
    pub(super) patch: &'t Patch<'a>,
    pub(super) room: &'t mut Room,
    /// Of each class that counts.
    pub(super) factors: &'t [[f32; K]],
    /// By the input and by the target, of each class; empty where they are not wanted.
    pub(super) gradients: [Vec<&'t mut [f32]>; 2],
}

impl<L: Formula<K>, const K: usize> WithSimd for Slopes<'_, '_, L, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { loss, patch, room, factors, gradients: [mut by_input, mut by_target] } = self;
        let Inputs { activation, classes, first, .. } = *patch.inputs;
        for (start, count) in tiles(patch) {
            room.read(patch, start, count);
            let own = start - patch.start..start - patch.start + count;
            for class in 0..classes {
                let mut of_target = [0.0; TILE];
                if class < first {
                    room.slopes[class] = [0.0; TILE];
                } else {
                    room.target(patch, class, start, count);
                    [room.slopes[class], of_target] =
                        slopes(loss, room.of(class), factors[class - first]);
                }
                if let Some(gradient) = by_target.get_mut(class) {
                    gradient[own.clone()].copy_from_slice(&of_target[..count]);
                }
            }
            if by_input.is_empty() {
                continue;
            }
            if activation == Activation::Softmax {
                room.of_softmax();
            }
            for (class, gradient) in by_input.iter_mut().enumerate() {
                let slopes = &mut room.slopes[class];
                let (p, rest) = (&room.p[class], &room.rest[class]);
                if activation == Activation::Sigmoid {
                    for i in 0..TILE {
                        slopes[i] *= p[i] * rest[i];
                    }
                }
                for (slope, &kept) in slopes.iter_mut().zip(&room.kept) {
                    *slope = if kept == 0.0 { 0.0 } else { *slope };
                }
                gradient[own.clone()].copy_from_slice(&slopes[..count]);
            }
        }
    }
}

/// The slopes of a class by its probabilities and by its targets.
#[inline(always)]
fn slopes<L: Formula<K>, const K: usize>(loss: &L, of: Of<'_>, by: [f32; K]) -> [Tile; 2] {
    let (mut by_p, mut by_y) = ([0.0; TILE], [0.0; TILE]);
    for i in 0..TILE {
        [by_p[i], by_y[i]] = loss.slopes(&of.voxel(i), by);
    }
    [by_p, by_y]
}

impl Room {
    /// Makes slopes by probabilities those by logits: `p (v - mean of v)`, where all are relative to the slope of the
    /// most probable class, so that nothing cancels beside a p near 1.
    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "far fewer classes than 2^24")]
    fn of_softmax(&mut self) {
        let Self { p, slopes, peak, .. } = self;
        let mut highest = [0.0; TILE];
        for (class, slopes) in slopes.iter().enumerate() {
            let class = class as f32;
            for i in 0..TILE {
                highest[i] = if peak[i] == class { slopes[i] } else { highest[i] };
            }
        }
        let mut mean = [0.0; TILE];
        for (p, slopes) in p.iter().zip(&mut *slopes) {
            for i in 0..TILE {
                slopes[i] -= highest[i];
                mean[i] += p[i] * slopes[i];
            }
        }
        for (p, slopes) in p.iter().zip(slopes) {
            for i in 0..TILE {
                slopes[i] = p[i] * (slopes[i] - mean[i]);
            }
        }
    }
}
