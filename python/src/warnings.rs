//! What is told beside a result.

use crate::call::Call;
use crate::errors::raised;
use pyo3::exceptions::{PyRuntimeWarning, PyUserWarning};
use pyo3::prelude::*;
use std::ffi::CString;
use std::io;
use wgloss::{Batch, Broadcast, DType, Evaluator, Loss, Output, Reduction, Request, Sink};
use wgloss::{Tensor, TensorKind};

fn warn<W: pyo3::PyTypeInfo>(py: Python<'_>, message: String, level: i32) -> PyResult<()> {
    let message = CString::new(message)?;
    PyErr::warn(py, &py.get_type::<W>(), &message, level)
}

/// Inputs that broadcast to more terms than any of them has elements: seldom meant.
pub(crate) fn broadcast(
    py: Python<'_>,
    loss: &dyn Loss,
    broadcast: &Broadcast,
    level: i32,
) -> PyResult<()> {
    let inputs = broadcast.inputs.iter().map(|(name, shape)| format!("{name} {shape:?}"));
    let inputs = inputs.collect::<Vec<_>>().join(" and ");
    let (name, terms) = (loss.definition().name, &broadcast.terms);
    warn::<PyUserWarning>(py, format!("{name}: {inputs} broadcast to {terms:?}"), level)
}

/// A reduced loss that is NaN or infinite, and where it comes from.
pub(crate) fn not_finite(py: Python<'_>, call: &Call<'_, '_>, level: i32) -> PyResult<()> {
    let inputs: Vec<(&str, Tensor<'_>)> = call
        .inputs
        .iter()
        .map(|(name, array)| Ok((*name, array.tensor()?)))
        .collect::<PyResult<_>>()?;
    let request = Request { reduction: Reduction::None, ..Request::default() };
    let batch = Batch { inputs: &inputs, request, ..Batch::default() };
    let mut terms = Terms::default();
    // On the CPU, whatever the backend is: a second look is no time for a second fault.
    Evaluator::Cpu.evaluate_to_blocking(call.loss, &batch, &mut terms).map_err(raised)?;
    let name = call.loss.definition().name;
    let message = match terms.first {
        None if terms.count == 0 => format!("{name}: the mean of no terms is NaN"),
        None => format!(
            "{name}: all {} losses are finite, but not their {}",
            terms.count, call.request.reduction
        ),
        Some((place, loss)) => format!(
            "{name}: {} of {} losses are NaN or infinite; the first is {:?}, {loss}",
            terms.not_finite,
            terms.count,
            TensorKind::new(DType::F32, terms.shape.as_slice()).index(place),
        ),
    };
    warn::<PyRuntimeWarning>(py, message, level)
}

/// Looks at unreduced losses as they come.
#[derive(Default)]
struct Terms {
    shape: Vec<usize>,
    count: u64,
    not_finite: u64,
    first: Option<(u64, f32)>,
}

impl Sink for Terms {
    fn begin(&mut self, outputs: &[(Output, TensorKind)]) -> io::Result<()> {
        self.shape = outputs.first().map_or(Vec::new(), |(_, kind)| kind.shape.clone());
        Ok(())
    }

    fn take(&mut self, _: Output, elements: &[u8]) -> io::Result<()> {
        for bytes in elements.chunks_exact(size_of::<f32>()) {
            let loss: f32 = bytemuck::pod_read_unaligned(bytes);
            if !loss.is_finite() {
                self.not_finite += 1;
                self.first.get_or_insert((self.count, loss));
            }
            self.count += 1;
        }
        Ok(())
    }
}
