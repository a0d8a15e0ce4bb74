//! The loops over a block of a pointwise loss.

use super::formula::{Formula, Loops};
use super::shape::MOST_INPUTS;
use crate::cpu::{Instructions, dispatch, fetch};
use crate::error::Error;
use crate::order::Lanes;
use pulp::{Simd, WithSimd};

/// The elements that a loop takes at once.
pub(super) const TILE: usize = 256;

pub(super) type Tile = [f32; TILE];

/// What absent inputs are read from. As long as a block, it would take the cache's padding from the others.
pub(super) static ONES: Tile = [1.0; TILE];
static ZEROS: Tile = [0.0; TILE];

/// One block of a pointwise loss: its arguments, and where its results go. All slices have a number for
/// each term, those of vectors one for each of theirs, those of integers and flags their bits, but that
/// absent inputs are empty.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// The number of terms.
    pub(super) count: usize,
    pub(super) arguments: [&'a [f32]; MOST_INPUTS],
    /// The numbers of an element of each argument.
    pub(super) widths: [usize; MOST_INPUTS],
    /// What arguments that are absent count as, 0 or 1.
    pub(super) absent: [f32; MOST_INPUTS],
    pub(super) weight: &'a [f32],
    /// The upstream gradient of each term.
    pub(super) upstream: &'a [f32],
    pub(super) scale: f32,
    pub(super) losses: Option<&'a mut [f32]>,
    pub(super) sum: Option<&'a mut f32>,
    pub(super) gradients: [Option<&'a mut [f32]>; MOST_INPUTS],
}

impl Block<'_> {
    /// Whether the gradient of an argument is wanted.
    pub(crate) fn wants_gradient(&self, argument: usize) -> bool {
        self.gradients[argument].is_some()
    }

    pub(crate) fn wants_value(&self) -> bool {
        self.losses.is_some() || self.sum.is_some()
    }

    pub(crate) fn wants_gradients(&self) -> bool {
        self.gradients.iter().any(Option::is_some)
    }

    /// Has the block computed tile by tile, and writes what follows. It has no weight.
    pub(crate) fn by_tiles<const N: usize>(
        &mut self,
        instructions: Instructions,
        loss: &mut impl Tiles<N>,
    ) {
        let arguments = self.arguments.iter().zip(self.widths).filter(|(own, _)| !own.is_empty());
        // The numbers of each column, every so many'th.
        let columns: Vec<(&[u32], usize)> = arguments
            .flat_map(|(own, width)| {
                (0..width).map(move |k| (bytemuck::cast_slice(&own[k..]), width))
            })
            .collect();
        let wanted: Vec<usize> =
            (0..MOST_INPUTS).filter(|&i| self.gradients[i].is_some()).collect();
        let apart = columns.iter().any(|(_, width)| *width > 1) || !self.count.is_multiple_of(N);
        let mut paddings = vec![[0; N]; if apart { columns.len() } else { 0 }];
        let mut sums = Lanes::NONE;
        for start in (0..self.count).step_by(N) {
            let size = N.min(self.count - start);
            let mut inputs = [&[0; N]; 4 * MOST_INPUTS];
            let mut paddings = paddings.iter_mut();
            for (input, &(numbers, width)) in inputs.iter_mut().zip(&columns) {
                let rest = &numbers[start * width..];
                *input = match (rest.first_chunk().filter(|_| width == 1), paddings.next()) {
                    (Some(column), _) => column,
                    (None, Some(padding)) => {
                        let numbers = rest.iter().step_by(width);
                        padding.iter_mut().zip(numbers).for_each(|(own, x)| *own = *x);
                        padding
                    }
                    (None, None) => unreachable!("what is apart has padding"),
                };
            }
            let inputs = &inputs[..columns.len()];
            for &(numbers, width) in &columns {
                fetch(numbers, (start + N) * width..(start + 2 * N) * width);
            }
            loss.compute(inputs);
            let mut results = 0..;
            let mut result = || -> &[f32] {
                let result = loss.result(inputs, results.next().unwrap_or_default());
                bytemuck::cast_slice(&result[..size])
            };
            if self.wants_value() {
                let losses = self.losses.as_deref_mut();
                instructions.run(Values { values: result(), start, losses, sums: &mut sums });
            }
            let upstream = self.upstream.get(start..).unwrap_or_default();
            for &i in &wanted {
                let (Some(gradient), width) = (&mut self.gradients[i], self.widths[i]) else {
                    continue;
                };
                for k in 0..width {
                    let gradient = &mut gradient[start * width + k..];
                    let (slopes, scale) = (result(), self.scale);
                    instructions.run(Scaled { slopes, scale, upstream, gradient, width });
                }
            }
        }
        if let Some(sum) = &mut self.sum {
            **sum = sums.total();
        }
    }
}

/// What computes a block's values and slopes, so many at once, from the bits of its inputs' numbers.
pub(crate) trait Tiles<const N: usize> {
    /// Computes a tile.
    fn compute(&mut self, inputs: &[&[u32; N]]);

    /// What came out: the value if it is wanted, then the slopes that are.
    fn result<'r>(&'r self, inputs: &[&'r [u32; N]], result: usize) -> &'r [u32; N];
}

/// A tile's values on their way.
struct Values<'f> {
    values: &'f [f32],
    start: usize,
    losses: Option<&'f mut [f32]>,
    sums: &'f mut Lanes,
}

impl WithSimd for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { values, start, losses, sums } = self;
        sums.add(start, values);
        if let Some(losses) = losses {
            losses[start..start + values.len()].copy_from_slice(values);
        }
    }
}

/// A tile's slopes on their way, into every so many'th number.
struct Scaled<'f> {
    slopes: &'f [f32],
    scale: f32,
    upstream: &'f [f32],
    gradient: &'f mut [f32],
    width: usize,
}

impl WithSimd for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { slopes, scale, upstream, gradient, width } = self;
        if width == 1 && upstream.is_empty() {
            gradient.iter_mut().zip(slopes).for_each(|(out, slope)| *out = scale * slope);
        } else if width == 1 {
            for ((out, slope), factor) in gradient.iter_mut().zip(slopes).zip(upstream) {
                *out = scale * factor * slope;
            }
        } else {
            for (i, (out, slope)) in gradient.iter_mut().step_by(width).zip(slopes).enumerate() {
                *out = scale * upstream.get(i).copied().unwrap_or(1.0) * slope;
            }
        }
    }
}

/// What runs through the blocks of a loss: for a [`Formula`], loops of its own with its mathematics
/// inlined.
pub(crate) trait Runs: Send + Sync {
    /// The textbook values of some terms in float64, and the derivatives by all numbers of each.
    fn reference(&self, terms: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)>;

    /// Why one of these terms, a column for each of their numbers, is given up.
    fn given_up(&self, _terms: &[Vec<f64>]) -> Option<Error> {
        None
    }

    /// What runs blocks of the CPU backend, one after another; of a batch that is brief, where it says so.
    fn blocks(&self, brief: bool) -> OfBlocks<'_>;
}

/// What runs blocks, one after another.
pub(crate) type OfBlocks<'r> = Box<dyn FnMut(&mut Block<'_>) + 'r>;

impl<L: Formula> Runs for L {
    fn reference(&self, terms: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)> {
        reference(self, terms)
    }

    fn blocks(&self, brief: bool) -> OfBlocks<'_> {
        Box::new(move |block| dispatch(brief, Work { loss: self, block }))
    }
}

/// The textbook formula of so many numbers; those that no argument has do not count.
pub(super) fn reference<const N: usize>(
    loss: &impl Formula<N>,
    terms: &[Vec<f64>],
) -> Vec<(f64, Vec<f64>)> {
    let of_term = |x: &Vec<f64>| {
        let numbers = std::array::from_fn(|k| x.get(k).copied().unwrap_or(1.0));
        let (value, slopes) = loss.reference(numbers);
        (value, slopes.to_vec())
    };
    terms.iter().map(of_term).collect()
}

impl Runs for &dyn Runs {
    fn reference(&self, terms: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)> {
        (**self).reference(terms)
    }

    fn given_up(&self, terms: &[Vec<f64>]) -> Option<Error> {
        (**self).given_up(terms)
    }

    fn blocks(&self, brief: bool) -> OfBlocks<'_> {
        (**self).blocks(brief)
    }
}

struct Work<'l, 'b, 'a, L> {
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

impl<L: Formula> WithSimd for Work<'_, '_, '_, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.loss.run(self.block);
    }
}

/// The loops are over whole tiles in arrays, which LLVM vectorises.
impl Loops for &mut Block<'_> {
    #[inline(always)]
    fn run<L: Formula>(self, loss: &L) {
        let count = self.count;
        let values = self.wants_value();
        let [first, others @ ..] = self.gradients.each_ref().map(Option::is_some);
        let several = others.contains(&true);
        let zeros = self.absent.map(|absent| absent == 0.0);
        let mut sums = Lanes::NONE;
        let (mut terms, mut slopes) = ([0.0; TILE], [[0.0; TILE]; 4]);
        // Only the last tile may be cut short.
        let mut paddings = vec![[1.0; TILE]; if count.is_multiple_of(TILE) { 0 } else { 6 }];
        for start in (0..count).step_by(TILE) {
            let size = TILE.min(count - start);
            let mut paddings = paddings.iter_mut();
            let mut whole = |all, zero| {
                let absent = if zero { &ZEROS } else { &ONES };
                whole(all, absent, start, paddings.next())
            };
            let [a, b, c, d, ..] = self.arguments;
            let tile = Inputs {
                arguments: [
                    whole(a, zeros[0]),
                    whole(b, zeros[1]),
                    whole(c, zeros[2]),
                    whole(d, zeros[3]),
                ],
                weight: whole(self.weight, false),
                upstream: whole(self.upstream, false),
                scale: self.scale,
            };
            match (several, first, values) {
                (true, _, _) => {
                    tile.all_slopes(loss, &mut slopes);
                    if values {
                        tile.terms(loss, &mut terms);
                    }
                }
                (_, true, true) => tile.terms_and_slopes(loss, &mut terms, &mut slopes[0]),
                (_, true, false) => tile.slopes(loss, &mut slopes[0]),
                (_, false, _) => tile.terms(loss, &mut terms),
            }
            if values {
                sums.add(start, &terms[..size]);
                store(&mut self.losses, start, &terms);
            }
            for (gradient, slopes) in self.gradients.iter_mut().zip(&slopes) {
                store(gradient, start, slopes);
            }
        }
        if let Some(sum) = &mut self.sum {
            **sum = sums.total();
        }
    }
}

/// The tile from `start` on; where it is cut short, completed in `padding`, and where there is none, that of
/// what is absent.
#[inline(always)]
pub(super) fn whole<'a>(
    values: &'a [f32],
    absent: &'static Tile,
    start: usize,
    padding: Option<&'a mut Tile>,
) -> &'a Tile {
    if values.is_empty() {
        return absent;
    }
    let rest = &values[start..];
    match (rest.first_chunk(), padding) {
        (Some(tile), _) => tile,
        (None, Some(padding)) => {
            padding[..rest.len()].copy_from_slice(rest);
            padding
        }
        (None, None) => unreachable!("a tile that is cut short has padding"),
    }
}

/// Writes as much of a tile as there is padding for, if it is wanted.
#[inline(always)]
pub(super) fn store(all: &mut Option<&mut [f32]>, start: usize, tile: &Tile) {
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
    fn terms<L: Formula>(&self, loss: &L, terms: &mut Tile) {
        for (i, term) in terms.iter_mut().enumerate() {
            *term = loss.value(self.at(i)) * self.weight[i];
        }
    }

    /// The gradient of the first argument.
    #[inline(always)]
    fn slopes<L: Formula>(&self, loss: &L, slopes: &mut Tile) {
        for (i, slope) in slopes.iter_mut().enumerate() {
            *slope = self.factor(i) * loss.gradient(self.at(i))[0];
        }
    }

    /// The gradients of all arguments in one loop, where what they share is computed once.
    #[inline(always)]
    fn all_slopes<L: Formula>(&self, loss: &L, slopes: &mut [Tile; 4]) {
        let [a, b, c, d] = slopes;
        for i in 0..TILE {
            let factor = self.factor(i);
            [a[i], b[i], c[i], d[i]] = loss.gradient(self.at(i)).map(|slope| factor * slope);
        }
    }

    /// Both in one loop, where what they share is computed once.
    #[inline(always)]
    fn terms_and_slopes<L: Formula>(&self, loss: &L, terms: &mut Tile, slopes: &mut Tile) {
        for i in 0..TILE {
            let x = self.at(i);
            terms[i] = loss.value(x) * self.weight[i];
            slopes[i] = self.factor(i) * loss.gradient(x)[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Formula, MOST_INPUTS, Runs, Work};
    use crate::losses::{BinaryCrossEntropyWithLogits, GaussianNll, KlDiv, LogCosh, SmoothL1};
    use pulp::{Scalar, WithSimd};

    /// The bits of a block's sum and gradients.
    fn bits(run: impl FnOnce(&mut Block<'_>)) -> Vec<u32> {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let numbers = |step: usize, low: f32| -> Vec<f32> {
            (0..1000).map(|i| low + (i * step % 1000) as f32 / 250.0).collect()
        };
        let arguments = [numbers(7, -2.0), numbers(11, 0.1), numbers(13, 0.1), numbers(17, 0.1)];
        let weight = numbers(19, 0.0);
        let (mut sum, mut gradients) = (0.0, [const { [0.0; 1000] }; 4]);
        run(&mut Block {
            count: weight.len(),
            arguments: std::array::from_fn(|i| arguments.get(i).map_or(&[][..], |x| x)),
            widths: [1; MOST_INPUTS],
            absent: [1.0; MOST_INPUTS],
            weight: &weight,
            upstream: &weight,
            scale: 0.3,
            losses: None,
            sum: Some(&mut sum),
            gradients: {
                let mut own = gradients.iter_mut().map(|gradient| &mut gradient[..]);
                std::array::from_fn(|_| own.next())
            },
        });
        gradients.iter().flatten().chain([&sum]).map(|x| x.to_bits()).collect()
    }

    fn check<L: Formula>(loss: &L) {
        let widest = bits(|block| loss.blocks(false)(block));
        let brief = bits(|block| loss.blocks(true)(block));
        let baseline = bits(|block| Work { loss, block }.with_simd(Scalar));
        assert_eq!(widest, baseline, "{loss:?}");
        assert_eq!(brief, baseline, "{loss:?}, brief");
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        check(&BinaryCrossEntropyWithLogits);
        check(&GaussianNll::default());
        check(&KlDiv::default());
        check(&KlDiv { log_target: true });
        check(&LogCosh);
        check(&SmoothL1::default());
    }
}
