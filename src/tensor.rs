//! Tensors on the host: bytes with a shape and an element type.

use crate::error::{Error, Result};
use crate::numbers::Numbers;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// IEEE binary32.
    F32,
    /// IEEE binary64; accepted on the host and converted to float32.
    F64,
    /// IEEE binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// 8 bits, unsigned.
    U8,
    /// 8 bits, signed.
    I8,
    /// 16 bits, unsigned.
    U16,
    /// 16 bits, signed.
    I16,
    /// 32 bits, unsigned.
    U32,
    /// 32 bits, signed.
    I32,
    /// 64 bits, unsigned.
    U64,
    /// 64 bits, signed.
    I64,
}

impl DType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 | Self::BF16 | Self::U16 | Self::I16 => 2,
            Self::F32 | Self::U32 | Self::I32 => 4,
            Self::F64 | Self::U64 | Self::I64 => 8,
        }
    }

    /// The least and the greatest number of an integer type, as far as i64 holds it.
    pub(crate) fn range(self) -> [i64; 2] {
        match self {
            Self::U8 => [0, u8::MAX.into()],
            Self::I8 => [i8::MIN.into(), i8::MAX.into()],
            Self::U16 => [0, u16::MAX.into()],
            Self::I16 => [i16::MIN.into(), i16::MAX.into()],
            Self::U32 => [0, u32::MAX.into()],
            Self::I32 => [i32::MIN.into(), i32::MAX.into()],
            Self::U64 => [0, i64::MAX],
            _ => [i64::MIN, i64::MAX],
        }
    }

    /// Whether the elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::BF16)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
        })
    }
}

/// A type whose slices can be a tensor's data.
pub trait Element: bytemuck::Pod {
    /// The corresponding element type.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($type:ty => $dtype:ident),* $(,)?) => {
        $(impl Element for $type { const DTYPE: DType = DType::$dtype; })*
    };
}

elements! {
    f32 => F32, f64 => F64, half::f16 => F16, half::bf16 => BF16,
    u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64,
}

/// The number of elements of a shape; `None` past 2^64.
pub(crate) fn elements(shape: &[usize]) -> Option<u64> {
    // A zero anywhere makes the tensor empty, however large the other dimensions.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64))
}

/// The indices of an element of a row-major tensor by its place, one for each dimension.
pub(crate) fn index(shape: &[usize], place: u64) -> Vec<u64> {
    let mut rest = place;
    let mut index: Vec<u64> = Vec::with_capacity(shape.len());
    for &size in shape.iter().rev() {
        let size = (size as u64).max(1);
        index.push(rest % size);
        rest /= size;
    }
    index.reverse();
    index
}

/// A dense, row-major tensor in host memory, borrowed or owned.
#[derive(Clone)]
pub struct Tensor<'a> {
    dtype: DType,
    shape: Vec<usize>,
    data: Data<'a>,
}

#[derive(Clone)]
enum Data<'a> {
    Bytes(Cow<'a, [u8]>),
    /// Results, which would have to be copied to become bytes.
    Floats(Numbers),
}

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({} {:?})", self.dtype, self.shape)
    }
}

impl<'a> Tensor<'a> {
    /// A tensor over the given little-endian bytes, which need no alignment.
    ///
    /// # Errors
    /// If the number of bytes is not that of the shape.
    pub fn from_bytes(
        dtype: DType,
        shape: impl Into<Vec<usize>>,
        bytes: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Self> {
        let (shape, bytes) = (shape.into(), bytes.into());
        let expected = elements(&shape).and_then(|n| n.checked_mul(dtype.size() as u64));
        if expected != Some(bytes.len() as u64) {
            return Err(Error::Size {
                argument: "tensor".into(),
                what: "size in bytes",
                got: bytes.len() as u64,
                expected: format!(
                    "{} for {dtype} {shape:?}",
                    expected.map_or("more than 2^64".into(), |n| n.to_string())
                ),
            });
        }
        Ok(Self { dtype, shape, data: Data::Bytes(bytes) })
    }

    /// A result of as many numbers as the shape has, rounded to its type.
    pub(crate) fn rounded(kind: TensorKind, floats: Numbers) -> Self {
        debug_assert_eq!(elements(&kind.shape), Some(floats.len() as u64));
        let data = match rounded(kind.dtype, &floats) {
            Cow::Owned(bytes) => Data::Bytes(bytes.into()),
            Cow::Borrowed(_) => Data::Floats(floats),
        };
        Self { dtype: kind.dtype, shape: kind.shape, data }
    }

    /// A result read from a buffer, whose size is a multiple of 4 bytes.
    pub(crate) fn from_padded(kind: TensorKind, mut bytes: Vec<u8>) -> Self {
        bytes.truncate(kind.shape.iter().product::<usize>() * kind.dtype.size());
        Self { dtype: kind.dtype, shape: kind.shape, data: Data::Bytes(bytes.into()) }
    }

    /// The memory of a result in float32.
    pub(crate) fn into_numbers(self) -> Option<Numbers> {
        match self.data {
            Data::Floats(floats) => Some(floats),
            Data::Bytes(_) => None,
        }
    }

    /// A tensor that borrows a slice.
    ///
    /// # Errors
    /// If the slice's length is not the number of elements of the shape.
    pub fn from_slice<T: Element>(data: &'a [T], shape: impl Into<Vec<usize>>) -> Result<Self> {
        Self::from_bytes(T::DTYPE, shape, bytemuck::cast_slice::<T, u8>(data))
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The shape; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.bytes().len() / self.dtype.size()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// The elements as they lie in memory.
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Bytes(bytes) => bytes,
            Data::Floats(floats) => bytemuck::cast_slice(floats),
        }
    }

    /// The element type and shape.
    pub fn kind(&self) -> TensorKind {
        TensorKind { dtype: self.dtype, shape: self.shape.clone() }
    }

    /// The elements, where they lie in memory as float32.
    pub(crate) fn as_f32(&self) -> Option<&[f32]> {
        let bytes = Some(self.bytes()).filter(|_| self.dtype == DType::F32)?;
        bytemuck::try_cast_slice(bytes).ok()
    }

    /// Some elements rounded to float32: where they lie, or else in `room`.
    pub(crate) fn floats<'b>(&'b self, places: Range<usize>, room: &'b mut Vec<f32>) -> &'b [f32] {
        if let Some(floats) = self.as_f32() {
            return &floats[places];
        }
        room.resize(places.len(), 0.0);
        self.read(places.start, room);
        room
    }

    /// All elements rounded to float32; borrowed where they are float32 already.
    pub fn to_f32(&self) -> Cow<'_, [f32]> {
        if let Some(floats) = self.as_f32() {
            return Cow::Borrowed(floats);
        }
        let mut floats = vec![0.0; self.len()];
        self.read(0, &mut floats);
        Cow::Owned(floats)
    }

    /// As many elements from `first` on as there are places, rounded to float32.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "rounding to float32 is the purpose"
    )]
    pub(crate) fn read(&self, first: usize, places: &mut [f32]) {
        use half::slice::HalfFloatSliceExt;
        let size = self.dtype.size();
        let bytes = &self.bytes()[first * size..][..places.len() * size];
        match self.dtype {
            DType::F32 => convert(bytes, places, |x: f32| x),
            DType::F64 => convert(bytes, places, |x: f64| x as f32),
            DType::F16 => match bytemuck::try_cast_slice::<u8, half::f16>(bytes) {
                Ok(halves) => halves.convert_to_f32_slice(places),
                Err(_) => convert(bytes, places, half::f16::to_f32),
            },
            DType::BF16 => convert(bytes, places, |x: u16| f32::from_bits(u32::from(x) << 16)),
            DType::U8 => convert(bytes, places, |x: u8| x.into()),
            DType::I8 => convert(bytes, places, |x: i8| x.into()),
            DType::U16 => convert(bytes, places, |x: u16| x.into()),
            DType::I16 => convert(bytes, places, |x: i16| x.into()),
            DType::U32 => convert(bytes, places, |x: u32| x as f32),
            DType::I32 => convert(bytes, places, |x: i32| x as f32),
            DType::U64 => convert(bytes, places, |x: u64| x as f32),
            DType::I64 => convert(bytes, places, |x: i64| x as f32),
        }
    }

    /// As many elements of an integer tensor from `first` on as there are places; what is past the
    /// largest i64 becomes that.
    pub(crate) fn read_integers(&self, first: usize, places: &mut [i64]) {
        let size = self.dtype.size();
        let bytes = &self.bytes()[first * size..][..places.len() * size];
        match self.dtype {
            DType::U8 => convert(bytes, places, |x: u8| x.into()),
            DType::I8 => convert(bytes, places, |x: i8| x.into()),
            DType::U16 => convert(bytes, places, |x: u16| x.into()),
            DType::I16 => convert(bytes, places, |x: i16| x.into()),
            DType::U32 => convert(bytes, places, |x: u32| x.into()),
            DType::I32 => convert(bytes, places, |x: i32| x.into()),
            DType::U64 => convert(bytes, places, |x: u64| x.try_into().unwrap_or(i64::MAX)),
            DType::I64 => convert(bytes, places, |x: i64| x),
            _ => unreachable!("the types of class indices were checked"),
        }
    }

    /// The elements, where they lie in memory as integers of 32 bits: these.
    pub(crate) fn as_bits(&self) -> Option<&[f32]> {
        let is_whole = matches!(self.dtype, DType::I32 | DType::U32);
        bytemuck::try_cast_slice(Some(self.bytes()).filter(|_| is_whole)?).ok()
    }

    /// As many elements of an integer tensor from `first` on as there are places: their lowest 32 bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the lowest 32 bits are meant"
    )]
    pub(crate) fn read_bits(&self, first: usize, places: &mut [f32]) {
        let mut integers = [0; 256];
        for (k, places) in places.chunks_mut(256).enumerate() {
            let integers = &mut integers[..places.len()];
            self.read_integers(first + 256 * k, integers);
            for (place, integer) in places.iter_mut().zip(integers) {
                *place = f32::from_bits((*integer & i64::from(u32::MAX)) as u32);
            }
        }
    }

    /// The same of flags: the bits of 1 where they are not 0.
    pub(crate) fn read_flags(&self, first: usize, places: &mut [f32]) {
        let mut integers = [0; 256];
        for (k, places) in places.chunks_mut(256).enumerate() {
            let integers = &mut integers[..places.len()];
            self.read_integers(first + 256 * k, integers);
            for (place, integer) in places.iter_mut().zip(integers) {
                *place = f32::from_bits((*integer != 0).into());
            }
        }
    }

    /// All elements as float64; 64-bit integers are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        use half::{bf16, f16};
        match self.dtype {
            DType::F32 => self.convert(|x: f32| f64::from(x)),
            DType::F64 => self.convert(|x: f64| x),
            DType::F16 => self.convert(|x: f16| x.to_f64()),
            DType::BF16 => self.convert(|x: bf16| x.to_f64()),
            #[expect(clippy::cast_precision_loss, reason = "integers beyond 2^53 are rounded")]
            _ => self.to_integers().into_iter().map(|x| x as f64).collect(),
        }
    }

    /// All elements of an integer tensor; of a float tensor, the truncated values.
    pub fn to_integers(&self) -> Vec<i128> {
        match self.dtype {
            DType::U8 => self.convert(|x: u8| x.into()),
            DType::I8 => self.convert(|x: i8| x.into()),
            DType::U16 => self.convert(|x: u16| x.into()),
            DType::I16 => self.convert(|x: i16| x.into()),
            DType::U32 => self.convert(|x: u32| x.into()),
            DType::I32 => self.convert(|x: i32| x.into()),
            DType::U64 => self.convert(|x: u64| x.into()),
            DType::I64 => self.convert(|x: i64| x.into()),
            #[expect(clippy::cast_possible_truncation, reason = "saturates, as documented")]
            _ => self.to_f64().into_iter().map(|x| x as i128).collect(),
        }
    }

    /// One element of an integer tensor.
    pub(crate) fn integer(&self, place: usize) -> i128 {
        let size = self.dtype.size();
        let bytes = &self.bytes()[place * size..][..size];
        let one = Tensor { dtype: self.dtype, shape: Vec::new(), data: Data::Bytes(bytes.into()) };
        one.to_integers()[0]
    }

    fn convert<T: Element, U>(&self, convert: impl Fn(T) -> U) -> Vec<U> {
        self.bytes()
            .chunks_exact(size_of::<T>())
            .map(|bytes| convert(bytemuck::pod_read_unaligned(bytes)))
            .collect()
    }
}

/// Each element in its place.
fn convert<T: bytemuck::AnyBitPattern, U>(bytes: &[u8], places: &mut [U], to: impl Fn(T) -> U) {
    for (place, bytes) in places.iter_mut().zip(bytes.chunks_exact(size_of::<T>())) {
        *place = to(bytemuck::pod_read_unaligned(bytes));
    }
}

/// Numbers rounded to a float type: their bytes, borrowed where they are float32.
pub(crate) fn rounded(dtype: DType, floats: &[f32]) -> Cow<'_, [u8]> {
    match dtype {
        DType::F16 => bytes_of(floats, half::f16::from_f32).into(),
        DType::BF16 => bytes_of(floats, half::bf16::from_f32).into(),
        _ => bytemuck::cast_slice(floats).into(),
    }
}

fn bytes_of<T: Element>(floats: &[f32], round: impl Fn(f32) -> T) -> Vec<u8> {
    bytemuck::cast_slice(&floats.iter().map(|&x| round(x)).collect::<Vec<T>>()).to_vec()
}

/// The element type and shape of a tensor, without its data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorKind {
    /// The element type.
    pub dtype: DType,
    /// The shape; empty for a scalar.
    pub shape: Vec<usize>,
}

impl TensorKind {
    /// A type and a shape.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>) -> Self {
        Self { dtype, shape: shape.into() }
    }

    /// The indices of the element at a place of the row-major tensor, one for each dimension.
    pub fn index(&self, place: u64) -> Vec<u64> {
        index(&self.shape, place)
    }

    /// The number of elements.
    ///
    /// # Errors
    /// If it is past 2^53, where no buffer could hold them.
    pub(crate) fn elements(&self, argument: &str) -> Result<u64> {
        const MOST: u64 = 1 << 53;
        elements(&self.shape)
            .filter(|&n| n <= MOST)
            .ok_or_else(|| Error::shape(argument, &self.shape, format!("at most {MOST} elements")))
    }
}

impl From<&Tensor<'_>> for TensorKind {
    fn from(tensor: &Tensor<'_>) -> Self {
        tensor.kind()
    }
}
