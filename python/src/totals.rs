//! Totals, which add up.

use crate::errors::raised;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The sums that a reduced loss is made of. Those of parts of a batch (micro-batches, files, machines)
/// add up by `+`, in the order of the parts, to those of the whole: bit for bit where all parts but the
/// last are of whole blocks of 4096 terms. They can be pickled.
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
        let totals = totals.map_err(|error| PyValueError::new_err(format!("totals: {error}")))?;
        Ok(Self { totals })
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

    /// Whether they end with a whole block, so that more can follow without another rounding.
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

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json()?,)))
    }

    fn __repr__(&self) -> String {
        let (loss, value, count) = (self.loss(), self.value(), self.count());
        format!("<wgloss.Totals {} of {loss}: {value} of {count} terms>", self.reduction())
    }
}
