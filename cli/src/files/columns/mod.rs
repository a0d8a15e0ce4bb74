//! Columns of tables: `.parquet` and Arrow's IPC files.

mod caught;
pub(super) mod ipc;
mod kind;
pub(super) mod parquet;

use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, Schema};
use caught::caught;
use kind::Kind;
use wgloss::DType;

/// About the bytes of rows that are decoded at a time.
const AT_ONCE: usize = 4 << 20;

/// A column of a table, as far as its head tells.
#[derive(Clone, Debug)]
struct Head {
    name: String,
    /// Its place in the table.
    place: usize,
    rows: usize,
    kind: Kind,
}

impl Head {
    /// The column of this name, or the only one.
    fn of(schema: &Schema, column: Option<&str>, rows: usize) -> Result<Self, String> {
        let (place, field) = find(schema, column)?;
        let name = field.name().clone();
        let kind = Kind::of(field).map_err(|problem| format!("column {name:?}: {problem}"))?;
        Ok(Self { name, place, rows, kind })
    }

    fn shape(&self) -> Vec<usize> {
        [&[self.rows], &*self.kind.shape()].concat()
    }

    /// Appends the elements of a batch whose first row is this one of the file's.
    fn append(&self, batch: &RecordBatch, first: usize, to: &mut Vec<u8>) -> Result<(), String> {
        let column = batch.columns().first().ok_or("no such column in a batch of rows")?;
        self.kind
            .append(column, first, to)
            .map_err(|problem| format!("column {:?}, {problem}", self.name))
    }

    /// What a list holds in the first row, where the type does not say so.
    fn take_lengths(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let column = batch.columns().first().ok_or("no such column in a batch of rows")?;
        self.kind
            .take_lengths(column)
            .map_err(|problem| format!("column {:?}, {problem}", self.name))
    }

    fn cut_short(&self, read: usize) -> String {
        format!("column {:?}: {read} rows, expected {} as the file says", self.name, self.rows)
    }
}

fn find<'a>(schema: &'a Schema, column: Option<&str>) -> Result<(usize, &'a FieldRef), String> {
    let fields = schema.fields();
    let known = || fields.iter().map(|field| field.name().as_str());
    let Some(column) = column else {
        return match &fields[..] {
            [only] => Ok((0, only)),
            _ => Err(format!(
                "{} columns, expected one or the name of one after a colon: {}",
                fields.len(),
                wgloss::brief(known())
            )),
        };
    };
    fields
        .find(column)
        .ok_or_else(|| wgloss::Error::unknown_name("column", column, known()).to_string())
}

/// The rows of a column, from its file.
#[derive(Clone, Debug)]
pub(super) enum Column {
    Parquet(parquet::Column),
    Ipc(ipc::Column),
}

impl Column {
    fn head(&self) -> &Head {
        match self {
            Self::Parquet(column) => column.head(),
            Self::Ipc(column) => column.head(),
        }
    }

    pub(super) fn dtype(&self) -> DType {
        self.head().kind.dtype()
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        self.head().shape()
    }

    /// Starts to read.
    pub(super) fn decoder(&self) -> Decoder {
        Decoder { column: self.clone(), next: 0, batches: None, batch: None }
    }
}

/// A column's rows as they are read, best in order: each is decoded once then.
#[derive(Debug)]
pub(super) struct Decoder {
    column: Column,
    /// The row that is read next.
    next: usize,
    batches: Option<Batches>,
    /// What is left of the batch that was decoded last.
    batch: Option<RecordBatch>,
}

#[derive(Debug)]
enum Batches {
    Parquet(parquet::Batches),
    Ipc(ipc::Batches),
}

impl Decoder {
    /// Appends the elements of some rows.
    pub(super) fn append(
        &mut self,
        rows: std::ops::Range<usize>,
        to: &mut Vec<u8>,
    ) -> Result<(), String> {
        if rows.start != self.next || self.batches.is_none() {
            self.batch = None;
            self.batches = Some(self.from(rows.start)?);
            self.next = rows.start;
        }
        while self.next < rows.end {
            let batch = match self.batch.take() {
                Some(batch) => batch,
                None => self.decode()?,
            };
            let count = batch.num_rows().min(rows.end - self.next);
            caught(|| self.column.head().append(&batch.slice(0, count), self.next, to))?;
            self.next += count;
            let left = batch.num_rows() - count;
            self.batch = (left > 0).then(|| batch.slice(count, left));
        }
        Ok(())
    }

    /// The batches from a row on.
    fn from(&self, row: usize) -> Result<Batches, String> {
        match &self.column {
            Column::Parquet(column) => column.batches(row).map(Batches::Parquet),
            Column::Ipc(column) => column.batches(row).map(Batches::Ipc),
        }
    }

    fn decode(&mut self) -> Result<RecordBatch, String> {
        let batch = match &mut self.batches {
            Some(Batches::Parquet(batches)) => batches.next()?,
            Some(Batches::Ipc(batches)) => batches.next()?,
            None => None,
        };
        batch.ok_or_else(|| self.column.head().cut_short(self.next))
    }
}
