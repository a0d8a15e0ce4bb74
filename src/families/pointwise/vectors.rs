//! The loops over a block of a pointwise loss of vectors.

use super::block::{Block, ONES, OfBlocks, Runs, TILE, Tile, reference, store, whole};
use super::formula::{Formula, Loops};
use crate::cpu::dispatch;
use crate::order::Lanes;
use pulp::{Simd, WithSimd};

/// A loss of vectors, with N numbers a term.
pub(super) struct Vectors<'a, L, const N: usize>(pub(super) &'a L);

impl<L: Formula<N>, const N: usize> Runs for Vectors<'_, L, N> {
    fn reference(&self, terms: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)> {
        reference(self.0, terms)
    }

    fn blocks(&self, brief: bool) -> OfBlocks<'_> {
        Box::new(move |block| dispatch(brief, Work { loss: self.0, block }))
    }
}

struct Work<'l, 'b, 'a, L, const N: usize> {
    loss: &'l L,
    block: &'b mut Block<'a>,
}

/// The loops of a block: vectors are taken apart into a tile for each of their numbers, and the slopes of
/// all numbers come from one loop, as they have most in common.
struct Apart<'b, 'a>(&'b mut Block<'a>);

/// What all terms of a tile are multiplied by.
struct Factors<'a> {
    weight: &'a Tile,
    upstream: &'a Tile,
    scale: f32,
}

impl<L: Formula<N>, const N: usize> WithSimd for Work<'_, '_, '_, L, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.loss.run(Apart(self.block));
    }
}

impl<const N: usize> Loops<N> for Apart<'_, '_> {
    #[inline(always)]
    fn run<L: Formula<N>>(self, loss: &L) {
        let Self(block) = self;
        let count = block.count;
        let mut sums = Lanes::NONE;
        let mut terms = [0.0; TILE];
        let (mut numbers, mut slopes) = ([[1.0; TILE]; N], [[0.0; TILE]; N]);
        let wants_slopes = block.wants_gradients();
        // Only the last tile may be cut short.
        let mut paddings = vec![[1.0; TILE]; if count.is_multiple_of(TILE) { 0 } else { 2 }];
        for start in (0..count).step_by(TILE) {
            let size = TILE.min(count - start);
            let mut paddings = paddings.iter_mut();
            let factors = Factors {
                weight: whole(block.weight, &ONES, start, paddings.next()),
                upstream: whole(block.upstream, &ONES, start, paddings.next()),
                scale: block.scale,
            };
            let mut places = numbers.iter_mut();
            for (argument, width) in block.arguments.iter().zip(block.widths) {
                let vectors = argument.get(start * width..(start + size) * width);
                apart(vectors.unwrap_or_default(), width, places.by_ref());
            }
            match (block.wants_value(), wants_slopes) {
                (true, true) => {
                    factors.compute::<true, true, L, N>(loss, &numbers, &mut terms, &mut slopes);
                }
                (true, false) => {
                    factors.compute::<true, false, L, N>(loss, &numbers, &mut terms, &mut slopes);
                }
                (false, _) => {
                    factors.compute::<false, true, L, N>(loss, &numbers, &mut terms, &mut slopes);
                }
            }
            if block.wants_value() {
                sums.add(start, &terms[..size]);
                store(&mut block.losses, start, &terms);
            }
            let mut slopes = slopes.iter();
            for (gradient, width) in block.gradients.iter_mut().zip(block.widths) {
                match gradient {
                    Some(gradient) => {
                        let vectors = &mut gradient[start * width..(start + size) * width];
                        together(vectors, width, slopes.by_ref());
                    }
                    None => slopes.by_ref().take(width).for_each(drop),
                }
            }
        }
        if let Some(sum) = &mut block.sum {
            **sum = sums.total();
        }
    }
}

/// Puts the numbers of vectors into a tile each.
#[inline(always)]
fn apart<'t>(vectors: &[f32], width: usize, mut tiles: impl Iterator<Item = &'t mut Tile>) {
    match width {
        2 => apart_by::<2>(vectors, tiles),
        3 => apart_by::<3>(vectors, tiles),
        4 => apart_by::<4>(vectors, tiles),
        _ => {
            if let Some(tile) = tiles.next() {
                tile[..vectors.len()].copy_from_slice(vectors);
            }
        }
    }
}

#[inline(always)]
fn apart_by<'t, const W: usize>(vectors: &[f32], tiles: impl Iterator<Item = &'t mut Tile>) {
    let vectors = vectors.as_chunks::<W>().0;
    for (k, tile) in tiles.take(W).enumerate() {
        match vectors.first_chunk::<TILE>() {
            Some(vectors) => vectors.iter().zip(tile).for_each(|(vector, x)| *x = vector[k]),
            None => vectors.iter().zip(tile).for_each(|(vector, x)| *x = vector[k]),
        }
    }
}

/// Puts the numbers of tiles into vectors.
#[inline(always)]
fn together<'t>(vectors: &mut [f32], width: usize, mut tiles: impl Iterator<Item = &'t Tile>) {
    match width {
        2 => together_by::<2>(vectors, tiles),
        3 => together_by::<3>(vectors, tiles),
        4 => together_by::<4>(vectors, tiles),
        _ => {
            if let Some(tile) = tiles.next() {
                vectors.copy_from_slice(&tile[..vectors.len()]);
            }
        }
    }
}

#[inline(always)]
fn together_by<'t, const W: usize>(vectors: &mut [f32], mut tiles: impl Iterator<Item = &'t Tile>) {
    static NONE: Tile = [0.0; TILE];
    let tiles: [&Tile; W] = std::array::from_fn(|_| tiles.next().unwrap_or(&NONE));
    let vectors = vectors.as_chunks_mut::<W>().0;
    match vectors.first_chunk_mut::<TILE>() {
        Some(vectors) => {
            for (i, vector) in vectors.iter_mut().enumerate() {
                *vector = tiles.map(|tile| tile[i]);
            }
        }
        None => {
            for (i, vector) in vectors.iter_mut().enumerate() {
                *vector = tiles.map(|tile| tile[i]);
            }
        }
    }
}

impl Factors<'_> {
    /// The terms, and all slopes, as far as they are wanted.
    #[inline(always)]
    fn compute<const TERMS: bool, const SLOPES: bool, L: Formula<N>, const N: usize>(
        &self,
        loss: &L,
        numbers: &[Tile; N],
        terms: &mut Tile,
        slopes: &mut [Tile; N],
    ) {
        for i in 0..TILE {
            let x = numbers.each_ref().map(|tile| tile[i]);
            if TERMS {
                terms[i] = loss.value(x) * self.weight[i];
            }
            if SLOPES {
                let factor = self.scale * self.weight[i] * self.upstream[i];
                let own = loss.gradient(x);
                for (slopes, slope) in slopes.iter_mut().zip(own) {
                    slopes[i] = factor * slope;
                }
            }
        }
    }
}
