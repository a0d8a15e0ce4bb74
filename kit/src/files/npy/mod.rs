//! NumPy's `.npy`.

mod strict;

use super::READABLE;
use super::array::Array;
use npyz::{DType as Described, Endianness, NpyHeader, Order, TypeChar, WriterBuilder};
use std::borrow::Cow;
use std::io;
use wgloss::{DType, Tensor};

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy's own limit, for the same reason: parsing must not take all the stack or time.
const LONGEST_HEADER: usize = 10_000;
/// The dictionary and the shape make 2, each level of structured types 2 more. The header's parser
/// takes time exponential in it.
const DEEPEST_HEADER: usize = 6;
/// The most characters of a header that a message shows.
const SHOWN: usize = 120;

/// More than any header that is read has.
pub(super) const START: u64 = 12 + LONGEST_HEADER as u64;

/// Reads the header of a file that starts so and has `size` bytes, and checks that exactly the
/// elements follow it.
pub(super) fn parse(start: &[u8], size: usize) -> Result<Array, String> {
    let Preamble { version, header, length } = preamble(start)?;
    let rest = size.saturating_sub(length);
    let header = strict::text(&header);
    check(&header)?;
    let header = NpyHeader::from_reader(&strict::start(version, &header)[..])
        .map_err(|error| unreadable(&error, &header))?;
    let dtype = dtype(&header.dtype())?;
    let shape: Option<Vec<usize>> =
        header.shape().iter().map(|&size| usize::try_from(size).ok()).collect();
    let expected = header
        .shape()
        .iter()
        .try_fold(dtype.size() as u64, |product, &size| product.checked_mul(size));
    let (Some(shape), Some(expected)) = (shape, expected) else {
        return Err(format!("shape {:?} is past 2^64 bytes", header.shape()));
    };
    if rest as u64 != expected {
        let trouble = if (rest as u64) < expected { "is cut short" } else { "is too long" };
        return Err(format!(
            "the file {trouble}: {rest} bytes after the header, expected {expected} for {dtype} \
             {shape:?}"
        ));
    }
    // Along one axis there is no other order.
    let axes = shape.iter().filter(|&&size| size > 1).count();
    Ok(Array {
        dtype,
        range: length..size,
        big_endian: big_endian(&header.dtype()),
        fortran: axes > 1 && header.order() == Order::Fortran,
        shape,
    })
}

/// The header of a file of float32 in row-major order.
///
/// # Errors
/// If the format has no such shape.
pub fn header(shape: &[usize]) -> io::Result<Vec<u8>> {
    let shape: Vec<u64> = shape.iter().map(|&size| size as u64).collect();
    let mut header = Vec::new();
    let options = npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape);
    options.writer(&mut header).begin_nd()?;
    Ok(header)
}

/// The file of a tensor, in float32.
///
/// # Errors
/// If the format has no such shape.
pub fn file(tensor: &Tensor<'_>) -> io::Result<Vec<u8>> {
    let mut file = header(tensor.shape())?;
    file.extend(tensor.to_f32().iter().flat_map(|x| x.to_le_bytes()));
    Ok(file)
}

/// The parser's reason without its grammar's terms, and the header instead.
fn unreadable(error: &io::Error, header: &str) -> String {
    let error = error.to_string();
    let reason = error.split(": syntax error").next().unwrap_or_default();
    let start: String = header.trim().chars().take(SHOWN).collect();
    format!("the .npy header cannot be read: {reason}: {start:?}")
}

/// What a file starts with.
struct Preamble<'a> {
    version: [u8; 2],
    /// The Python dictionary.
    header: Cow<'a, str>,
    /// The bytes before the elements.
    length: usize,
}

/// Finds the header.
fn preamble(bytes: &[u8]) -> Result<Preamble<'_>, String> {
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    if start != MAGIC {
        return Err(format!(
            "not an .npy array: it starts with \"{}\", expected \"{}\"",
            start.escape_ascii(),
            MAGIC.escape_ascii()
        ));
    }
    let (version, start, length) = match bytes.get(6..12) {
        Some(&[1, minor, a, b, ..]) => ([1, minor], 10, u16::from_le_bytes([a, b]).into()),
        Some(&[major, minor, a, b, c, d]) => {
            ([major, minor], 12, u32::from_le_bytes([a, b, c, d]) as usize)
        }
        _ => {
            return Err(format!(
                "the .npy header is cut short: {} bytes, expected 12 at least",
                bytes.len()
            ));
        }
    };
    let length = length.saturating_add(start);
    if length > LONGEST_HEADER {
        return Err(format!(
            "the .npy header has {length} bytes, expected {LONGEST_HEADER} at most, NumPy's own limit"
        ));
    }
    let header = bytes.get(..length).ok_or_else(|| {
        format!("the .npy header is cut short: {} bytes, expected {length}", bytes.len())
    })?;
    let header = String::from_utf8_lossy(&header[start..]);
    Ok(Preamble { version, header, length })
}

/// Refuses what the header's parser takes badly.
fn check(header: &str) -> Result<(), String> {
    let bare = strict::without_strings(header);
    check_depth(&bare)?;
    check_numbers(&bare)
}

fn check_depth(bare: &str) -> Result<(), String> {
    let (mut depth, mut deepest) = (0usize, 0);
    for c in bare.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > DEEPEST_HEADER {
        let got = format!("the .npy header has {deepest} nested brackets");
        return Err(format!("{got}, expected {DEEPEST_HEADER} at most"));
    }
    Ok(())
}

/// The parser multiplies the sizes without a check, and computes sums and fractions.
fn check_numbers(bare: &str) -> Result<(), String> {
    let words = bare.split(|c: char| c.is_whitespace() || "()[]{},:".contains(c));
    let numbers = words.filter(|word| {
        word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
    });
    let mut product = Some(1u64);
    for number in numbers.clone() {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let size = digits.then(|| number.parse::<u64>().ok()).flatten();
        let size = size.ok_or_else(|| {
            format!("the .npy header has the size {number}, expected an integer from 0 to 2^64 - 1")
        })?;
        product = product.and_then(|product| product.checked_mul(size.max(1)));
    }
    match product {
        Some(_) => Ok(()),
        None => {
            let sizes: Vec<_> = numbers.collect();
            Err(format!("shape ({}) is past 2^64 elements", sizes.join(", ")))
        }
    }
}

fn dtype(described: &Described) -> Result<DType, String> {
    let known = match described {
        Described::Plain(plain) => match (plain.type_char(), plain.size_field()) {
            (TypeChar::Float, 2) => Some(DType::F16),
            (TypeChar::Float, 4) => Some(DType::F32),
            (TypeChar::Float, 8) => Some(DType::F64),
            (TypeChar::Int, 1) => Some(DType::I8),
            (TypeChar::Int, 2) => Some(DType::I16),
            (TypeChar::Int, 4) => Some(DType::I32),
            (TypeChar::Int, 8) => Some(DType::I64),
            (TypeChar::Uint | TypeChar::Bool, 1) => Some(DType::U8),
            (TypeChar::Uint, 2) => Some(DType::U16),
            (TypeChar::Uint, 4) => Some(DType::U32),
            (TypeChar::Uint, 8) => Some(DType::U64),
            _ => None,
        },
        _ => None,
    };
    known.ok_or_else(|| {
        format!("element type {} ({}), expected {READABLE}", described.descr(), kind(described))
    })
}

/// What the type is called, for those who do not know NumPy's letters.
fn kind(described: &Described) -> &'static str {
    let Described::Plain(plain) = described else { return "structured" };
    match plain.type_char() {
        TypeChar::Complex => "complex",
        TypeChar::TimeDelta | TypeChar::DateTime => "time",
        TypeChar::ByteStr | TypeChar::UnicodeStr => "string",
        TypeChar::Object => "Python objects",
        TypeChar::RawData => "raw bytes; bfloat16 is read from .safetensors",
        _ => "of another size",
    }
}

fn big_endian(described: &Described) -> bool {
    matches!(described, Described::Plain(plain) if plain.endianness() == Endianness::Big)
}
