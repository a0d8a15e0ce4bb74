//! Which steps anything depends on.

use super::traced::Step;

/// Leaves out the steps on which these values do not depend.
pub(super) fn keep(steps: &mut Vec<Step>, values: usize, wanted: impl Iterator<Item = usize>) {
    let mut alive = Alive { values: vec![false; values], memory: false, changed: true };
    wanted.for_each(|value| alive.values[value] = true);
    // What loops change is needed before it is known to be.
    while std::mem::take(&mut alive.changed) {
        alive.mark(steps);
    }
    alive.retain(steps);
}

struct Alive {
    values: Vec<bool>,
    /// Whether an array is read.
    memory: bool,
    changed: bool,
}

impl Alive {
    fn needs(&self, step: &Step) -> bool {
        step.gives().map_or(self.memory, |value| self.values[value])
    }

    /// Marks what is needed, and returns whether anything of this is.
    fn mark(&mut self, steps: &mut [Step]) -> bool {
        let mut any = false;
        for step in steps.iter_mut().rev() {
            let needed = match step {
                Step::Region { body, .. } | Step::Loop { body, .. } => self.mark(body),
                _ => self.needs(step),
            };
            if !needed {
                continue;
            }
            any = true;
            if matches!(step, Step::Read { .. } | Step::Gather { .. }) && !self.memory {
                (self.memory, self.changed) = (true, true);
            }
            step.takes(|value| {
                if !self.values[*value] {
                    (self.values[*value], self.changed) = (true, true);
                }
            });
        }
        any
    }

    fn retain(&self, steps: &mut Vec<Step>) {
        steps.retain_mut(|step| match step {
            Step::Region { body, .. } | Step::Loop { body, .. } => {
                self.retain(body);
                !body.is_empty()
            }
            step => self.needs(step),
        });
    }
}
