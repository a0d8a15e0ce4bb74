//! What is told beside a result.

use crate::call::Call;
use pyo3::exceptions::{PyRuntimeWarning, PyUserWarning};
use pyo3::prelude::*;
use std::ffi::CString;
use std::io;
use wgloss::{Broadcast, DType, Loss, Output, Reduction, Request, Sink, TensorKind};

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
    let request = Request {
        reduction: Reduction::None,
        loss_weight: call.request.loss_weight,
        ..Request::default()
    };
    let mut terms = Terms::default();
    call.run_request(py, request, &mut terms)?;
    let name = call.loss.definition().name;
    let (count, reduction) = (terms.count, call.request.reduction);
    let message = match terms.first {
        None if count == 0 => format!("{name}: the mean of no losses is NaN"),
        None if terms.zeros == count => format!(
            "{name}: the mean of {count} losses is NaN, as all of them are ignored or their weights \
             add up to 0"
        ),
        None => format!("{name}: all {count} losses are finite, but not their {reduction}"),
        Some((place, loss)) => format!(
            "{name}: {} of {count} losses are NaN or infinite; the first is {:?}, {loss}",
            terms.not_finite,
            TensorKind::new(DType::F32, terms.shape.as_slice()).index(place),
        ),
    };
    warn::<PyRuntimeWarning>(py, message, level)
}

/// The same of a loss whose inputs are no longer in host memory.
pub(crate) fn not_finite_there(py: Python<'_>, name: &str, value: f32) -> PyResult<()> {
    warn::<PyRuntimeWarning>(py, format!("{name}: the loss is {value}"), 1)
}

/// Tensors that autograd follows, in a function that it does not.
pub(crate) fn untracked(py: Python<'_>, call: &Call<'_, '_>, level: i32) -> PyResult<()> {
    let Some((input, _)) = call.inputs.iter().find(|(_, array)| array.tracked) else {
        return Ok(());
    };
    if !py.import("torch")?.call_method0("is_grad_enabled")?.is_truthy()? {
        return Ok(());
    }
    let name = call.loss.definition().name;
    let said = format!(
        "{name}: {input} requires grad, and the result will have none: take the loss from wgloss.torch, \
         or detach {input}"
    );
    warn::<PyUserWarning>(py, said, level)
}

/// Looks at unreduced losses as they come.
#[derive(Default)]
struct Terms {
    shape: Vec<usize>,
    count: u64,
    not_finite: u64,
    zeros: u64,
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
            self.zeros += u64::from(loss == 0.0);
            self.count += 1;
        }
        Ok(())
    }
}
