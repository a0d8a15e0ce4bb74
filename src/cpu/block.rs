//! The loops over a block of a pointwise loss.

use crate::loss::Pointwise;
use pulp::{Arch, Simd, WithSimd};

/// The numbers that the lanes of a workgroup add side by side, and the elements of a tile.
pub(super) const ABREAST: usize = 256;

type Tile = [f32; ABREAST];

/// One block of a pointwise loss: its arguments, and where its results go. All slices are equally
/// long; what is absent is ones.
#[derive(Debug)]
pub struct Block<'a> {
    pub(super) arguments: [&'a [f32]; 4],
    pub(super) weight: &'a [f32],
    /// The upstream gradient of each term.
    pub(super) upstream: &'a [f32],
    pub(super) scale: f32,
    pub(super) losses: Option<&'a mut [f32]>,
    pub(super) sum: Option<&'a mut f32>,
    pub(super) gradients: [Option<&'a mut [f32]>; 4],
}

/// Runs a block with the widest instructions of the processor.
pub(crate) fn run_block<L: Pointwise + ?Sized>(loss: &L, block: &mut Block<'_>) {
    Arch::new().dispatch(Loops { loss, block });
}

/// The loops of a block, compiled for each loss and instruction set with the mathematics inlined:
/// over whole tiles in arrays, which LLVM vectorises.
struct Loops<'l, 'b, 'a, L: ?Sized> {
    loss: &'l L,
    block: &'b mut Block<'a>,
}

/// A tile's inputs.
struct Inputs<'a> {
    arguments: [&'a Tile; 4],
    weight: &'a Tile,
    upstream: &'a Tile,
    scale: f32,
}

impl<L: Pointwise + ?Sized> WithSimd for Loops<'_, '_, '_, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { loss, block } = self;
        let count = block.weight.len();
        let mut sums = [0.0; ABREAST];
        let (mut terms, mut slopes) = ([0.0; ABREAST], [0.0; ABREAST]);
        // Only the last tile may be cut short.
        let mut rooms = vec![[1.0; ABREAST]; if count.is_multiple_of(ABREAST) { 0 } else { 6 }];
        for start in (0..count).step_by(ABREAST) {
            let size = ABREAST.min(count - start);
            let mut rooms = rooms.iter_mut();
            let mut whole = |all| whole(all, start, rooms.next());
            let [a, b, c, d] = block.arguments;
            let tile = Inputs {
                arguments: [whole(a), whole(b), whole(c), whole(d)],
                weight: whole(block.weight),
                upstream: whole(block.upstream),
                scale: block.scale,
            };
            let [first, others @ ..] = &mut block.gradients;
            if block.sum.is_some() || block.losses.is_some() {
                match first {
                    Some(_) => tile.terms_and_slopes(loss, &mut terms, &mut slopes),
                    None => tile.terms(loss, &mut terms),
                }
                sums.iter_mut().zip(&terms[..size]).for_each(|(sum, term)| *sum += term);
                store(&mut block.losses, start, &terms);
            } else if first.is_some() {
                tile.slopes::<0, L>(loss, &mut slopes);
            }
            store(first, start, &slopes);
            let [second, third, fourth] = others;
            if second.is_some() {
                tile.slopes::<1, L>(loss, &mut slopes);
                store(second, start, &slopes);
            }
            if third.is_some() {
                tile.slopes::<2, L>(loss, &mut slopes);
                store(third, start, &slopes);
            }
            if fourth.is_some() {
                tile.slopes::<3, L>(loss, &mut slopes);
                store(fourth, start, &slopes);
            }
        }
        if let Some(sum) = &mut block.sum {
            **sum = tree_of_lanes(sums);
        }
    }
}

/// [`tree_sum`](super::tree_sum) of a number from each lane.
#[inline(always)]
fn tree_of_lanes(lanes: Tile) -> f32 {
    let sixteen: [f32; 16] = halved::<32, 16>(halved::<64, 32>(halved(halved::<256, 128>(lanes))));
    let [sum] = halved::<2, 1>(halved::<4, 2>(halved::<8, 4>(halved(sixteen))));
    sum
}

/// The sums of neighbours.
#[inline(always)]
fn halved<const LANES: usize, const SUMS: usize>(lanes: [f32; LANES]) -> [f32; SUMS] {
    std::array::from_fn(|i| lanes[2 * i] + lanes[2 * i + 1])
}

/// The tile from `start` on; where it is cut short, completed in `room`.
#[inline(always)]
fn whole<'a>(values: &'a [f32], start: usize, room: Option<&'a mut Tile>) -> &'a Tile {
    let rest = &values[start..];
    match (rest.first_chunk(), room) {
        (Some(tile), _) => tile,
        (None, Some(room)) => {
            room[..rest.len()].copy_from_slice(rest);
            room
        }
        (None, None) => unreachable!("a tile that is cut short has room"),
    }
}

/// Writes as much of a tile as there is room for, if it is wanted.
#[inline(always)]
fn store(all: &mut Option<&mut [f32]>, start: usize, tile: &Tile) {
    if let Some(all) = all {
        let places = &mut all[start..];
        match places.first_chunk_mut() {
            Some(places) => *places = *tile,
            None => places.copy_from_slice(&tile[..places.len()]),
        }
    }
}

impl Inputs<'_> {
    #[inline(always)]
    fn at(&self, i: usize) -> [f32; 4] {
        let [a, b, c, d] = self.arguments;
        [a[i], b[i], c[i], d[i]]
    }

    #[inline(always)]
    fn factor(&self, i: usize) -> f32 {
        self.scale * self.weight[i] * self.upstream[i]
    }

    #[inline(always)]
    fn terms<L: Pointwise + ?Sized>(&self, loss: &L, terms: &mut Tile) {
        for i in 0..ABREAST {
            terms[i] = loss.value(self.at(i)) * self.weight[i];
        }
    }

    #[inline(always)]
    fn slopes<const COMPONENT: usize, L: Pointwise + ?Sized>(&self, loss: &L, slopes: &mut Tile) {
        for i in 0..ABREAST {
            slopes[i] = self.factor(i) * loss.gradient(self.at(i))[COMPONENT];
        }
    }

    /// Both in one loop, where what they share is computed once.
    #[inline(always)]
    fn terms_and_slopes<L: Pointwise + ?Sized>(
        &self,
        loss: &L,
        terms: &mut Tile,
        slopes: &mut Tile,
    ) {
        for i in 0..ABREAST {
            let x = self.at(i);
            terms[i] = loss.value(x) * self.weight[i];
            slopes[i] = self.factor(i) * loss.gradient(x)[0];
        }
    }
}
