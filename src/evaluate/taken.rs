//! Where the outputs of a GPU go: to a sink, or into memory.

use super::Evaluation;
use crate::error::{Error, Result};
use crate::numbers::{Numbers, no_memory};
use crate::request::{Resolved, Slot};
use crate::sink::Sink;
use crate::tensor::{DType, Tensor, TensorKind, elements};

/// Where the arrays go that come from a device in order.
pub(super) enum Taken<'a> {
    Sink(&'a mut dyn Sink),
    Memory(Vec<Array>),
}

/// An output that is put together in memory.
pub(super) struct Array {
    slot: Slot,
    kind: TensorKind,
    data: Data,
    /// The bytes that have come.
    filled: usize,
}

enum Data {
    Floats(Numbers),
    Bytes(Vec<u8>),
}

impl<'a> Taken<'a> {
    pub(super) fn new(sink: Option<&'a mut dyn Sink>) -> Self {
        sink.map_or(Self::Memory(Vec::new()), Self::Sink)
    }

    /// The next bytes of an output.
    pub(super) fn take(&mut self, resolved: &Resolved, slot: Slot, bytes: &[u8]) -> Result<()> {
        let arrays = match self {
            Self::Sink(sink) => {
                let output = resolved.output(slot);
                return sink.take(output, bytes).map_err(|error| Error::sink(output, &error));
            }
            Self::Memory(arrays) => arrays,
        };
        let array = match arrays.iter().position(|array| array.slot == slot) {
            Some(place) => &mut arrays[place],
            None => {
                arrays.push(Array::new(resolved, slot)?);
                arrays.last_mut().expect("one was pushed")
            }
        };
        array.add(bytes);
        Ok(())
    }

    /// So many terms of all are computed.
    pub(super) fn progress(&mut self, done: u64, all: u64) {
        if let Self::Sink(sink) = self {
            sink.progress(done, all);
        }
    }

    /// Puts what is in memory into an evaluation.
    pub(super) fn finish(self, resolved: &Resolved, evaluation: &mut Evaluation) -> Result<()> {
        let Self::Memory(mut arrays) = self else { return Ok(()) };
        for slot in resolved.outputs().filter(|&slot| resolved.is_array(slot)) {
            // Of what has no elements none have come.
            let own = arrays.iter().position(|array| array.slot == slot);
            let own = own.map(|place| arrays.swap_remove(place));
            let Array { slot, kind, data, .. } =
                own.map_or_else(|| Array::new(resolved, slot), Ok)?;
            let tensor = match data {
                Data::Floats(numbers) => Tensor::rounded(kind, numbers),
                Data::Bytes(bytes) => Tensor::from_padded(kind, bytes),
            };
            evaluation.put(resolved, slot, tensor);
        }
        Ok(())
    }
}

impl Array {
    fn new(resolved: &Resolved, slot: Slot) -> Result<Self> {
        let kind = resolved.output_kind(slot);
        let count = elements(&kind.shape).unwrap_or(u64::MAX);
        let bytes = count.saturating_mul(kind.dtype.size() as u64);
        let memory = || no_memory(resolved.slot_name(slot), bytes);
        let data = if kind.dtype == DType::F32 {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            Data::Floats(Numbers::zeros(count).ok_or_else(memory)?)
        } else {
            let mut all = Vec::new();
            let size = usize::try_from(bytes).unwrap_or(usize::MAX);
            all.try_reserve_exact(size).map_err(|_| memory())?;
            Data::Bytes(all)
        };
        Ok(Self { slot, kind, data, filled: 0 })
    }

    fn add(&mut self, bytes: &[u8]) {
        match &mut self.data {
            Data::Floats(numbers) => {
                let places: &mut [u8] = bytemuck::cast_slice_mut(numbers);
                places[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
            }
            Data::Bytes(all) => all.extend_from_slice(bytes),
        }
        self.filled += bytes.len();
    }
}
