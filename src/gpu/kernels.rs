//! What is made once and then shared: compiled kernels, by their text.

use crate::error::Result;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Things by what they are made of. Who asks for one that another thread is making waits for it;
/// nobody waits for any other.
#[derive(Debug)]
pub(super) struct Once<K, V> {
    attempts: Mutex<HashMap<Arc<K>, Attempt<V>>>,
}

/// One try to make it, for all who ask meanwhile. Where it panics, one of those who wait tries.
type Attempt<V> = Arc<OnceLock<Result<Arc<V>>>>;

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self { attempts: Mutex::default() }
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
        let mut attempts = self.lock();
        if let Some((key, attempt)) = attempts.get_key_value(key) {
            return (key.clone(), attempt.clone());
        }
        let (key, attempt) = (Arc::new(key.clone()), Attempt::default());
        attempts.insert(key.clone(), attempt.clone());
        (key, attempt)
    }

    /// Removes an attempt that failed, unless another has taken its place.
    fn forget(&self, key: &K, failed: &Attempt<V>) {
        let mut attempts = self.lock();
        if attempts.get(key).is_some_and(|attempt| Arc::ptr_eq(attempt, failed)) {
            attempts.remove(key);
        }
    }

    /// The map is held for a look only, and nothing panics meanwhile.
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<K>, Attempt<V>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
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
