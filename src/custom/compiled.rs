//! A loss's code for each kind of request, with memory that blocks use one after another.

use super::interpret::{Code, Rooms, Traced};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a program has been written out to, and the code made of it so far, by what it is for.
#[derive(Debug)]
pub(super) struct Compiled<K> {
    traced: Traced,
    known: Mutex<Vec<(K, Arc<Variant>)>>,
}

/// The code for some results.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) code: Code,
    /// Memory that no block uses now, each with the parameters that are in it.
    idle: Mutex<Vec<(Vec<u32>, Rooms)>>,
}

impl<K: PartialEq> Compiled<K> {
    pub(super) fn new(traced: Traced) -> Self {
        Self { traced, known: Mutex::default() }
    }

    /// The code for this, made if it has not been.
    pub(super) fn variant(&self, wanted: K, make: impl FnOnce(&Traced) -> Code) -> Arc<Variant> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, variant)) = known.iter().find(|(own, _)| *own == wanted) {
            return variant.clone();
        }
        let code = make(&self.traced);
        let variant = Arc::new(Variant { code, idle: Mutex::default() });
        known.push((wanted, variant.clone()));
        variant
    }
}

/// Code with memory to run in, which is given back.
pub(super) struct Lent {
    pub(super) variant: Arc<Variant>,
    pub(super) rooms: Rooms,
    parameters: Vec<u32>,
}

impl Variant {
    /// Lends memory to run in. What many blocks need is lent once: threads wait for each other here.
    pub(super) fn lend(self: Arc<Self>, parameters: &[u32]) -> Lent {
        let taken = self.idle().pop().filter(|(own, _)| own == parameters);
        let (parameters, rooms) =
            taken.unwrap_or_else(|| (parameters.to_vec(), self.code.rooms(parameters)));
        Lent { variant: self, rooms, parameters }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Vec<u32>, Rooms)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let own = (std::mem::take(&mut self.parameters), std::mem::take(&mut self.rooms));
        self.variant.idle().push(own);
    }
}
