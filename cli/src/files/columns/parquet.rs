//! Columns of `.parquet` files, decoded page by page.

use super::caught::caught;
use super::{AT_ONCE, Head};
use arrow_array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

pub(in super::super) const MAGIC: &[u8] = b"PAR1";

/// A column of a file, by its footer.
#[derive(Clone, Debug)]
pub(in super::super) struct Column {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    head: Head,
}

impl Column {
    pub(in super::super) fn open(bytes: Bytes, column: Option<&str>) -> Result<Self, String> {
        caught(|| {
            let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new());
            let metadata =
                metadata.map_err(|error| format!("not a whole .parquet file: {error}"))?;
            let rows = rows(&metadata)?;
            let head = Head::of(metadata.schema(), column, rows)?;
            let mut column = Self { bytes, metadata, head };
            if column.head.kind.is_open() && rows > 0 {
                let first = column.reader(0, 1)?.next();
                let first = first.ok_or_else(|| column.head.cut_short(0))?;
                column.head.take_lengths(&first.map_err(|error| error.to_string())?)?;
            }
            Ok(column)
        })
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The batches from a row on.
    pub(super) fn batches(&self, row: usize) -> Result<Batches, String> {
        let at_once = (AT_ONCE / self.head.kind.row().max(1)).clamp(1, AT_ONCE);
        caught(|| Ok(Batches(self.reader(row, at_once)?)))
    }

    fn reader(&self, row: usize, at_once: usize) -> Result<ParquetRecordBatchReader, String> {
        let groups = self.metadata.metadata().row_groups();
        let (mut group, mut before) = (0, row);
        while let Some(rows) = groups.get(group).and_then(|group| count(group.num_rows()))
            && rows <= before
        {
            (group, before) = (group + 1, before - rows);
        }
        let (bytes, metadata) = (self.bytes.clone(), self.metadata.clone());
        let mask = ProjectionMask::roots(metadata.parquet_schema(), [self.head.place]);
        ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
            .with_projection(mask)
            .with_row_groups((group..groups.len()).collect())
            .with_offset(before)
            .with_batch_size(at_once)
            .build()
            .map_err(|error| error.to_string())
    }
}

/// The rows of all groups.
fn rows(metadata: &ArrowReaderMetadata) -> Result<usize, String> {
    let groups = metadata.metadata().row_groups().iter();
    let rows = groups.map(|group| count(group.num_rows()));
    let all = rows.sum::<Option<usize>>();
    all.ok_or_else(|| "a row group says that it has fewer than 0 rows".into())
}

fn count(rows: i64) -> Option<usize> {
    usize::try_from(rows).ok()
}

/// Rows as they are decoded.
pub(super) struct Batches(ParquetRecordBatchReader);

impl Batches {
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, String> {
        caught(|| self.0.next().transpose().map_err(|error| error.to_string()))
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batches")
    }
}
