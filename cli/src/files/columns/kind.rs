//! Numbers in rows: a column's type, and its elements as bytes.

use super::super::READABLE;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, OffsetSizeTrait};
use arrow_schema::{DataType, Field};
use serde_json::Value;
use wgloss::DType;

/// The type of a column: numbers, or lists of them.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    dtype: DType,
    /// How many each list in a list holds, from the outermost on; `None` where only rows tell.
    lengths: Vec<Option<usize>>,
    /// What each row of the innermost lists is, where the type says more than their length.
    tensor: Option<Vec<usize>>,
}

impl Kind {
    pub(super) fn of(field: &Field) -> Result<Self, String> {
        let mut lengths = Vec::new();
        let mut field = field;
        loop {
            let tensor = tensor(field)?;
            let (inner, length) = match field.data_type() {
                DataType::FixedSizeList(inner, length) => {
                    let wrong = || format!("lists of {length}, expected a length from 0");
                    (inner, Some(usize::try_from(*length).map_err(|_| wrong())?))
                }
                DataType::List(inner) | DataType::LargeList(inner) => (inner, None),
                plain => {
                    let known = dtype(plain);
                    let dtype = known
                        .ok_or_else(|| format!("element type {plain}, expected {READABLE}"))?;
                    return Ok(Self { dtype, lengths, tensor: None });
                }
            };
            lengths.push(length);
            if let Some(shape) = tensor {
                let plain = inner.data_type();
                let dtype = dtype(plain)
                    .ok_or_else(|| format!("element type {plain}, expected {READABLE}"))?;
                return Ok(Self { dtype, lengths, tensor: Some(shape) });
            }
            field = inner;
        }
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape of a row; 0 stands for what is not known.
    pub(super) fn shape(&self) -> Vec<usize> {
        let lengths = self.lengths.iter().map(|length| length.unwrap_or(0));
        let Some(tensor) = &self.tensor else { return lengths.collect() };
        lengths.take(self.lengths.len() - 1).chain(tensor.iter().copied()).collect()
    }

    /// Whether only rows tell what a row's shape is.
    pub(super) fn is_open(&self) -> bool {
        self.lengths.contains(&None)
    }

    /// The bytes of a row.
    pub(super) fn row(&self) -> usize {
        self.shape().iter().fold(self.dtype.size(), |bytes, &size| bytes.saturating_mul(size))
    }

    /// Takes what the type does not say from the first row.
    pub(super) fn take_lengths(&mut self, column: &ArrayRef) -> Result<(), String> {
        let mut array = column.slice(0, column.len().min(1));
        for length in &mut self.lengths {
            if !no_nulls(&array) {
                return Err("row 0: null, expected a list".into());
            }
            let first = match array.data_type() {
                DataType::List(_) if !array.is_empty() => lengths::<i32>(&array).next(),
                DataType::LargeList(_) if !array.is_empty() => lengths::<i64>(&array).next(),
                _ => None,
            };
            *length = Some(length.or(first).unwrap_or(0));
            array = within(&array)?;
        }
        Ok(())
    }

    /// Appends the elements of rows, of which the first is this one of the file.
    pub(super) fn append(
        &self,
        column: &ArrayRef,
        first: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), String> {
        let mut array = column.clone();
        let mut in_row = 1usize;
        for (depth, length) in self.lengths.iter().enumerate() {
            let length = length.unwrap_or(0);
            self.check_nulls(&array, first, in_row, depth)?;
            let other = match array.data_type() {
                DataType::List(_) => other_length::<i32>(&array, length),
                DataType::LargeList(_) => other_length::<i64>(&array, length),
                _ => None,
            };
            if let Some((place, got)) = other {
                let row = first + place / in_row.max(1);
                return Err(format!("row {row}: a list of {got}, expected {length} as in row 0"));
            }
            in_row = in_row.saturating_mul(length);
            array = within(&array)?;
        }
        self.check_nulls(&array, first, in_row, self.lengths.len())?;
        elements(&array, to)
    }

    fn check_nulls(
        &self,
        array: &ArrayRef,
        first: usize,
        in_row: usize,
        depth: usize,
    ) -> Result<(), String> {
        if no_nulls(array) {
            return Ok(());
        }
        let nulls = array.logical_nulls();
        let place = nulls.and_then(|nulls| nulls.iter().position(|valid| !valid)).unwrap_or(0);
        let row = first + place / in_row.max(1);
        let expected = if depth < self.lengths.len() { "a list" } else { "a number" };
        Err(format!("row {row}: null, expected {expected}"))
    }
}

fn no_nulls(array: &ArrayRef) -> bool {
    array.logical_null_count() == 0
}

/// The extension type of rows that are tensors of one shape.
const TENSOR: &str = "arrow.fixed_shape_tensor";

/// The shape of a fixed-shape tensor's rows. Arrow's own reader refuses those that pyarrow writes,
/// whose numbers might be null by their type.
fn tensor(field: &Field) -> Result<Option<Vec<usize>>, String> {
    if field.extension_type_name() != Some(TENSOR) {
        return Ok(None);
    }
    let text = field.extension_type_metadata().unwrap_or_default();
    let facts: Value = serde_json::from_str(text).unwrap_or_default();
    let sizes = |fact: &Value| serde_json::from_value::<Vec<usize>>(fact.clone()).ok();
    let shape = sizes(&facts["shape"])
        .ok_or_else(|| format!("{TENSOR} of {text:?}, expected one with a shape"))?;
    let order = sizes(&facts["permutation"]).unwrap_or_default();
    if !order.is_sorted() {
        let got = format!("{TENSOR} with its axes in the order {order:?}");
        return Err(format!("{got}, expected that of its elements"));
    }
    let DataType::FixedSizeList(_, length) = field.data_type() else { return Ok(None) };
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    if count.and_then(|count| i32::try_from(count).ok()) != Some(*length) {
        return Err(format!("{TENSOR} of shape {shape:?} in lists of {length}"));
    }
    Ok(Some(shape))
}

fn dtype(plain: &DataType) -> Option<DType> {
    Some(match plain {
        DataType::Float16 => DType::F16,
        DataType::Float32 => DType::F32,
        DataType::Float64 => DType::F64,
        DataType::Int8 => DType::I8,
        DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 => DType::I64,
        DataType::UInt8 | DataType::Boolean => DType::U8,
        DataType::UInt16 => DType::U16,
        DataType::UInt32 => DType::U32,
        DataType::UInt64 => DType::U64,
        DataType::Dictionary(_, values) => return dtype(values),
        _ => return None,
    })
}

/// What is in lists.
fn within(array: &ArrayRef) -> Result<ArrayRef, String> {
    fn between<O: OffsetSizeTrait>(array: &ArrayRef) -> ArrayRef {
        let lists = array.as_list::<O>();
        let offsets = lists.value_offsets();
        let [start, end] =
            [offsets.first(), offsets.last()].map(|offset| offset.map_or(0, |o| o.as_usize()));
        lists.values().slice(start, end - start)
    }
    match array.data_type() {
        DataType::FixedSizeList(..) => Ok(array.as_fixed_size_list().values().clone()),
        DataType::List(_) => Ok(between::<i32>(array)),
        DataType::LargeList(_) => Ok(between::<i64>(array)),
        other => Err(format!("{other} in its rows, expected lists")),
    }
}

fn lengths<O: OffsetSizeTrait>(array: &ArrayRef) -> impl Iterator<Item = usize> {
    let offsets = array.as_list::<O>().value_offsets();
    offsets.windows(2).map(|pair| (pair[1] - pair[0]).as_usize())
}

/// The first list that does not hold so many, and what it holds.
fn other_length<O: OffsetSizeTrait>(array: &ArrayRef, length: usize) -> Option<(usize, usize)> {
    lengths::<O>(array).enumerate().find(|&(_, own)| own != length)
}

/// Appends numbers as they lie in memory.
fn elements(array: &ArrayRef, to: &mut Vec<u8>) -> Result<(), String> {
    macro_rules! plain {
        ($($name:ident: $type:ty,)*) => {
            match array.data_type() {
                $(DataType::$name => {
                    to.extend_from_slice(array.as_primitive::<$type>().values().inner());
                })*
                DataType::Boolean => to.extend(array.as_boolean().values().iter().map(u8::from)),
                DataType::Dictionary(..) => {
                    let dictionary = array.as_any_dictionary();
                    let values = arrow_select::take::take(dictionary.values(), dictionary.keys(), None);
                    return elements(&values.map_err(|error| error.to_string())?, to);
                }
                other => return Err(format!("{other} in its rows, expected {READABLE}")),
            }
        };
    }
    plain! {
        Float16: Float16Type, Float32: Float32Type, Float64: Float64Type,
        Int8: Int8Type, Int16: Int16Type, Int32: Int32Type, Int64: Int64Type,
        UInt8: UInt8Type, UInt16: UInt16Type, UInt32: UInt32Type, UInt64: UInt64Type,
    }
    Ok(())
}
