//! A workload on the CPU backend.

use crate::data::Data;
use crate::measure::Sample;
use crate::workload::Workload;
use std::cell::RefCell;
use std::time::Instant;
use wgloss::{Evaluation, Evaluator, Result, Tensor};

/// A workload with its inputs in host memory, and with its outputs from the first run on.
#[derive(Debug)]
pub struct OnCpu<'a> {
    workload: &'a Workload,
    tensors: Vec<(&'static str, Tensor<'a>)>,
    outputs: RefCell<Evaluation>,
}

impl<'a> OnCpu<'a> {
    /// A workload with its data.
    ///
    /// # Errors
    /// As [`Data::tensors`].
    pub fn new(workload: &'a Workload, data: &'a Data) -> Result<Self> {
        Ok(Self { workload, tensors: data.tensors()?, outputs: RefCell::default() })
    }

    /// One run, into the memory of the run before, and the loss.
    ///
    /// # Errors
    /// If the CPU backend refuses the workload.
    pub fn run(&self) -> Result<(Sample, f32)> {
        let batch = self.workload.batch(&self.tensors);
        let mut outputs = self.outputs.borrow_mut();
        let start = Instant::now();
        let loss = self.workload.loss.as_ref();
        Evaluator::Cpu.evaluate_into_blocking(loss, &batch, &mut outputs)?;
        let sample = Sample { wall: start.elapsed(), device: None };
        Ok((sample, outputs.scalar().unwrap_or(f32::NAN)))
    }

    /// One evaluation of what is in host memory, on any backend: on a GPU with its uploads and
    /// read-backs.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate_blocking`].
    pub fn evaluate(&self, backend: &Evaluator) -> Result<(Sample, f32)> {
        let batch = self.workload.batch(&self.tensors);
        let start = Instant::now();
        let evaluation = backend.evaluate_blocking(self.workload.loss.as_ref(), &batch)?;
        let sample = Sample { wall: start.elapsed(), device: None };
        Ok((sample, evaluation.scalar().unwrap_or(f32::NAN)))
    }
}
