//! Hugging Face's `.safetensors`.

use super::array::Array;
use super::{Listed, READABLE};
use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use wgloss::DType;

/// Bytes before the header: its length.
const LENGTH: usize = 8;
/// The format's own limit of the header's length.
const LONGEST_HEADER: u64 = 100_000_000;

/// Finds the tensor of this name, or the only one.
pub(super) fn find(bytes: &[u8], member: Option<&str>) -> Result<Array, String> {
    let (header, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| unreadable(bytes, &error))?;
    let mut names = metadata.offset_keys();
    names.sort();
    let known = || names.iter().map(String::as_str);
    let name = match (member, names.as_slice()) {
        (Some(member), _) => member,
        (None, [only]) => only,
        (None, _) => {
            return Err(format!(
                "{} tensors, expected one or the name of one after a colon: {}",
                names.len(),
                wgloss::brief(known())
            ));
        }
    };
    let info = metadata
        .info(name)
        .ok_or_else(|| wgloss::Error::unknown_name("tensor", name, known()).to_string())?;
    array(name, info, LENGTH + header)
}

/// All tensors, by their names.
pub(super) fn list(bytes: &[u8]) -> Result<Vec<Listed>, String> {
    let (header, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| unreadable(bytes, &error))?;
    let mut tensors: Vec<(String, &TensorInfo)> = metadata.tensors().into_iter().collect();
    tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
    let listed = |(name, info): (String, &TensorInfo)| {
        Listed::new(Some(&name), array(&name, info, LENGTH + header))
    };
    Ok(tensors.into_iter().map(listed).collect())
}

/// A tensor of a file whose elements start at a place.
fn array(name: &str, info: &TensorInfo, data: usize) -> Result<Array, String> {
    let dtype = dtype(info.dtype).ok_or_else(|| {
        format!("element type {} of {name:?}, expected bfloat16, {READABLE}", info.dtype)
    })?;
    let (start, end) = info.data_offsets;
    Ok(Array {
        dtype,
        shape: info.shape.clone(),
        range: data + start..data + end,
        big_endian: false,
        fortran: false,
    })
}

fn dtype(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::I8 => DType::I8,
        Dtype::I16 => DType::I16,
        Dtype::I32 => DType::I32,
        Dtype::I64 => DType::I64,
        Dtype::U8 | Dtype::BOOL => DType::U8,
        Dtype::U16 => DType::U16,
        Dtype::U32 => DType::U32,
        Dtype::U64 => DType::U64,
        _ => return None,
    })
}

/// The parser's reason, with the numbers that it leaves out.
fn unreadable(bytes: &[u8], error: &SafeTensorError) -> String {
    let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    let after = (bytes.len() as u64).saturating_sub(LENGTH as u64);
    let reason = match error {
        SafeTensorError::HeaderTooLarge if header <= after => {
            return format!(
                "the .safetensors header has {header} bytes, expected {LONGEST_HEADER} at most, \
                 the limit of the format"
            );
        }
        SafeTensorError::HeaderTooSmall => {
            format!("{} bytes, expected {LENGTH} at least", bytes.len())
        }
        SafeTensorError::HeaderTooLarge | SafeTensorError::InvalidHeaderLength => {
            format!("its header is said to have {header} bytes, but {after} follow")
        }
        SafeTensorError::MetadataIncompleteBuffer => {
            let wanted = described(bytes, header).map_or("other".into(), |n| n.to_string());
            format!("{} bytes after the header, expected {wanted}", after.saturating_sub(header))
        }
        other => other.to_string(),
    };
    format!("not a whole .safetensors file: {reason}")
}

/// How many bytes of tensors the header describes.
fn described(bytes: &[u8], header: u64) -> Option<u64> {
    let end = LENGTH.checked_add(usize::try_from(header).ok()?)?;
    let header: serde_json::Value = serde_json::from_slice(bytes.get(LENGTH..end)?).ok()?;
    header.as_object()?.values().filter_map(|info| info["data_offsets"][1].as_u64()).max()
}
