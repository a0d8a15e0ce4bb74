//! Where workloads run.

use crate::cpu::OnCpu;
use crate::data::Data;
use crate::gpu::OnGpu;
use crate::measure::{Effort, Times, measure};
use crate::roof::{copy_bandwidth, memcpy_bandwidth};
use crate::workload::Workload;
use wgloss::{DType, Evaluator, Gpu, Result};

/// A GPU or the CPU.
#[derive(Debug)]
pub struct Site {
    /// What it is, for people.
    pub name: String,
    /// What evaluates there.
    pub backend: Evaluator,
    /// The bytes a second that a copy reads and writes.
    pub roof: f64,
}

impl Site {
    /// A GPU, with its roof measured.
    ///
    /// # Errors
    /// As [`copy_bandwidth`].
    pub async fn gpu(name: String, gpu: Gpu) -> Result<Self> {
        Ok(Self { name, roof: copy_bandwidth(&gpu).await?, backend: Evaluator::Gpu(gpu) })
    }

    /// The CPU, with its roof measured.
    ///
    /// # Errors
    /// As [`memcpy_bandwidth`].
    pub async fn cpu(name: String) -> Result<Self> {
        Ok(Self { name, roof: memcpy_bandwidth().await?, backend: Evaluator::Cpu })
    }

    /// The times of a workload whose inputs are there, on the CPU with outputs in new memory unless it
    /// is reused, and its loss.
    ///
    /// # Errors
    /// If the backend refuses the workload, or the device is lost.
    pub async fn time(
        &self,
        workload: &Workload,
        dtype: DType,
        data: &Data,
        effort: Effort,
        reuse: bool,
    ) -> Result<(Times, f32)> {
        match &self.backend {
            Evaluator::Gpu(gpu) => {
                let resident = OnGpu::new(gpu, workload, dtype, data).await?;
                resident.check().await?;
                let times = measure(effort, async |runs| resident.run(runs).await).await?;
                Ok((times, resident.value().await?))
            }
            Evaluator::Cpu if reuse => {
                let held = OnCpu::new(workload, data)?;
                let times = measure(effort, async |runs| Ok(held.run(runs).await?.0)).await?;
                Ok((times, held.run(1).await?.1))
            }
            Evaluator::Cpu => self.evaluate(workload, data, effort).await,
        }
    }

    /// The times of evaluations of what is in host memory: on a GPU with the transfers.
    ///
    /// # Errors
    /// As [`Site::time`].
    pub async fn evaluate(
        &self,
        workload: &Workload,
        data: &Data,
        effort: Effort,
    ) -> Result<(Times, f32)> {
        let held = OnCpu::new(workload, data)?;
        let mut value = f32::NAN;
        let times = measure(effort, async |runs| {
            let (sample, loss) = held.evaluate(&self.backend, runs).await?;
            value = loss;
            Ok(sample)
        });
        let times = times.await?;
        Ok((times, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::mse;
    use pollster::block_on;
    use std::time::Duration;

    /// Several runs of a sample are those of one, and the loss is that of the CPU.
    #[test]
    fn a_sample_may_have_several_runs() {
        let (workload, gpu) = (mse(1000), Gpu::new_blocking().expect("an adapter"));
        let data = Data::new(&workload, DType::F32);
        let effort = Effort {
            warm_ups: 0,
            runs: 1,
            span: Duration::ZERO,
            // Longer than a run takes anywhere.
            sample: Duration::from_secs(3600),
        };
        let mut values = Vec::new();
        for backend in [Evaluator::Gpu(gpu), Evaluator::Cpu] {
            let site = Site { name: String::new(), backend, roof: 1e9 };
            for reuse in [false, true] {
                let timed = site.time(&workload, DType::F32, &data, effort, reuse);
                let (times, value) = block_on(timed).expect("a living device");
                assert!(times.runs_per_sample > 1, "{times:?}");
                assert_eq!(times.runs, times.runs_per_sample as usize);
                assert!(times.min > Duration::ZERO && times.min <= times.median, "{times:?}");
                values.push(value);
            }
        }
        assert!(values.iter().all(|value| (value - values[0]).abs() < 1e-5), "{values:?}");
    }
}
