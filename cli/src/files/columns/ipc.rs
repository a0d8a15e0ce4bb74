//! Columns of Arrow's IPC files: `.arrow`, and `.feather` of version 2.

use super::Head;
use super::caught::caught;
use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, Footer, root_as_footer, root_as_message};
use bytes::Bytes;
use std::sync::Arc;

pub(in super::super) const MAGIC: &[u8] = b"ARROW1";

/// How the other formats of these names begin.
const OTHERS: [(&[u8], &str); 2] = [
    (b"FEA1", "Feather's version 1, expected version 2, which pyarrow.feather writes"),
    (b"\xff\xff\xff\xff", "an Arrow stream, expected a file, as pyarrow.ipc.new_file writes"),
];

/// The footer's length and the magic.
const TRAILER: usize = 10;

/// A column of a file, by its footer and the heads of its batches.
#[derive(Clone, Debug)]
pub(in super::super) struct Column {
    buffer: Buffer,
    decoder: Arc<FileDecoder>,
    /// The batches, with the rows of each.
    blocks: Arc<Vec<(Block, usize)>>,
    head: Head,
}

impl Column {
    pub(in super::super) fn open(bytes: Bytes, column: Option<&str>) -> Result<Self, String> {
        caught(|| {
            let buffer = Buffer::from(bytes);
            let footer = footer(&buffer)?;
            let schema = footer.schema().ok_or("its footer has no schema")?;
            let schema = try_fb_to_schema(schema).map_err(|error| error.to_string())?;
            let blocks = blocks(&buffer, &footer)?;
            let rows = blocks.iter().try_fold(0usize, |all, (_, rows)| all.checked_add(*rows));
            let schema = Arc::new(schema);
            let head = Head::of(&schema, column, rows.ok_or("more than 2^64 rows")?)?;
            let mut decoder =
                FileDecoder::new(schema, footer.version()).with_projection(vec![head.place]);
            for block in footer.dictionaries().iter().flatten() {
                let bytes = block_bytes(&buffer, block)?;
                check_room(&bytes, block)?;
                decoder.read_dictionary(block, &bytes).map_err(|error| error.to_string())?;
            }
            let (decoder, blocks) = (Arc::new(decoder), Arc::new(blocks));
            let mut column = Self { buffer, decoder, blocks, head };
            if column.head.kind.is_open() {
                let first = column.blocks.iter().position(|(_, rows)| *rows > 0);
                if let Some(first) = first {
                    let first = column.decode(first)?;
                    column.head.take_lengths(&first)?;
                }
            }
            Ok(column)
        })
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The batches from a row on.
    pub(super) fn batches(&self, row: usize) -> Result<Batches, String> {
        let (mut next, mut skipped) = (0, row);
        while let Some((_, rows)) = self.blocks.get(next)
            && *rows <= skipped
        {
            (next, skipped) = (next + 1, skipped - rows);
        }
        Ok(Batches { column: self.clone(), next, skipped })
    }

    fn decode(&self, place: usize) -> Result<RecordBatch, String> {
        let (block, rows) = &self.blocks[place];
        let bytes = block_bytes(&self.buffer, block)?;
        check_room(&bytes, block)?;
        let batch = self.decoder.read_record_batch(block, &bytes);
        let batch = batch.map_err(|error| format!("batch {place}: {error}"))?;
        batch
            .filter(|batch| batch.num_rows() == *rows)
            .ok_or_else(|| format!("batch {place} does not hold its {rows} rows"))
    }
}

/// Rows as they are decoded.
#[derive(Debug)]
pub(super) struct Batches {
    column: Column,
    next: usize,
    /// The rows of the next batch that are not wanted.
    skipped: usize,
}

impl Batches {
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, String> {
        while self.next < self.column.blocks.len() {
            let batch = caught(|| self.column.decode(self.next))?;
            self.next += 1;
            let left = batch.num_rows().saturating_sub(self.skipped);
            let skipped = std::mem::take(&mut self.skipped);
            if left > 0 {
                return Ok(Some(batch.slice(skipped, left)));
            }
        }
        Ok(None)
    }
}

fn footer(buffer: &Buffer) -> Result<Footer<'_>, String> {
    let not_whole = |problem: String| format!("not a whole Arrow file: {problem}");
    if let Some((_, what)) = OTHERS.iter().find(|(start, _)| buffer.starts_with(start)) {
        return Err((*what).into());
    }
    if !buffer.starts_with(MAGIC) {
        let start = &buffer[..buffer.len().min(MAGIC.len())];
        let (start, magic) = (start.escape_ascii(), MAGIC.escape_ascii());
        return Err(not_whole(format!("it starts with \"{start}\", expected \"{magic}\"")));
    }
    let cut = || not_whole(format!("{} bytes end within its footer", buffer.len()));
    let trailer = buffer.last_chunk::<TRAILER>().ok_or_else(cut)?;
    let length = read_footer_length(*trailer).map_err(|error| not_whole(error.to_string()))?;
    let end = buffer.len() - TRAILER;
    let start = end.checked_sub(length).ok_or_else(cut)?;
    root_as_footer(&buffer.as_slice()[start..end]).map_err(|error| not_whole(error.to_string()))
}

/// The batches, and the rows that each says it has.
fn blocks(buffer: &Buffer, footer: &Footer<'_>) -> Result<Vec<(Block, usize)>, String> {
    let blocks = footer.recordBatches().into_iter().flatten();
    let blocks = blocks.enumerate().map(|(place, block)| {
        let problem = |problem: &str| format!("batch {place}: {problem}");
        let bytes = block_bytes(buffer, block)?;
        let message = root_as_message(message(&bytes)).map_err(|e| problem(&e.to_string()))?;
        let batch = message.header_as_record_batch();
        let rows = batch.ok_or_else(|| problem("no rows, expected some"))?.length();
        let rows = usize::try_from(rows).map_err(|_| problem(&format!("{rows} rows")))?;
        Ok((*block, rows))
    });
    blocks.collect()
}

/// A block's bytes, which begin with its message.
fn block_bytes(buffer: &Buffer, block: &Block) -> Result<Buffer, String> {
    let place = || {
        let start = usize::try_from(block.offset()).ok()?;
        let head = usize::try_from(block.metaDataLength()).ok()?;
        let length = head.checked_add(usize::try_from(block.bodyLength()).ok()?)?;
        (start.checked_add(length)? <= buffer.len()).then_some((start, length))
    };
    let (start, length) = place()
        .ok_or_else(|| format!("a batch lies past the file's end at {} bytes", buffer.len()))?;
    Ok(buffer.slice_with_length(start, length))
}

/// The message of a block, behind its length and, but in old files, a mark before that.
fn message(block: &[u8]) -> &[u8] {
    let mark = if block.starts_with(&[0xff; 4]) { 8 } else { 4 };
    block.get(mark..).unwrap_or_default()
}

/// Refuses compressed buffers that say that they hold more than the memory: what decompresses them
/// takes the room first, and the program would end.
fn check_room(bytes: &Buffer, block: &Block) -> Result<(), String> {
    let Ok(message) = root_as_message(message(bytes)) else { return Ok(()) };
    let dictionary = || message.header_as_dictionary_batch()?.data();
    let batch = message.header_as_record_batch().or_else(dictionary);
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else { return Ok(()) };
    let body = usize::try_from(block.metaDataLength()).unwrap_or(usize::MAX);
    for buffer in batch.buffers().iter().flatten() {
        let start = usize::try_from(buffer.offset()).ok().and_then(|at| at.checked_add(body));
        let prefix = start.and_then(|start| bytes.as_slice().get(start..)?.first_chunk());
        let size = prefix.map_or(0, |prefix| i64::from_le_bytes(*prefix));
        let size = usize::try_from(size).unwrap_or(0);
        if Vec::<u8>::new().try_reserve_exact(size).is_err() {
            return Err(format!("a batch's numbers are said to have {size} bytes"));
        }
    }
    Ok(())
}
