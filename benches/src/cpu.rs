//! A workload on the CPU backend.

use crate::data::Data;
use crate::measure::Sample;
use crate::workload::Workload;
use std::time::Instant;
use wgloss::{Backend, Result, Tensor};

/// A workload with its inputs in host memory.
#[derive(Debug)]
pub struct OnCpu<'a> {
    workload: &'a Workload,
    tensors: Vec<(&'static str, Tensor<'a>)>,
}

impl<'a> OnCpu<'a> {
    /// A workload with its data.
    ///
    /// # Errors
    /// As [`Data::tensors`].
    pub fn new(workload: &'a Workload, data: &'a Data) -> Result<Self> {
        Ok(Self { workload, tensors: data.tensors()? })
    }

    /// One run, and the loss.
    ///
    /// # Errors
    /// If the CPU backend refuses the workload.
    pub fn run(&self) -> Result<(Sample, f32)> {
        self.evaluate(&Backend::Cpu)
    }

    /// One evaluation of what is in host memory, on any backend: on a GPU with its uploads and
    /// read-backs.
    ///
    /// # Errors
    /// As [`Backend::evaluate_blocking`].
    pub fn evaluate(&self, backend: &Backend) -> Result<(Sample, f32)> {
        let batch = self.workload.batch(&self.tensors);
        let start = Instant::now();
        let evaluation = backend.evaluate_blocking(self.workload.loss.as_ref(), &batch)?;
        let sample = Sample { wall: start.elapsed(), device: None };
        Ok((sample, evaluation.scalar().unwrap_or(f32::NAN)))
    }
}
