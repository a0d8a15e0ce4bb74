//! What is left undone when the program is interrupted: temporary files are removed.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::NamedTempFile;

/// The temporary files that there are.
static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn files() -> MutexGuard<'static, Vec<PathBuf>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary file that an interruption removes, as long as this lives.
#[derive(Debug)]
pub(crate) struct Guard(PathBuf);

/// Makes a file that an interruption removes.
pub(crate) fn guarded(
    make: impl FnOnce() -> io::Result<NamedTempFile>,
) -> io::Result<(NamedTempFile, Guard)> {
    // An interruption in between waits for the file's name.
    let mut files = files();
    let file = make()?;
    files.push(file.path().to_path_buf());
    let guard = Guard(file.path().to_path_buf());
    Ok((file, guard))
}

/// An interruption comes before all of the work or after it.
pub(crate) fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _files = files();
    work()
}

impl Drop for Guard {
    fn drop(&mut self) {
        files().retain(|file| *file != self.0);
    }
}

/// Ends the program in good order when it is interrupted, terminated or hung up on, with the exit
/// code that a shell tells of such a signal. What was ignored when it began (`nohup`) stays ignored.
#[cfg(unix)]
pub(crate) fn watch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level;
    use std::sync::Arc;
    // What a file may not grow by is an error of writing, as a full disk is.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP];
    let wanted = wanted.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    // Where signals cannot be watched, they end the program as they do others.
    let Ok(mut signals) = Signals::new(wanted) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let files = files();
            // Those that have been renamed are no longer there.
            let removed = files.iter().filter(|file| std::fs::remove_file(file).is_ok()).count();
            let name = low_level::signal_name(signal).unwrap_or("a signal");
            let unwritten = if removed > 0 { "; no file was written" } else { "" };
            crate::tell(&format!("interrupted by {name}{unwritten}"));
            // Without what is done at a usual end: drivers would find their threads at work.
            low_level::exit(128 + signal);
        }
    });
}

#[cfg(not(unix))]
pub(crate) fn watch() {}

/// The signals that are ignored, a bit each, where the system tells.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
