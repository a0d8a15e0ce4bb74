//! NumPy's `.npz`: a zip archive of `.npy` files.

use super::array::Array;
use super::{Keep, Listed, npy};
use bytes::Bytes;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use zip::{CompressionMethod, ZipArchive};

/// The member's bytes: where they lie in the archive, or decompressed and kept.
pub(super) fn open(bytes: &Bytes, member: Option<&str>, keep: &Keep<'_>) -> Result<Bytes, String> {
    let mut archive = archive(bytes)?;
    let name = find(&archive, member)?;
    let unreadable = |error: &dyn std::fmt::Display| unreadable(&name, error);
    let mut file = archive.by_name(&name).map_err(|error| unreadable(&error))?;
    let size = file.size();
    let place = (file.compression() == CompressionMethod::Stored).then(|| file.data_start());
    // One byte more than it says tells a member that lies about its size from a right one.
    let mut content = file.by_ref().take(size.saturating_add(1));
    let mut read = 0;
    let mut copy = |to: &mut dyn io::Write| {
        read = io::copy(&mut content, to)?;
        Ok(())
    };
    let stored = place.flatten().and_then(|place| range(place, size, bytes.len()));
    let member = match stored {
        // Read to its end, since only so its checksum is compared.
        Some(range) => copy(&mut io::sink()).map(|()| bytes.slice(range)),
        None => keep(&mut copy),
    };
    let member = member.map_err(|error| unreadable(&error))?;
    if read != size {
        return Err(unreadable(&format!("{read} bytes, expected {size}")));
    }
    Ok(member)
}

/// The member's array, by its head.
pub(super) fn head(bytes: &Bytes, member: Option<&str>) -> Result<Array, String> {
    let mut archive = archive(bytes)?;
    let name = find(&archive, member)?;
    start(&mut archive, &name)
}

/// All members' arrays, by their heads.
pub(super) fn list(bytes: &Bytes) -> Result<Vec<Listed>, String> {
    let mut archive = archive(bytes)?;
    let names = names(&archive);
    let listed = |name: String| Listed::new(Some(stem(&name)), start(&mut archive, &name));
    Ok(names.into_iter().map(listed).collect())
}

/// The array of which a member is said to have so many bytes, by the first of them.
fn start(archive: &mut Archive<'_>, name: &str) -> Result<Array, String> {
    let file = archive.by_name(name).map_err(|error| unreadable(name, &error))?;
    let size = usize::try_from(file.size()).unwrap_or(usize::MAX);
    let mut start = Vec::new();
    file.take(npy::START).read_to_end(&mut start).map_err(|error| unreadable(name, &error))?;
    npy::parse(&start, size)
}

type Archive<'a> = ZipArchive<Cursor<&'a Bytes>>;

fn archive(bytes: &Bytes) -> Result<Archive<'_>, String> {
    ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| format!("not a readable .npz archive: {error}"))
}

fn names(archive: &Archive<'_>) -> Vec<String> {
    archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect()
}

/// The member's name in the archive.
fn find(archive: &Archive<'_>, member: Option<&str>) -> Result<String, String> {
    let names = names(archive);
    let known = || names.iter().map(|name| stem(name));
    let Some(member) = member else {
        let [only] = names.as_slice() else {
            return Err(format!(
                "{} members, expected one or the name of one after a colon: {}",
                names.len(),
                wgloss::brief(known())
            ));
        };
        return Ok(only.clone());
    };
    let found = names.iter().find(|name| [stem(name), name].contains(&member));
    let unknown = || wgloss::Error::unknown_name("member", member, known()).to_string();
    found.cloned().ok_or_else(unknown)
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> String {
    format!("member {:?} cannot be read: {error}", stem(name))
}

/// The places of a member, if they are in the archive.
fn range(place: u64, size: u64, archive: usize) -> Option<Range<usize>> {
    let start = usize::try_from(place).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    (end <= archive).then_some(start..end)
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".npy").unwrap_or(name)
}
