//! `wgloss parts`: how a batch divides among workers.

use crate::along::{Along, check_adds_up};
use crate::arguments::{self, Which};
use crate::error::{Error, Result};
use crate::files::{Input, is_stdin};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::ops::Range;

/// The arguments of `wgloss parts`.
#[derive(Debug, Args)]
#[command(after_help = "\
Only the heads of the files are read, of tables the footers (and of columns of lists whose type does not \
say their length the first row). The parts have nearly the same number of rows. Where there are as many \
whole blocks of 4096 terms as workers, parts end where blocks do, so that their totals stay small.

Example: wgloss parts mse input=p/ target=t/ --workers 8
         wgloss eval mse input=p/ target=t/ --rows 0..4096 --totals totals/0.totals
         wgloss total totals/")]
pub(crate) struct Parts {
    #[command(flatten)]
    which: Which,
    /// An input of the loss and its file, folder or pattern, or an option and its value
    #[arg(value_name = "NAME=VALUE")]
    arguments: Vec<String>,
    /// Among how many the batch is divided
    #[arg(long, value_name = "N")]
    workers: NonZeroUsize,
    /// How the losses are combined, `mean` for most losses
    #[arg(long, value_parser = ["mean", "sum", "batchmean"])]
    reduction: Option<String>,
    /// Print one JSON object, for an error too
    #[arg(long)]
    json: bool,
}

impl Parts {
    /// Says which rows each worker has.
    pub(crate) fn run(mut self) -> Result<String> {
        let mut chosen = self.which.open(&mut self.arguments)?;
        let loss = chosen.loss();
        let default = loss.definition().reductions.first().copied().unwrap_or_default();
        let reduction = self.reduction.as_deref().map_or(Ok(default), str::parse)?;
        let names: Vec<_> = loss.definition().inputs.iter().map(|input| input.name).collect();
        let files = arguments::assign(loss, &self.arguments, &names)?;
        if let Some((name, _)) = files.iter().find(|(_, file)| is_stdin(file)) {
            let problem = "standard input, expected a file whose head can be read again";
            return Err(Error::file(name, "-", problem));
        }
        let inputs = files
            .into_iter()
            .map(|(name, file)| Input::head(name, file))
            .collect::<Result<Vec<_>>>()?;
        let workers = self.workers.to_string();
        let along = Along::of(loss, &inputs, reduction, ("--workers", &workers))?;
        check_adds_up(loss, &inputs, reduction)?;
        if along.rows < self.workers.get() {
            let expected = format!("at most one for each of the batch's {} rows", along.rows);
            return Err(Error::argument("--workers", workers, expected));
        }
        let parts = divide(along.rows, along.step, self.workers.get());
        let parts: Vec<Told> = parts.map(|rows| Told::of(&along, &inputs, rows)).collect();
        Ok(if self.json { json(&along, &parts) } else { text(&parts) })
    }
}

/// The rows of each worker: whole blocks where there are enough of them.
fn divide(rows: usize, step: usize, workers: usize) -> impl Iterator<Item = Range<usize>> {
    let step = if rows / step >= workers { step } else { 1 };
    let units = rows.div_ceil(step);
    let end = move |worker: usize| {
        let unit = units as u128 * worker as u128 / workers as u128;
        usize::try_from(unit).map_or(rows, |unit| unit.saturating_mul(step).min(rows))
    };
    (0..workers).map(move |worker| end(worker)..end(worker + 1))
}

/// What is told of a part.
struct Told {
    rows: Range<usize>,
    bytes: u64,
    /// How many files of each input it reads.
    files: Vec<(&'static str, usize)>,
}

impl Told {
    fn of(along: &Along, inputs: &[Input], rows: Range<usize>) -> Self {
        let with_rows = inputs.iter().zip(&along.has).filter(|(_, has)| **has);
        let files = with_rows.map(|(input, _)| (input.name, input.files_of(&rows))).collect();
        Self { bytes: along.bytes_of(&rows), files, rows }
    }
}

fn json(along: &Along, parts: &[Told]) -> String {
    let parts = parts.iter().map(|part| {
        let files = part.files.iter().map(|(name, files)| ((*name).into(), json!(files)));
        let files: serde_json::Map<String, Value> = files.collect();
        let rows = [part.rows.start, part.rows.end];
        json!({ "rows": rows, "count": part.rows.len(), "bytes": part.bytes, "files": files })
    });
    let parts: Vec<Value> = parts.collect();
    format!("{}\n", json!({ "rows": along.rows, "parts": parts }))
}

/// Each part as an option, with what it has behind a mark of the shell's comments.
fn text(parts: &[Told]) -> String {
    let option = |part: &Told| format!("--rows {:?}", part.rows);
    let width = parts.iter().map(|part| option(part).len()).max().unwrap_or(0);
    parts.iter().fold(String::new(), |mut text, part| {
        let files = part.files.iter().map(|(name, files)| {
            format!("{files} file{} of {name}", if *files == 1 { "" } else { "s" })
        });
        let files = files.collect::<Vec<_>>().join(", ");
        let bytes = indicatif::BinaryBytes(part.bytes);
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "{:width$}  # {} rows, {bytes}, {files}", option(part), part.rows.len());
        text
    })
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn parts_are_all_rows_and_nearly_equal() {
        for rows in [1, 7, 4096, 40_960, 1_000_003] {
            for step in [1, 8, 4096] {
                for workers in [1, 2, 3, 7].into_iter().filter(|workers| *workers <= rows) {
                    let parts: Vec<_> = divide(rows, step, workers).collect();
                    let ends = parts.iter().map(|part| part.end);
                    let starts = parts.iter().skip(1).map(|part| part.start).chain([rows]);
                    assert!(ends.eq(starts) && parts[0].start == 0, "{parts:?}");
                    let sizes = || parts.iter().map(ExactSizeIterator::len);
                    let apart = sizes().max().unwrap_or(0) - sizes().min().unwrap_or(0);
                    let blocks = rows / step >= workers;
                    assert!(sizes().all(|size| size > 0), "{parts:?}");
                    // The last part may end within a block.
                    assert!(apart < if blocks { 2 * step } else { 2 }.max(2), "{parts:?}");
                    let whole = parts[1..].iter().all(|part| part.start.is_multiple_of(step));
                    assert!(whole || !blocks, "{parts:?}");
                }
            }
        }
    }
}
