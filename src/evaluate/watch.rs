//! Outputs that are looked through on their way.

use super::arrays;
use crate::request::Resolved;
use crate::sink::{Output, Sink};
use crate::tensor::{DType, Tensor, TensorKind};
use std::io::Result;

/// Gives outputs on, and notes whether a number of them is NaN.
pub(super) struct Watch<'a, 's> {
    sink: &'a mut (dyn Sink + 's),
    kinds: Vec<(Output, TensorKind)>,
    found: bool,
}

impl<'a, 's> Watch<'a, 's> {
    pub(super) fn new(sink: &'a mut (dyn Sink + 's), resolved: &Resolved) -> Self {
        Self { sink, kinds: arrays(resolved), found: false }
    }

    pub(super) fn found(&self) -> bool {
        self.found
    }
}

impl Sink for Watch<'_, '_> {
    fn begin(&mut self, outputs: &[(Output, TensorKind)]) -> Result<()> {
        self.sink.begin(outputs)
    }

    fn take(&mut self, output: Output, elements: &[u8]) -> Result<()> {
        let kind = self.kinds.iter().find(|(own, _)| *own == output);
        let dtype = kind.map_or(DType::F32, |(_, kind)| kind.dtype);
        let shape = [elements.len() / dtype.size()];
        if let (false, Ok(part)) = (self.found, Tensor::from_bytes(dtype, shape, elements)) {
            self.found = part.to_f32().iter().any(|x| x.is_nan());
        }
        self.sink.take(output, elements)
    }

    fn progress(&mut self, done: u64, all: u64) {
        self.sink.progress(done, all);
    }
}
