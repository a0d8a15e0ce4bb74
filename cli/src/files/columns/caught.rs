//! A boundary for panics: the crates that read tables meet some damaged files with one.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is going to be an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// What `read` gives; a panic is an error, and tells nothing on standard error.
pub(super) fn caught<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    HOOK.call_once(|| {
        let told = take_hook();
        set_hook(Box::new(move |panic| {
            if !CAUGHT.get() {
                told(panic);
            }
        }));
    });
    CAUGHT.set(true);
    // What is left half done is not used after an error.
    let result = catch_unwind(AssertUnwindSafe(read));
    CAUGHT.set(false);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("damaged: {}", text.unwrap_or("its reader gave up")))
    })
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn a_panic_is_an_error() {
        let empty: [u8; 0] = std::hint::black_box([]);
        let got = caught(|| Ok(empty[std::hint::black_box(3)]));
        let expected = "damaged: index out of bounds: the len is 0 but the index is 3";
        assert_eq!(got, Err(expected.into()));
        assert_eq!(caught(|| Ok(5)), Ok(5));
        assert!(std::panic::catch_unwind(|| panic!("this one is told")).is_err());
    }
}
