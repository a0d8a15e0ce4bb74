//! Mutated files are refused, or give a tensor whose bytes fit its shape: never a panic, an endless
//! parse or an allocation beyond the file's size. `WGLOSS_FUZZ_ROUNDS` is how many there are of each
//! format.

use super::{Input, Reader, Rows, split_member};
use crate::error::Result;
use arrow_array::{
    ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Int8DictionaryArray, Int64Array,
    ListArray, RecordBatch, UInt16Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::Field;
use bytes::Bytes;
use fastrand::Rng;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use std::io::{Cursor, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wgloss_kit::files::list;
use zip::CompressionMethod;

const ROUNDS: u64 = 30_000;

/// Far more than any of these small files takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(5);

/// What memory may grow by: far more than the files, which have some KB.
const MEMORY: u64 = 256 << 20;

const NUMBERS: [u64; 14] =
    [0, 1, 2, 3, 8, 127, 255, 256, 65_535, 65_536, u32::MAX as u64, 1 << 32, 1 << 62, u64::MAX];

/// Pieces of headers, of all formats alike, with semicolons between.
const WORDS: &str = r#"(;);[;];{;};((((((((;[[[[[[[[[[[[;{{{{{{;')))))'((;';";\;,;:; ;
;L;u';-1;+;1_0;0x10;1e9;.5;1j;True;False;None;null;'shape';'descr';'fortran_order';'<f4';'>f8';'|b1'
;'<c8';'=i4';float32;'\x73hape': (9,), ;[('a', '<f4', (2, 3))];"shape":[2];"data_offsets":[0,8]
;"dtype":"F64";"__metadata__":{};"F4";é;18446744073709551615"#;

/// The round that failed, for the one who looks for it.
struct Told(&'static str, u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} of round {}", self.0, self.1);
        }
    }
}

/// What has come of the rounds.
#[derive(Debug, Default)]
struct Came {
    read: u64,
    refused: u64,
    slowest: Duration,
}

fn fuzz(format: &'static str, names: &[&str], make: impl Fn(&mut Rng) -> Vec<u8>) {
    let rounds = std::env::var("WGLOSS_FUZZ_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let is_table = [".parquet", ".arrow"].contains(&format);
    let (before, start, mut came) = (peak_memory(), Instant::now(), Came::default());
    for round in 0..rounds {
        let _told = Told(format, round);
        let mut rng = Rng::with_seed(round);
        let (bytes, name) = (make(&mut rng), names[rng.usize(..names.len())]);
        let begin = Instant::now();
        let bytes = Bytes::from(bytes);
        // A list of a file's arrays is made of the same bytes, but for tables.
        let is_listed = list(split_member(name).0, &bytes).is_ok() || is_table;
        let input = Input::read("input", name, bytes);
        match input.and_then(|input| Ok((whole(&input)?, input))) {
            Ok((rows, input)) => {
                let tensor = input.tensor(&rows, input.rows()).expect("its bytes fit its shape");
                assert_eq!((tensor.dtype(), tensor.shape()), (input.dtype, &*input.shape));
                assert!(is_listed, "what is read is listed");
                came.read += 1;
            }
            Err(error) => {
                assert!(error.line().starts_with("input: "), "{error}");
                came.refused += 1;
            }
        }
        let took = begin.elapsed();
        assert!(took < PATIENCE, "took {took:?}");
        came.slowest = came.slowest.max(took);
    }
    println!("{format}: {rounds} rounds in {:?}, {came:?}", start.elapsed());
    assert!(came.refused > 0 && (rounds < ROUNDS || came.read > rounds / 50), "{came:?}");
    assert!(peak_memory() < before + MEMORY, "{} bytes more", peak_memory() - before);
}

fn whole(input: &Input) -> Result<Rows> {
    Reader::new(input).rows(0..input.rows(), Vec::new())
}

/// The most memory that there was, where the system tells.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    peak.unwrap_or(0) << 10
}

fn pick<'a, T>(rng: &mut Rng, of: &'a [T]) -> &'a T {
    &of[rng.usize(..of.len())]
}

/// A range of so many places, most often a short one.
fn some(rng: &mut Rng, length: usize) -> Range<usize> {
    let start = rng.usize(..=length);
    let most = if rng.u8(..4) == 0 { length } else { 8 };
    start..(start + rng.usize(..=most)).min(length)
}

/// Bits flipped, bytes written over, put in, left out, doubled or cut off.
fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let place = rng.usize(..=bytes.len());
    match rng.u8(..10) {
        0 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << rng.u8(..8)),
        1 => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = rng.u8(..)),
        2 => bytes.truncate(place),
        3 => {
            let range = some(rng, bytes.len());
            bytes.drain(range);
        }
        4 => {
            let copy = bytes[some(rng, bytes.len())].to_vec();
            bytes.splice(place..place, copy);
        }
        5 => {
            let number = pick(rng, &NUMBERS).to_le_bytes();
            let width = *pick(rng, &[1, 2, 4, 8]);
            bytes.iter_mut().skip(place).zip(&number[..width]).for_each(|(to, from)| *to = *from);
        }
        6 => {
            let more: Vec<u8> = (0..rng.usize(..12)).map(|_| rng.u8(..)).collect();
            bytes.splice(place..place, more);
        }
        7 => {
            let words: Vec<&str> = WORDS.split(';').collect();
            let word = pick(rng, &words).as_bytes().repeat(rng.usize(1..4));
            bytes.splice(place..place, word);
        }
        8 => number(rng, bytes),
        _ => {
            bytes.splice(place..place, nested(rng).into_bytes());
        }
    }
}

/// Another number in a number's place, as text.
fn number(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let is_digit = |place: &usize| bytes[*place].is_ascii_digit();
    let digits: Vec<usize> = (0..bytes.len()).filter(is_digit).collect();
    if digits.is_empty() {
        return;
    }
    let start = *pick(rng, &digits);
    let end = (start..bytes.len()).find(|place| !is_digit(place)).unwrap_or(bytes.len());
    let number = match rng.u8(..3) {
        0 => rng.u64(..20),
        1 => pick(rng, &NUMBERS).wrapping_sub(rng.u64(..2)),
        _ => rng.u64(..),
    };
    let text = match rng.u8(..8) {
        0 => format!("{number:#x}"),
        1 => format!("{number}_000"),
        2 => format!("{number} + {number}"),
        3 => format!("{number}, {number}, {number}"),
        _ => number.to_string(),
    };
    bytes.splice(start..end, text.into_bytes());
}

/// Brackets in brackets, with such in strings between that are none.
fn nested(rng: &mut Rng) -> String {
    let parts = ["(", "[", "{", "(0,", "[0,", "{0:", "{'a':", "('))))',", "[']]',"];
    (0..rng.usize(..24)).map(|_| *pick(rng, &parts)).collect()
}

/// None in some rounds, most often few.
fn mutations(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..*pick(rng, &[0, 1, 1, 2, 3, 8]) {
        mutate(rng, bytes);
    }
}

/// With the bytes of an element.
const TYPES: &[(usize, &str)] = &[
    (1, "|i1 |u1 |b1 bool"),
    (2, "<f2 >f2 <i2 >u2 |V2"),
    (4, "<f4 >f4 <u4 >i4 =f4 float32"),
    (8, "<f8 >f8 <i8 >u8 d int64 <c8"),
];

const SHAPES: [&[usize]; 7] = [&[], &[7], &[3, 4], &[2, 3, 5], &[1, 40], &[2, 1, 2, 3], &[0, 3]];

/// A header whose length is right, and elements.
fn npy(rng: &mut Rng) -> Vec<u8> {
    let ((size, types), shape) = (*pick(rng, TYPES), *pick(rng, &SHAPES));
    let descr = *pick(rng, &types.split(' ').collect::<Vec<_>>());
    let order = if rng.bool() { "True" } else { "False" };
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({sizes}), }}\n");
    if shape.is_empty() || shape.len() > 1 {
        header = header.replace(", )", ")");
    }
    let mut header = header.into_bytes();
    if rng.bool() {
        mutations(rng, &mut header);
    }
    let length = u32::try_from(header.len()).expect("a short header").to_le_bytes();
    let version = rng.u8(1..=3);
    let length = if version == 1 { &length[..2] } else { &length[..] };
    let count = size * shape.iter().product::<usize>();
    let elements: Vec<u8> = (0..count).map(|_| rng.u8(..)).collect();
    [&b"\x93NUMPY"[..], &[version, 0], length, &header, &elements].concat()
}

fn mutated_npy(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = npy(rng);
    match rng.u8(..10) {
        // The elements of one and the header of another.
        0 => {
            let other = npy(rng);
            let (cut, from) = (rng.usize(..=bytes.len()), rng.usize(..=other.len()));
            bytes.truncate(cut);
            bytes.extend_from_slice(&other[from..]);
        }
        1..6 => mutations(rng, &mut bytes),
        _ => {}
    }
    bytes
}

/// An archive of one to three members, whose records and fields may lie.
fn mutated_npz(rng: &mut Rng) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for name in &["a.npy", "b.npy", "c.npy"][..*pick(rng, &[1, 1, 2, 3])] {
        let method = *pick(rng, &[CompressionMethod::Stored, CompressionMethod::Deflated]);
        let options = zip::write::SimpleFileOptions::default();
        let options = options.compression_method(method).large_file(rng.bool());
        writer.start_file(*name, options).expect("a member");
        let content = if rng.u8(..3) == 0 { mutated_npy(rng) } else { npy(rng) };
        writer.write_all(&content).expect("its bytes");
    }
    let mut bytes = writer.finish().expect("an archive").into_inner();
    // Members of the same name.
    if rng.u8(..8) == 0 {
        replace(&mut bytes, b"b.npy", b"a.npy");
    }
    match rng.u8(..6) {
        0 => mutations(rng, &mut bytes),
        1..5 => {
            for _ in 0..rng.u8(1..4) {
                field(rng, &mut bytes);
            }
        }
        _ => {}
    }
    bytes
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    for place in 0..bytes.len().saturating_sub(from.len()) {
        if bytes[place..].starts_with(from) {
            bytes[place..place + to.len()].copy_from_slice(to);
        }
    }
}

/// Another number in a field of a zip record.
fn field(rng: &mut Rng, bytes: &mut [u8]) {
    let records: [(&[u8], usize); 5] = [
        (b"PK\x01\x02", 46),
        (b"PK\x03\x04", 30),
        (b"PK\x05\x06", 22),
        (b"PK\x06\x06", 56),
        (b"PK\x06\x07", 20),
    ];
    let mut places = Vec::new();
    for place in 0..bytes.len() {
        let record = records.iter().find(|(mark, _)| bytes[place..].starts_with(mark));
        places.extend(record.map(|(_, length)| place + 4..place + length));
    }
    if places.is_empty() {
        return;
    }
    let record = pick(rng, &places).clone();
    let start = rng.usize(record);
    let width = *pick(rng, &[1, 2, 4, 8]);
    let end = (start + width).min(bytes.len());
    let Some(field) = bytes.get_mut(start..end) else { return };
    let mut number = [0; 8];
    number[..field.len()].copy_from_slice(field);
    let number = match rng.u8(..3) {
        0 => u64::from_le_bytes(number).wrapping_add(rng.u64(..64)).wrapping_sub(32),
        1 => rng.u64(..300),
        _ => *pick(rng, &NUMBERS),
    };
    field.copy_from_slice(&number.to_le_bytes()[..field.len()]);
}

/// A header of JSON whose length is right, and as many bytes as it began with.
fn mutated_safetensors(rng: &mut Rng) -> Vec<u8> {
    let types = [
        (1, "I8 U8 BOOL F8_E4M3"),
        (2, "F16 BF16 I16 U16"),
        (4, "F32 I32 U32"),
        (8, "F64 I64 U64 C64"),
    ];
    let (mut parts, mut end) = (Vec::new(), 0);
    if rng.bool() {
        parts.push("\"__metadata__\":{\"format\":\"pt\"}".into());
    }
    for name in &["a", "b", "c"][..*pick(rng, &[1, 1, 2, 3])] {
        let ((size, types), shape) = (*pick(rng, &types), *pick(rng, &SHAPES));
        let dtype = *pick(rng, &types.split(' ').collect::<Vec<_>>());
        let (start, count) = (end, size * shape.iter().product::<usize>());
        end += count;
        // Overlapping, or with a gap.
        let start = if rng.u8(..30) == 0 { rng.usize(..=end + 8) } else { start };
        let name = if rng.u8(..30) == 0 { "a" } else { name };
        parts.push(format!(
            "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}"
        ));
    }
    let mut header = format!("{{{}}}", parts.join(",")).into_bytes();
    if rng.bool() {
        mutations(rng, &mut header);
    }
    header.resize(header.len().next_multiple_of(*pick(rng, &[1, 8])), b' ');
    let mut bytes = [&(header.len() as u64).to_le_bytes()[..], &header].concat();
    bytes.extend((0..end).map(|_| rng.u8(..)));
    if rng.u8(..3) == 0 {
        mutations(rng, &mut bytes);
    }
    bytes
}

/// A table of one or two columns of numbers, or lists of them.
fn table(rng: &mut Rng) -> RecordBatch {
    let rows = *pick(rng, &[0, 1, 5, 40]);
    let columns = ["a", "b"].into_iter().take(rng.usize(1..=2));
    let columns: Vec<_> = columns.map(|name| (name, column(rng, rows))).collect();
    RecordBatch::try_from_iter(columns).expect("a table")
}

fn column(rng: &mut Rng, rows: usize) -> ArrayRef {
    let length = rng.usize(1..4);
    let lists = rng.u8(..3);
    let count = if lists == 0 { rows } else { rows * length };
    let drawn: Vec<u8> = (0..count).map(|_| rng.u8(..)).collect();
    let numbers = || drawn.iter().copied();
    let values: ArrayRef = match rng.u8(..6) {
        0 => Arc::new(Int64Array::from_iter_values(numbers().map(i64::from))),
        1 => Arc::new(UInt16Array::from_iter_values(numbers().map(u16::from))),
        2 => Arc::new(BooleanArray::from_iter(numbers().map(|number| Some(number > 100)))),
        3 => Arc::new(Float32Array::from_iter(
            numbers().map(|number| (number > 0).then(|| f32::from(number))),
        )),
        4 => {
            let keys = numbers().map(|number| (number % 4).cast_signed());
            let keys = arrow_array::Int8Array::from_iter_values(keys);
            let values = Arc::new(Int64Array::from(vec![5, 7, 9, 11]));
            Arc::new(Int8DictionaryArray::new(keys, values))
        }
        _ => Arc::new(Float32Array::from_iter_values(numbers().map(f32::from))),
    };
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    match lists {
        0 => values,
        1 => {
            let length = i32::try_from(length).expect("a short list");
            Arc::new(FixedSizeListArray::new(field, length, values, None))
        }
        _ => {
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(length, rows));
            Arc::new(ListArray::new(field, offsets, values, None))
        }
    }
}

fn mutated_parquet(rng: &mut Rng) -> Vec<u8> {
    let table = table(rng);
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let ways = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW, zstd];
    let properties = WriterProperties::builder()
        .set_compression(*pick(rng, &ways))
        .set_writer_version(*pick(rng, &[WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0]))
        .set_dictionary_enabled(rng.bool())
        .set_max_row_group_row_count(Some(rng.usize(1..50)))
        .build();
    let writer = ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties));
    let mut writer = writer.expect("a writer");
    writer.write(&table).expect("its rows");
    let mut bytes = writer.into_inner().expect("a file");
    mutations(rng, &mut bytes);
    bytes
}

fn mutated_arrow(rng: &mut Rng) -> Vec<u8> {
    let table = table(rng);
    let ways = [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];
    let options = IpcWriteOptions::default().try_with_compression(*pick(rng, &ways));
    let options = options.expect("options");
    let writer = FileWriter::try_new_with_options(Vec::new(), &table.schema(), options);
    let mut writer = writer.expect("a writer");
    for _ in 0..rng.u8(1..4) {
        writer.write(&table).expect("its rows");
    }
    let mut bytes = writer.into_inner().expect("a file");
    mutations(rng, &mut bytes);
    bytes
}

#[test]
fn parquet_files() {
    fuzz(".parquet", &["x.parquet", "x.parquet:a", "-:b", "x.parquet:a"], mutated_parquet);
}

#[test]
fn arrow_files() {
    fuzz(".arrow", &["x.arrow", "x.feather:a", "-:b", "x.arrow:a"], mutated_arrow);
}

#[test]
fn npy_files() {
    fuzz(".npy", &["x.npy", "-"], mutated_npy);
}

#[test]
fn npz_files() {
    fuzz(".npz", &["x.npz", "x.npz:a", "-:a", "x.npz:b.npy"], mutated_npz);
}

#[test]
fn safetensors_files() {
    fuzz(".safetensors", &["x.safetensors", "x.safetensors:a", "-:b"], mutated_safetensors);
}
