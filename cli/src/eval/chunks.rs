//! The rows that are evaluated: at once where they lie in memory or in a mapped file, or else chunk by
//! chunk, so that memory does not grow with them.

use crate::along::{Along, check_adds_up};
use crate::error::{Error, Result};
use crate::files::{Input, Reader, Rows};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};
use wgloss::{Loss, Part, Reduction, Request, Tensor, TensorKind};

/// Some rows of a batch, as `--rows` has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    start: Option<usize>,
    end: Option<usize>,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let row = |text: &str| match text {
            "" => Some(None),
            text => text.parse().ok().map(Some),
        };
        let ends = text.split_once("..").and_then(|(a, b)| Some((row(a)?, row(b)?)));
        match ends {
            Some((start, end)) => Ok(Self { start, end }),
            None => Err("expected rows such as 100..200, 100.. or ..200".into()),
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |row: Option<usize>| row.map_or(String::new(), |row| row.to_string());
        write!(f, "{}..{}", row(self.start), row(self.end))
    }
}

impl Asked {
    fn of(self, rows: usize) -> Result<Range<usize>> {
        let (start, end) = (self.start.unwrap_or(0), self.end.unwrap_or(rows));
        if start < end && end <= rows {
            return Ok(start..end);
        }
        let expected = format!("one row at least, of the batch's 0..{rows}");
        Err(Error::argument("--rows", self.to_string(), expected))
    }
}

/// What is asked of a batch's rows.
pub(super) struct Wanted<'a> {
    pub(super) rows: Option<Asked>,
    pub(super) reduction: Reduction,
    /// The inputs by which there are derivatives.
    pub(super) gradients: &'a [&'a str],
    /// How much is read at a time, in bytes.
    pub(super) at_a_time: usize,
}

/// The rows that are evaluated, and how they are read.
#[derive(Debug)]
pub(super) struct Chunks<'a> {
    inputs: &'a [Input],
    /// What each chunk has of an input that it shares with all others, or of every input where there is
    /// only one chunk.
    held: Vec<Option<Held>>,
    rows: Range<usize>,
    /// The rows of the whole batch, where the rows are a part of it.
    of: Option<usize>,
    /// Chunks end at multiples of so many.
    step: usize,
    /// The bytes of a row.
    bytes: u64,
}

/// What is read before anything is evaluated.
#[derive(Debug)]
struct Held {
    rows: Rows,
    count: usize,
}

/// A chunk as it is evaluated.
pub(super) struct Chunk<'c> {
    pub(super) rows: Range<usize>,
    /// Its place in the batch, where it is a part.
    pub(super) part: Option<Part>,
    pub(super) tensors: &'c [(&'c str, Tensor<'c>)],
    /// Which of all bytes it has.
    pub(super) bytes: Range<u64>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(loss: &dyn Loss, inputs: &'a [Input], wanted: &Wanted<'_>) -> Result<Self> {
        // What does not fit together is told before anything is read.
        let request = Request { reduction: wanted.reduction, ..Request::default() };
        let kinds: Vec<_> = inputs.iter().map(|input| (input.name, input.kind())).collect();
        wgloss::loss_shape(loss, &kinds, &request)?;
        let asked = wanted.rows.map(|asked| asked.to_string()).unwrap_or_default();
        let along = Along::of(loss, inputs, wanted.reduction, ("--rows", &asked));
        let (along, rows) = match (wanted.rows, along) {
            (Some(asked), along) => {
                let along = along?;
                let rows = asked.of(along.rows)?;
                (along, Some(rows))
            }
            (None, Ok(along)) => (along, None),
            (None, Err(_)) => (Along::none(inputs), None),
        };
        let adds_up = check_adds_up(loss, inputs, wanted.reduction).is_ok();
        let both = || inputs.iter().zip(&along.has);
        // The gradient of an input that chunks share would be a sum over them.
        let shares = |(input, has): (&Input, &bool)| !has && wanted.gradients.contains(&input.name);
        let lies = |(input, has): (&Input, &bool)| !has || input.is_whole();
        let at_once = !adds_up || both().any(shares) || both().all(lies);
        let is_asked = rows.is_some();
        let rows = rows.unwrap_or(0..along.rows);
        let held = both().map(|(input, &has)| match (at_once, has) {
            (false, true) => Ok(None),
            (true, true) => Held::of(input, rows.clone()).map(Some),
            (_, false) => Held::of(input, 0..input.rows()).map(Some),
        });
        let held = held.collect::<Result<_>>()?;
        let (step, bytes) = (step(&along, wanted.at_a_time), along.bytes as u64);
        let mut chunks = Self { inputs, held, rows, of: None, step, bytes };
        if adds_up && (is_asked || chunks.are_many()) {
            chunks.of = Some(along.rows);
        }
        Ok(chunks)
    }

    /// Whether rows are read as they are evaluated.
    fn are_read(&self) -> bool {
        self.held.iter().any(Option::is_none)
    }

    /// Whether there are several, whose totals are merged.
    pub(super) fn are_many(&self) -> bool {
        self.are_read() && self.end(self.rows.start) < self.rows.end
    }

    /// Where the chunk ends that begins with a row: at a multiple of the step in the whole batch, where
    /// blocks end.
    fn end(&self, start: usize) -> usize {
        (start / self.step + 1).saturating_mul(self.step).min(self.rows.end)
    }

    /// Whether what is evaluated has a place in a batch.
    pub(super) fn are_parts(&self) -> bool {
        self.of.is_some()
    }

    /// The rows that are evaluated.
    pub(super) fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The first row that is evaluated.
    pub(super) fn first(&self) -> usize {
        self.rows.start
    }

    /// The types and shapes of the inputs, of these rows alone.
    pub(super) fn kinds(&self) -> Vec<(&'static str, TensorKind)> {
        let kind = |(input, held): (&Input, &Option<Held>)| {
            let mut kind = input.kind();
            if let Some(rows) = kind.shape.first_mut() {
                *rows = held.as_ref().map_or(self.rows.len(), |held| held.count);
            }
            (input.name, kind)
        };
        self.inputs.iter().zip(&self.held).map(kind).collect()
    }

    /// The bytes of all inputs.
    pub(super) fn bytes(&self) -> u64 {
        let held: usize = self.held.iter().flatten().map(|held| held.rows.len()).sum();
        let read = if self.are_read() { self.bytes_of(self.rows.len()) } else { 0 };
        read.saturating_add(held as u64)
    }

    fn bytes_of(&self, rows: usize) -> u64 {
        self.bytes.saturating_mul(rows as u64)
    }

    /// Evaluates them one by one, while the next is read, and returns how long they were waited for.
    pub(super) fn each(
        &self,
        mut evaluate: impl FnMut(Chunk<'_>) -> Result<()>,
    ) -> Result<Duration> {
        if !self.are_read() {
            self.evaluate(self.rows.clone(), &[], &mut evaluate)?;
            return Ok(Duration::ZERO);
        }
        thread::scope(|scope| {
            let (give, chunks) = mpsc::sync_channel(0);
            let (give_back, spare) = mpsc::channel();
            scope.spawn(move || self.read(&give, &spare));
            let mut waited = Duration::ZERO;
            loop {
                let start = Instant::now();
                let Ok(chunk) = chunks.recv() else { return Ok(waited) };
                waited += start.elapsed();
                let (rows, read): (Range<usize>, Vec<Rows>) = chunk?;
                self.evaluate(rows, &read, &mut evaluate)?;
                // The one who reads may be done.
                let _ = give_back.send(read);
            }
        })
    }

    /// Reads all chunks, into the memory of those that come back.
    fn read(
        &self,
        give: &SyncSender<Result<(Range<usize>, Vec<Rows>)>>,
        spare: &Receiver<Vec<Rows>>,
    ) {
        let inputs = self.inputs.iter().zip(&self.held).filter(|(_, held)| held.is_none());
        let mut readers: Vec<Reader<'_>> = inputs.map(|(input, _)| Reader::new(input)).collect();
        let mut start = self.rows.start;
        while start < self.rows.end {
            let end = self.end(start);
            let mut spare = spare.try_recv().unwrap_or_default().into_iter().map(Rows::into_spare);
            let read = readers
                .iter_mut()
                .map(|reader| reader.rows(start..end, spare.next().unwrap_or_default()))
                .collect::<Result<Vec<_>>>();
            let failed = read.is_err();
            if give.send(read.map(|read| (start..end, read))).is_err() || failed {
                return;
            }
            start = end;
        }
    }

    fn evaluate(
        &self,
        rows: Range<usize>,
        read: &[Rows],
        evaluate: &mut impl FnMut(Chunk<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut read = read.iter();
        let tensors = self.inputs.iter().zip(&self.held).filter_map(|(input, held)| {
            let (bytes, count) = match held {
                Some(held) => (&held.rows, held.count),
                None => (read.next()?, rows.len()),
            };
            Some(input.tensor(bytes, count).map(|tensor| (input.name, tensor)))
        });
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let part = self.of.map(|of| Part { first: rows.start as u64, of: Some(of as u64) });
        let all = self.bytes();
        let before = self.bytes_of(rows.start - self.rows.start).min(all);
        let after = self.bytes_of(self.rows.end - rows.end);
        let bytes = before..all.saturating_sub(after);
        evaluate(Chunk { rows, part, tensors: &tensors, bytes })
    }
}

impl Held {
    fn of(input: &Input, rows: Range<usize>) -> Result<Self> {
        let count = rows.len();
        Ok(Self { rows: Reader::new(input).rows(rows, Vec::new())?, count })
    }
}

/// The rows of a chunk: whole blocks, unless a few of them are far more than is to be read at a time.
fn step(along: &Along, at_a_time: usize) -> usize {
    let rows = (at_a_time / along.bytes.max(1)).max(1);
    let blocks = rows / along.step;
    if blocks > 0 {
        return blocks * along.step;
    }
    let block = along.step.saturating_mul(along.bytes);
    if block <= at_a_time.saturating_mul(2) { along.step } else { rows }
}
