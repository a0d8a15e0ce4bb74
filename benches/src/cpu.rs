//! A workload on the CPU backend.

use crate::data::Data;
use crate::measure::Sample;
use crate::memory::Resident;
use crate::workload::Workload;
use std::cell::RefCell;
use web_time::Instant;
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

    /// So many runs, each into the memory of the one before, and the loss.
    ///
    /// # Errors
    /// If the CPU backend refuses the workload.
    pub async fn run(&self, runs: u32) -> Result<(Sample, f32)> {
        let batch = self.workload.batch(&self.tensors);
        let mut outputs = self.outputs.take();
        let start = Instant::now();
        for _ in 0..runs {
            let loss = self.workload.loss.as_ref();
            Evaluator::Cpu.evaluate_into(loss, &batch, &mut outputs).await?;
        }
        let sample = Sample { wall: start.elapsed(), device: None, memory: None };
        let value = outputs.scalar().unwrap_or(f32::NAN);
        self.outputs.replace(outputs);
        Ok((sample, value))
    }

    /// So many evaluations of what is in host memory, on any backend: on a GPU with their uploads and
    /// read-backs.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub async fn evaluate(&self, backend: &Evaluator, runs: u32) -> Result<(Sample, f32)> {
        let batch = self.workload.batch(&self.tensors);
        let mut value = f32::NAN;
        let before = Resident::now();
        let start = Instant::now();
        for _ in 0..runs {
            let evaluation = backend.evaluate(self.workload.loss.as_ref(), &batch).await?;
            value = evaluation.scalar().unwrap_or(f32::NAN);
        }
        let wall = start.elapsed();
        let memory = before.and_then(Resident::grown);
        Ok((Sample { wall, device: None, memory }, value))
    }
}
