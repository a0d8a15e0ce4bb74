//! NumPy's `.npz`: a zip archive of `.npy` files.

use super::Bytes;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use zip::{CompressionMethod, ZipArchive};

/// The member's bytes: where they lie in the archive, or decompressed.
pub(super) fn open(bytes: Bytes, member: Option<&str>) -> Result<(Bytes, Range<usize>), String> {
    match extract(&bytes, member)? {
        Member::Stored(range) => Ok((bytes, range)),
        Member::Extracted(bytes) => {
            let range = 0..bytes.len();
            Ok((bytes, range))
        }
    }
}

enum Member {
    Stored(Range<usize>),
    Extracted(Bytes),
}

fn extract(bytes: &[u8], member: Option<&str>) -> Result<Member, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| format!("not a readable .npz archive: {error}"))?;
    let names: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let known = || names.iter().map(|name| stem(name));
    let unknown = |member| wgloss::Error::unknown_name("member", member, known()).to_string();
    let found = match member {
        Some(member) => {
            let found = names.iter().find(|name| [stem(name), name].contains(&member));
            found.ok_or_else(|| unknown(member))?
        }
        None => match names.as_slice() {
            [only] => only,
            _ => {
                return Err(format!(
                    "{} members, expected one or the name of one after a colon: {}",
                    names.len(),
                    wgloss::brief(known())
                ));
            }
        },
    };
    let unreadable =
        |error: &dyn std::fmt::Display| format!("member {:?} cannot be read: {error}", stem(found));
    let mut file = archive.by_name(found).map_err(|error| unreadable(&error))?;
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
        Some(range) => copy(&mut io::sink()).map(|()| Member::Stored(range)),
        None => Bytes::written(|spool| copy(spool)).map(Member::Extracted),
    };
    let member = member.map_err(|error| unreadable(&error))?;
    if read != size {
        return Err(unreadable(&format!("{read} bytes, expected {size}")));
    }
    Ok(member)
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
