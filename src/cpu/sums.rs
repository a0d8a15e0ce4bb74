//! The sums of blocks of rows' losses.

use crate::order::{BLOCK_SIZE, tree_sum};

/// Adds losses up, block by block, as they come.
#[derive(Debug, Default)]
pub(crate) struct LossSums {
    sums: Vec<f32>,
    /// The losses of the block that is not whole yet.
    rest: Vec<f32>,
}

impl LossSums {
    /// The next losses.
    pub(crate) fn add(&mut self, mut losses: &[f32]) {
        if !self.rest.is_empty() {
            let count = losses.len().min(BLOCK_SIZE - self.rest.len());
            self.rest.extend_from_slice(&losses[..count]);
            losses = &losses[count..];
            if self.rest.len() < BLOCK_SIZE {
                return;
            }
            self.sums.push(tree_sum(std::mem::take(&mut self.rest)));
        }
        let blocks = losses.chunks_exact(BLOCK_SIZE);
        self.rest.extend_from_slice(blocks.remainder());
        self.sums.extend(blocks.map(|block| tree_sum(block.to_vec())));
    }

    /// The sums of all blocks.
    pub(crate) fn blocks(mut self) -> Vec<f32> {
        if !self.rest.is_empty() {
            self.sums.push(tree_sum(self.rest));
        }
        self.sums
    }
}

#[cfg(test)]
mod tests {
    use super::LossSums;
    use crate::order::tree_sum;

    #[test]
    fn sums_do_not_depend_on_how_the_losses_come() {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let losses: Vec<f32> = (0..20_000).map(|i| (i * 7_919 % 10_007) as f32 / 7.0).collect();
        let whole = tree_sum(losses.clone());
        for step in [1, 1000, 4095, 4096, 4097, 9000, 20_000] {
            let mut sums = LossSums::default();
            losses.chunks(step).for_each(|losses| sums.add(losses));
            let blocks = sums.blocks();
            assert_eq!(blocks.len(), 5, "{step}");
            assert_eq!(tree_sum(blocks).to_bits(), whole.to_bits(), "{step}");
        }
        assert_eq!(LossSums::default().blocks(), []);
    }
}
