//! Which register holds a value: one that no value needs any more.

use super::traced::{Origin, Step};

/// Gives each value of the steps a register, and those wanted at the end too: first come the arguments
/// that change from tile to tile, so many, then what is fixed, which is returned, then all others, which
/// are counted.
pub(super) fn allocate(
    steps: &mut [Step],
    origins: &[Origin],
    wanted: &mut [usize],
    inputs: usize,
) -> (Vec<Origin>, usize) {
    let mut uses = Uses {
        origins,
        first: vec![None; origins.len()],
        last: vec![0; origins.len()],
        loops: Vec::new(),
        time: 0,
    };
    uses.of(steps);
    let mut homes = vec![usize::MAX; origins.len()];
    let mut fixed = Vec::new();
    let mut fix = |value: usize| match origins[value] {
        Origin::Step => {}
        Origin::Argument(i) if i < inputs => homes[value] = i,
        origin if homes[value] == usize::MAX => {
            homes[value] = inputs + fixed.len();
            fixed.push(origin);
        }
        _ => {}
    };
    each_taken(steps, &mut fix);
    for &mut value in &mut *wanted {
        fix(value);
        uses.last[value] = usize::MAX;
    }
    let mut ends = vec![Vec::new(); uses.time];
    for (value, &last) in uses.last.iter().enumerate() {
        if let (Some(_), Some(end)) = (uses.first[value], ends.get_mut(last)) {
            end.push(value);
        }
    }
    let start = inputs + fixed.len();
    let mut registers = Registers { homes, free: Vec::new(), end: start, ends, time: 0 };
    registers.give(steps);
    wanted.iter_mut().for_each(|value| *value = registers.homes[*value]);
    (fixed, registers.end - start)
}

/// Calls `each` with all values that steps take.
pub(super) fn each_taken(steps: &mut [Step], each: &mut impl FnMut(usize)) {
    for step in steps {
        step.takes(|value| each(*value));
        if let Step::Region { body, .. } | Step::Loop { body, .. } = step {
            each_taken(body, each);
        }
    }
}

/// When values are made and needed last; each step has its time, and so has the end of a loop.
struct Uses<'a> {
    origins: &'a [Origin],
    first: Vec<Option<usize>>,
    last: Vec<usize>,
    /// When the loops around began, and the values from before that are needed until their end.
    loops: Vec<(usize, Vec<usize>)>,
    time: usize,
}

impl Uses<'_> {
    fn of(&mut self, steps: &mut [Step]) {
        for step in steps {
            let now = self.time;
            self.time += 1;
            if matches!(step, Step::Loop { .. }) {
                self.loops.push((now, Vec::new()));
            }
            step.takes(|value| self.at(*value, now));
            if let Some(value) = step.gives() {
                self.first[value].get_or_insert(now);
                self.at(value, now);
            }
            match step {
                Step::Region { body, .. } => self.of(body),
                Step::Loop { body, .. } => {
                    self.of(body);
                    let end = self.time;
                    self.time += 1;
                    let (_, values) = self.loops.pop().unwrap_or_default();
                    for value in values {
                        self.last[value] = self.last[value].max(end);
                    }
                }
                _ => {}
            }
        }
    }

    fn at(&mut self, value: usize, now: usize) {
        if self.origins[value] != Origin::Step {
            return;
        }
        self.last[value] = self.last[value].max(now);
        let first = self.first[value].unwrap_or(now);
        let around = self.loops.iter_mut().find(|(start, _)| first < *start);
        if let Some((_, values)) = around {
            values.push(value);
        }
    }
}

struct Registers {
    /// The register of each value that has one.
    homes: Vec<usize>,
    free: Vec<usize>,
    /// The first register that nothing has been in.
    end: usize,
    /// The values that end at each time.
    ends: Vec<Vec<usize>>,
    time: usize,
}

impl Registers {
    fn give(&mut self, steps: &mut [Step]) {
        for step in steps {
            let now = self.time;
            self.time += 1;
            let given = step.gives();
            step.takes(|value| *value = self.homes[*value]);
            // An operand's register can take the result: it is computed beside them.
            let (own, others) = std::mem::take(&mut self.ends[now])
                .into_iter()
                .partition::<Vec<_>, _>(|value| Some(*value) == given);
            self.release(others);
            if let Step::Compute { to, .. }
            | Step::Look { to, .. }
            | Step::Move { to, .. }
            | Step::Read { to, .. }
            | Step::Gather { to, .. } = step
            {
                let home = self.homes[*to];
                let home = if home == usize::MAX { self.next() } else { home };
                self.homes[*to] = home;
                *to = home;
            }
            self.release(own);
            match step {
                Step::Region { body, .. } => self.give(body),
                Step::Loop { body, .. } => {
                    self.give(body);
                    let end = self.time;
                    self.time += 1;
                    let ended = std::mem::take(&mut self.ends[end]);
                    self.release(ended);
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        })
    }

    fn release(&mut self, values: Vec<usize>) {
        self.free.extend(values.into_iter().map(|value| self.homes[value]));
    }
}
