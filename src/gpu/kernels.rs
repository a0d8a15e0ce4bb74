//! What is made once and then shared: compiled kernels, by their text.

use crate::error::Result;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many things are kept that nobody else holds: those that were asked for last. A driver's memory for a kernel
/// goes from some kilobytes to, on one that runs on the CPU, megabytes.
const MOST_KEPT: usize = 1024;

/// Things by what they are made of. Who asks for one that another thread is making waits for it;
/// nobody waits for any other.
#[derive(Debug)]
pub(super) struct Once<K, V> {
    known: Mutex<Known<K, V>>,
}

#[derive(Debug)]
struct Known<K, V> {
    attempts: HashMap<Arc<K>, (Attempt<V>, u64)>,
    /// Counts what was asked for: each attempt has the number of its last time.
    asked: u64,
    most_kept: usize,
}

/// One try to make it, for all who ask meanwhile. Where it panics, one of those who wait tries.
type Attempt<V> = Arc<OnceLock<Result<Arc<V>>>>;

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self::keeping(MOST_KEPT)
    }
}

impl<K, V> Once<K, V> {
    fn keeping(most_kept: usize) -> Self {
        Self { known: Mutex::new(Known { attempts: HashMap::new(), asked: 0, most_kept }) }
    }
}

impl<K: Eq + Hash + Clone, V> Once<K, V> {
    /// What `make` makes of the key, the first time.
    ///
    /// # Errors
    /// That of `make`, which all get who wait for it. Who asks later has it tried again.
    pub(super) fn get(&self, key: &K, make: impl FnOnce(Arc<K>) -> Result<V>) -> Result<Arc<V>> {
        let (key, attempt) = self.attempt(key);
        let made = attempt.get_or_init(|| make(key.clone()).map(Arc::new));
        if made.is_err() {
            self.forget(&*key, &attempt);
        }
        made.clone()
    }

    fn attempt(&self, key: &K) -> (Arc<K>, Attempt<V>) {
        let mut known = self.lock();
        known.asked += 1;
        let asked = known.asked;
        if let Some(key) = known.attempts.get_key_value(key).map(|(key, _)| key.clone()) {
            let attempt = known.attempts.get_mut(&key).map(|(attempt, last)| {
                *last = asked;
                attempt.clone()
            });
            return (key, attempt.unwrap_or_default());
        }
        let (key, attempt) = (Arc::new(key.clone()), Attempt::default());
        known.attempts.insert(key.clone(), (attempt.clone(), asked));
        known.forget_unused();
        (key, attempt)
    }

    /// Removes an attempt that failed, unless another has taken its place.
    fn forget(&self, key: &K, failed: &Attempt<V>) {
        let mut known = self.lock();
        if known.attempts.get(key).is_some_and(|(attempt, _)| Arc::ptr_eq(attempt, failed)) {
            known.attempts.remove(key);
        }
    }

    /// The map is held for a look only, and nothing panics meanwhile.
    fn lock(&self) -> MutexGuard<'_, Known<K, V>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Known<K, V> {
    /// Where there are too many that nobody holds, removes the half that was not asked for for longest.
    fn forget_unused(&mut self) {
        if self.attempts.len() <= self.most_kept {
            return;
        }
        let is_unused = |attempt: &Attempt<V>| {
            let made = attempt.get().and_then(|made| made.as_ref().ok());
            Arc::strong_count(attempt) == 1 && made.is_some_and(|made| Arc::strong_count(made) == 1)
        };
        let unused = self.attempts.values().filter(|(attempt, _)| is_unused(attempt));
        let mut times: Vec<u64> = unused.map(|(_, last)| *last).collect();
        if times.len() <= self.most_kept {
            return;
        }
        times.sort_unstable();
        let oldest = times[times.len() / 2];
        self.attempts.retain(|_, (attempt, last)| *last > oldest || !is_unused(attempt));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::scope;

    #[test]
    fn each_is_made_once_and_holds_up_no_other() {
        let once = Once::<u32, u32>::default();
        let made = AtomicUsize::new(0);
        let (begun, released) = (Barrier::new(2), Barrier::new(2));
        scope(|scope| {
            let first = scope.spawn(|| {
                once.get(&1, |key| {
                    begun.wait();
                    released.wait();
                    made.fetch_add(1, Ordering::SeqCst);
                    Ok(10 * *key)
                })
            });
            begun.wait();
            let second = scope.spawn(|| once.get(&1, |_| panic!("it is being made")));
            // Neither another one nor one that is there waits for what is being made.
            for _ in 0..2 {
                assert_eq!(once.get(&2, |key| Ok(10 * *key)).as_deref(), Ok(&20));
            }
            assert_eq!(made.load(Ordering::SeqCst), 0);
            released.wait();
            for thread in [first, second] {
                assert_eq!(thread.join().expect("no panic").as_deref(), Ok(&10));
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_nobody_holds_is_forgotten_in_the_end() {
        let once = Once::<u32, u32>::keeping(4);
        let made = AtomicUsize::new(0);
        let ask = |key| {
            let make = |key: Arc<u32>| {
                made.fetch_add(1, Ordering::SeqCst);
                Ok(*key)
            };
            once.get(&key, make).expect("it is made")
        };
        let held: Vec<_> = (0..6).map(ask).collect();
        // Of others, only the last ones are kept; those that are held always are.
        for round in 0..3 {
            for key in 10..14 {
                ask(key);
            }
            assert_eq!(made.load(Ordering::SeqCst), 10, "round {round}");
        }
        (20..40).for_each(|key| drop(ask(key)));
        assert!(once.lock().attempts.len() <= 6 + 5);
        let before = made.load(Ordering::SeqCst);
        (0..6).for_each(|key| drop(ask(key)));
        drop(ask(39));
        assert_eq!(made.load(Ordering::SeqCst), before);
        ask(10);
        assert_eq!(made.load(Ordering::SeqCst), before + 1);
        assert_eq!(held.len(), 6);
    }

    #[test]
    fn a_failure_is_told_to_all_and_tried_again() {
        let once = Once::<u32, u32>::default();
        let refused = || Error::Refused { what: "it".into(), reason: "a reason".into() };
        let tries = AtomicUsize::new(0);
        let both = Barrier::new(2);
        scope(|scope| {
            let ask = || {
                both.wait();
                once.get(&1, |_| {
                    tries.fetch_add(1, Ordering::SeqCst);
                    Err(refused())
                })
            };
            for thread in [scope.spawn(ask), scope.spawn(ask)] {
                assert_eq!(thread.join().expect("no panic"), Err(refused()));
            }
        });
        assert!((1..=2).contains(&tries.load(Ordering::SeqCst)));
        assert_eq!(once.get(&1, |_| Ok(7)).as_deref(), Ok(&7));
        assert_eq!(once.get(&1, |_| Err(refused())).as_deref(), Ok(&7));
    }

    #[test]
    fn a_panic_is_its_own_threads_alone() {
        let once = Once::<u32, u32>::default();
        let panicked =
            scope(|scope| scope.spawn(|| once.get(&1, |_| panic!("on purpose"))).join().is_err());
        assert!(panicked);
        assert_eq!(once.get(&1, |_| Ok(7)).as_deref(), Ok(&7));
    }
}
