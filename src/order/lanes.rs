//! The sum of a block of a pointwise loss, in the order of `pointwise.wgsl`.

/// The lanes of a workgroup, in teams, and the numbers that the lanes of a team add side by side.
const TEAMS: usize = 8;
const ABREAST: usize = 32;
/// The terms of a block that a team adds up.
const STRETCH: usize = 512;

/// What each lane has added up so far.
#[derive(Debug)]
pub(crate) struct Lanes([f32; TEAMS * ABREAST]);

impl Lanes {
    pub(crate) const NONE: Self = Self([0.0; TEAMS * ABREAST]);

    /// Those of a block.
    pub(crate) fn of(terms: &[f32]) -> Self {
        let mut sums = Self::NONE;
        let stretches = terms.chunks(STRETCH).enumerate();
        stretches.for_each(|(team, terms)| sums.add(team * STRETCH, terms));
        sums
    }

    /// Adds some terms of one stretch, the first of which is the block's term at `start`, a multiple of
    /// [`ABREAST`].
    #[inline(always)]
    pub(crate) fn add(&mut self, start: usize, terms: &[f32]) {
        let (teams, _) = self.0.as_chunks_mut::<ABREAST>();
        let sums = &mut teams[start / STRETCH];
        let (groups, rest) = terms.as_chunks::<ABREAST>();
        // In registers, so that nothing is written before all is read.
        let mut own = *sums;
        for group in groups {
            for (sum, term) in own.iter_mut().zip(group) {
                *sum += term;
            }
        }
        *sums = own;
        sums.iter_mut().zip(rest).for_each(|(sum, term)| *sum += term);
    }

    /// [`tree_sum`](super::tree_sum) of a number from each lane.
    #[inline(always)]
    pub(crate) fn total(self) -> f32 {
        let sixteen = halved::<32, 16>(halved::<64, 32>(halved::<128, 64>(halved(self.0))));
        let [sum] = halved::<2, 1>(halved::<4, 2>(halved::<8, 4>(halved(sixteen))));
        sum
    }
}

/// The sums of neighbours.
#[inline(always)]
fn halved<const LANES: usize, const SUMS: usize>(lanes: [f32; LANES]) -> [f32; SUMS] {
    std::array::from_fn(|i| lanes[2 * i] + lanes[2 * i + 1])
}

#[cfg(test)]
mod tests {
    use super::Lanes;
    use crate::order::tree_sum;

    #[test]
    fn the_order_is_that_of_the_kernels() {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let terms: Vec<f32> = (0..4096).map(|i| ((i * 2_654_435) % 10_007) as f32 / 7.0).collect();
        for count in [0, 1, 31, 511, 513, 3000, 4096] {
            let terms = &terms[..count];
            let mut lanes = vec![0.0; 256];
            for (lane, sums) in lanes.chunks_mut(4).enumerate() {
                for quad in (lane / 8 * 128 + lane % 8..).step_by(8).take(16) {
                    let places = 4 * quad..4 * quad + 4;
                    let quad = places.map(|i| terms.get(i).copied().unwrap_or_default());
                    sums.iter_mut().zip(quad).for_each(|(sum, term)| *sum += term);
                }
            }
            let (sum, plain) = (Lanes::of(terms).total(), terms.iter().sum::<f32>());
            assert_eq!(sum.to_bits(), tree_sum(lanes).to_bits(), "{count} terms");
            assert!((sum - plain).abs() <= 1e-4 * plain, "{sum} is not {plain}");
        }
    }
}
