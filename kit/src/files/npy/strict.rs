//! Headers that NumPy reads, in the one form that the header's parser reads.

use super::MAGIC;

/// A header with its type in NumPy's own notation, its integers without Python 2's `L`, its strings
/// without `u`, and on one line.
pub(super) fn text(text: &str) -> String {
    with_type(&plain(text.trim()))
}

/// A file's start with this header.
pub(super) fn start(version: [u8; 2], text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let length = if version[0] == 1 { &length[..2] } else { &length[..] };
    [MAGIC, &version, length, text.as_bytes()].concat()
}

/// The text with a space in each string's place.
pub(super) fn without_strings(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match quote {
            Some(_) if c == '\\' => {
                characters.next();
            }
            Some(open) => quote = (c != open).then_some(open),
            None => {
                quote = matches!(c, '\'' | '"').then_some(c);
                bare.push(if quote.is_some() { ' ' } else { c });
            }
        }
    }
    bare
}

/// The text without what Python 2 writes, and without line breaks between its words.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let before = plain.chars().next_back().unwrap_or(' ');
        let next = characters.peek().copied();
        let starts_string = matches!(next, Some('\'' | '"')) && !before.is_alphanumeric();
        match (quote, c) {
            (Some(_), '\\') => {
                plain.push(c);
                plain.extend(characters.next());
            }
            (Some(open), _) => {
                quote = (c != open).then_some(open);
                plain.push(c);
            }
            (None, 'L') if before.is_ascii_digit() => {}
            (None, 'u' | 'U') if starts_string => {}
            (None, '\n' | '\r' | '\t') => plain.push(' '),
            (None, _) => {
                quote = matches!(c, '\'' | '"').then_some(c);
                plain.push(c);
            }
        }
    }
    plain
}

/// The text with its type as the parser wants it, if that is another spelling of one that is read.
fn with_type(text: &str) -> String {
    let respelled = || {
        let (_, rest) = text.split_once("descr")?;
        let rest = rest.strip_prefix(['\'', '"'])?.trim_start().strip_prefix(':')?.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (value, after) = rest[1..].split_once(quote)?;
        let before = &text[..text.len() - rest.len()];
        Some(format!("{before}{quote}{}{quote}{after}", descriptor(value)?))
    };
    respelled().unwrap_or_else(|| text.into())
}

/// NumPy's own notation of a type: `<f4` for `=f4`, `f4`, `f` or `float32`.
fn descriptor(text: &str) -> Option<String> {
    let name = text.strip_prefix(['<', '>', '=', '|']).unwrap_or(text);
    let kind = match name {
        "e" => "f2",
        "f" => "f4",
        "d" => "f8",
        "b" => "i1",
        "h" => "i2",
        "i" => "i4",
        "q" | "l" | "p" | "n" => "i8",
        "B" => "u1",
        "H" => "u2",
        "I" => "u4",
        "Q" | "L" | "P" | "N" => "u8",
        "?" => "b1",
        "f2" | "f4" | "f8" | "i1" | "i2" | "i4" | "i8" | "u1" | "u2" | "u4" | "u8" | "b1" => name,
        _ => word(text)?,
    };
    let order = match (kind.ends_with('1'), text.starts_with('>')) {
        (true, _) => '|',
        (false, true) => '>',
        (false, false) => '<',
    };
    Some(format!("{order}{kind}"))
}

/// The types' names, as NumPy 2 has them on systems of 64 bits; files from others have other sizes,
/// which are noticed.
fn word(text: &str) -> Option<&'static str> {
    Some(match text {
        "float16" | "half" => "f2",
        "float32" | "single" => "f4",
        "float64" | "double" | "float" => "f8",
        "int8" | "byte" => "i1",
        "int16" | "short" => "i2",
        "int32" | "intc" => "i4",
        "int64" | "longlong" | "long" | "int" | "int_" | "intp" => "i8",
        "uint8" | "ubyte" => "u1",
        "uint16" | "ushort" => "u2",
        "uint32" | "uintc" => "u4",
        "uint64" | "ulonglong" | "ulong" | "uint" | "uintp" => "u8",
        "bool" | "bool_" => "b1",
        _ => return None,
    })
}
