//! Losses of pairs of sequences: all rows are gathered and finished before the first has a slope.

use super::super::problem::TARGET;
use super::work::{Work, step};
use crate::dispatch::limits::check_rounds;
use crate::dispatch::{MOST_ROUNDS, index};
use crate::error::Result;
use crate::kernel::uniform;
use crate::request::Losses;

uniform! {
    /// The window of `sequences.wgsl`.
    struct SequencesWindow {
        pairs: u32,
        tokens: u32,
        statistics: u32,
        rows: u32,
        losses: u32,
        width: u32,
        divisor: f32,
        scale: f32,
        weight: f32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
    }
}

impl Work<'_, '_> {
    pub(super) fn sequences(&mut self) -> Result<()> {
        let chunks: Vec<u64> = (0..self.items).step_by(step(self.most_items)).collect();
        for &first_item in &chunks {
            self.gather(0, first_item)?;
            let whole = self.whole(0, first_item);
            self.push(self.spec.finish(Losses::Scratch, true), whole, whole.items.div_ceil(64))?;
        }
        self.push_sequences()?;
        if self.builder.resolved.gradients.is_empty() {
            return Ok(());
        }
        for &first_item in &chunks {
            self.push_gradients(0, first_item, chunks.len() == 1)?;
            self.round_input(first_item)?;
        }
        Ok(())
    }

    /// What the pairs come to, of whose sequences all rows are finished.
    pub(super) fn push_sequences(&mut self) -> Result<()> {
        let resolved = self.builder.resolved;
        let pairs = resolved.layout.terms;
        let tokens = self.items / (2 * pairs);
        let target = resolved.definition.inputs[TARGET].name;
        check_rounds(target, tokens, "tokens", 64 * MOST_ROUNDS)?;
        let window = SequencesWindow {
            pairs: index(pairs)?,
            tokens: index(tokens)?,
            statistics: index(self.statistics)?,
            rows: index(self.rows_place)?,
            losses: index(self.losses_place)?,
            width: self.builder.width(pairs)?,
            divisor: self.builder.divisor(),
            scale: resolved.scale(),
            weight: resolved.loss_weight,
            ..SequencesWindow::default()
        };
        let Some(sequences) = &self.spec.sequences else { return Ok(()) };
        let kernel = self.spec.pairs(sequences, self.losses, !resolved.gradients.is_empty());
        let parameters = [sequences.region];
        self.builder.push(kernel, &window, &parameters, pairs)
    }
}
