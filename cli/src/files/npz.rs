//! NumPy's `.npz`: a zip archive of `.npy` files.

use std::io::{Cursor, Read};
use zip::ZipArchive;

/// The member's bytes, decompressed.
pub(super) fn extract(bytes: &[u8], member: Option<&str>) -> Result<Vec<u8>, String> {
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
    // One byte more than it says tells a member that lies about its size from a right one.
    let mut content = Vec::new();
    let read = file.by_ref().take(size.saturating_add(1)).read_to_end(&mut content);
    let read = read.map_err(|error| unreadable(&error))? as u64;
    if read != size {
        return Err(unreadable(&format!("{read} bytes, expected {size}")));
    }
    Ok(content)
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".npy").unwrap_or(name)
}
