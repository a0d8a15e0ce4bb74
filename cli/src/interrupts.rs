//! What is left undone when the program is interrupted: temporary files are removed.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The temporary files that there are.
static FILES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn files() -> MutexGuard<'static, Vec<PathBuf>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary file that an interruption removes, as long as this lives.
#[derive(Debug)]
pub(crate) struct Guard(PathBuf);

/// Has an interruption remove a file.
pub(crate) fn guard(file: &Path) -> Guard {
    files().push(file.to_path_buf());
    Guard(file.to_path_buf())
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
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    let ignored = ignored();
    let wanted = [SIGINT, SIGTERM, SIGHUP];
    let wanted = wanted.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
    // Where signals cannot be watched, they end the program as they do others.
    let Ok(mut signals) = Signals::new(wanted) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let files = files();
            for file in files.iter() {
                // One that has just been renamed is no longer there.
                let _ = std::fs::remove_file(file);
            }
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
            crate::tell(&format!("interrupted by {name}; no file was written"));
            std::process::exit(128 + signal);
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
