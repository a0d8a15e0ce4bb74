//! A loss's code for each kind of request, with memory that blocks use one after another.

use super::interpret::{Code, Rooms, Traced};
use std::sync::{Arc, Mutex, PoisonError};

/// The results that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) value: bool,
    /// The inputs whose slopes are, as bits.
    pub(super) slopes: u32,
    /// The rounds of loops that are left after the value.
    pub(super) rounds: bool,
}

/// What a program has been written out to, and the code made of it so far.
#[derive(Debug)]
pub(super) struct Compiled {
    traced: Traced,
    /// The arguments but for parameters.
    inputs: usize,
    known: Mutex<Vec<(Wanted, Arc<Variant>)>>,
}

/// The code for some results.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) code: Code,
    /// Memory that no block uses now, each with the parameters that are in it.
    idle: Mutex<Vec<(Vec<u32>, Rooms)>>,
}

impl Compiled {
    pub(super) fn new(traced: Traced, inputs: usize) -> Self {
        Self { traced, inputs, known: Mutex::default() }
    }

    /// The code for some results, made if it has not been: these columns of these functions.
    pub(super) fn variant(
        &self,
        wanted: Wanted,
        columns: impl FnOnce() -> Vec<(usize, usize)>,
    ) -> Arc<Variant> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, variant)) = known.iter().find(|(own, _)| *own == wanted) {
            return variant.clone();
        }
        let code = self.traced.code(&columns(), self.inputs);
        let variant = Arc::new(Variant { code, idle: Mutex::default() });
        known.push((wanted, variant.clone()));
        variant
    }
}

impl Variant {
    /// Lends memory to run in.
    pub(super) fn with<R>(&self, parameters: &[u32], run: impl FnOnce(&mut Rooms) -> R) -> R {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop().filter(|(own, _)| own == parameters);
        let (own, mut rooms) =
            taken.unwrap_or_else(|| (parameters.to_vec(), self.code.rooms(parameters)));
        let result = run(&mut rooms);
        idle().push((own, rooms));
        result
    }
}
