//! What results that are asked for at different times have in common.

use super::alive::keep;
use super::allocate::each_taken;
use super::traced::{Origin, Step, Traced};

/// From so many additions on, a value is sooner read again than computed.
const WORTH_KEEPING: u8 = 12;

impl Traced {
    /// The values that take long and that both these results need, the last ones first; none that depends on
    /// an argument that changes in between.
    pub(crate) fn shared(
        &self,
        before: &[usize],
        after: &[usize],
        changes: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let later = self.slow(after);
        let mut both = self.slow(before);
        both.retain(|value| later.contains(value));
        both.retain(|value| {
            let mut stays = true;
            each_taken(&mut self.needed(&[*value]), &mut |taken| {
                if let Origin::Argument(i) = self.origins[taken] {
                    stays &= !changes(i);
                }
            });
            stays
        });
        both.reverse();
        both
    }

    /// The values that these need and that take long, wherever they are computed for all lanes.
    fn slow(&self, results: &[usize]) -> Vec<usize> {
        let slow = |step: &Step| match *step {
            Step::Compute { cost, to, .. } => (cost >= WORTH_KEEPING).then_some(to),
            _ => None,
        };
        self.needed(results).iter().filter_map(slow).collect()
    }

    fn needed(&self, results: &[usize]) -> Vec<Step> {
        let mut steps = self.steps.clone();
        keep(&mut steps, self.origins.len(), results.iter().copied());
        steps
    }
}
