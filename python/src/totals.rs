//! Totals, which add up.

use crate::errors::raised;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The sums that a reduced loss is made of, and which items of a batch they are of: along the first axis
/// of the losses. Those of parts of a batch (micro-batches, files, machines), each evaluated with its
/// `part`, add up by `+` in any order to those of the whole: the same bits, however the batch was cut.
/// What is there already is refused. They can be pickled.
#[pyclass(frozen, module = "wgloss", eq)]
#[derive(PartialEq)]
pub(crate) struct Totals {
    totals: wgloss::Totals,
}

impl Totals {
    pub(crate) fn new(totals: wgloss::Totals) -> Self {
        Self { totals }
    }

    pub(crate) fn inner(&self) -> &wgloss::Totals {
        &self.totals
    }
}

#[pymethods]
impl Totals {
    /// Those that `to_json` wrote, or the program's `--totals`.
    #[staticmethod]
    fn from_json(text: &str) -> PyResult<Self> {
        let totals = serde_json::from_str(text);
        let told = |error: serde_json::Error| {
            let error = error.to_string();
            let named = error.starts_with("totals");
            PyValueError::new_err(if named { error } else { format!("totals: {error}") })
        };
        let totals = totals.map_err(told)?;
        Ok(Self { totals })
    }

    /// Those that `to_bytes` wrote.
    #[staticmethod]
    fn from_bytes(data: &[u8]) -> PyResult<Self> {
        Ok(Self { totals: wgloss::Totals::from_bytes(data).map_err(raised)? })
    }

    /// Those of any number of parts, in any order.
    #[staticmethod]
    fn join(parts: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut all: Option<wgloss::Totals> = None;
        for part in parts.try_iter()? {
            let part = part?.cast_into::<Self>()?;
            let part = &part.get().totals;
            match &mut all {
                Some(all) => all.merge(part).map_err(raised)?,
                none => *none = Some(part.clone()),
            }
        }
        let none = || PyValueError::new_err("parts: none, expected totals of one part or more");
        Ok(Self { totals: all.ok_or_else(none)? })
    }

    /// As bytes: some hundred, and 4 or 8 for each term of the blocks of 4096 that the part cuts.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.totals.to_bytes())
    }

    /// The same as `to_bytes`.
    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.to_bytes(py)
    }

    /// The same of a part that begins at an item of a batch of so many, if that is known: for those of a
    /// plan, which knows no place. Those of more than 4096 terms can be moved by whole blocks of 4096 only.
    #[pyo3(signature = (first, of=None))]
    fn at(&self, first: u64, of: Option<u64>) -> PyResult<Self> {
        Ok(Self { totals: self.totals.at(wgloss::Part { first, of }).map_err(raised)? })
    }

    /// As text, exact.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.totals)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The loss: the sum, divided as the reduction says.
    #[getter]
    fn value(&self) -> f32 {
        self.totals.value()
    }

    /// The sum of the terms, each with its weight.
    #[getter]
    fn sum(&self) -> f32 {
        self.totals.sum()
    }

    /// The number of terms.
    #[getter]
    fn count(&self) -> u64 {
        self.totals.count()
    }

    /// The number of rows that are not ignored, or that of all terms.
    #[getter]
    fn kept(&self) -> u64 {
        self.totals.kept()
    }

    /// The sum of the weights of the kept terms; their number where they have no weights.
    #[getter]
    fn weight(&self) -> f32 {
        self.totals.weight()
    }

    /// The name of the loss.
    #[getter]
    fn loss(&self) -> &str {
        self.totals.loss()
    }

    /// The reduction that they were taken with.
    #[getter]
    fn reduction(&self) -> &'static str {
        self.totals.reduction().name()
    }

    /// The items that they are of, as pairs of the first one and the one after the last.
    #[getter]
    fn covered(&self) -> Vec<(u64, u64)> {
        self.totals.covered().into_iter().map(|range| (range.start, range.end)).collect()
    }

    /// The items that are missing: of the whole batch or, where its size is not known, before the last
    /// one that is there.
    #[getter]
    fn missing(&self) -> Vec<(u64, u64)> {
        self.totals.missing().into_iter().map(|range| (range.start, range.end)).collect()
    }

    /// The number of items of the whole batch, if it is known.
    #[getter]
    fn of(&self) -> Option<u64> {
        self.totals.of()
    }

    /// Whether they are of the whole batch; False where its size is not known.
    #[getter]
    fn is_whole(&self) -> bool {
        self.totals.is_whole()
    }

    fn __add__(&self, next: &Bound<'_, Self>) -> PyResult<Self> {
        let mut totals = self.totals.clone();
        totals.merge(&next.get().totals).map_err(raised)?;
        Ok(Self { totals })
    }

    /// So that `sum(parts)`, which begins with 0, works.
    fn __radd__(slf: &Bound<'_, Self>, zero: u64) -> PyResult<Py<Self>> {
        match zero {
            0 => Ok(slf.clone().unbind()),
            _ => Err(PyValueError::new_err(format!("totals: {zero} has been added, expected 0"))),
        }
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((slf.get_type().getattr("from_bytes")?, (slf.get().to_bytes(slf.py()),)))
    }

    fn __repr__(&self) -> String {
        let (loss, value, count) = (self.loss(), self.value(), self.count());
        let whole = if self.is_whole() { "whole" } else { "part" };
        format!("<wgloss.Totals {} of {loss}: {value} of {count} terms, {whole}>", self.reduction())
    }
}
