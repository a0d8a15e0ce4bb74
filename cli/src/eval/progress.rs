//! A bar on standard error for what takes more than a second.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How far an evaluation is.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    bytes: u64,
    /// Those of the chunk under way.
    chunk: Range<u64>,
    start: Instant,
}

/// What is done sooner has no bar.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    /// Of inputs of so many bytes. Only people who wait at a terminal are shown it.
    pub(crate) fn new(bytes: u64, quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
            let style = "{bar:30} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left";
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()),
            );
            bar
        });
        Self { bar, bytes, chunk: 0..bytes, start: Instant::now() }
    }

    /// A chunk begins, which has these bytes of all.
    pub(crate) fn at(&mut self, chunk: Range<u64>) {
        self.chunk = chunk;
    }

    /// So many terms of all of the chunk's are done.
    pub(crate) fn tell(&self, done: u64, all: u64) {
        let Some(bar) = &self.bar else { return };
        if bar.is_hidden() {
            if self.start.elapsed() < PATIENCE {
                return;
            }
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        let Range { start, end } = self.chunk;
        let bytes = u128::from(end - start) * u128::from(done) / u128::from(all.max(1));
        bar.set_position(u64::try_from(bytes).map_or(self.bytes, |bytes| start + bytes));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
