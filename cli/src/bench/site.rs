//! Where workloads run.

use crate::error::{Error, Result};
use crate::report::{adapter_json, adapter_text};
use crate::tell;
use clap::ValueEnum;
use serde_json::{Value, json};
use sysinfo::{CpuRefreshKind, RefreshKind, System};
use wgloss::{DType, Evaluator, Gpu};
use wgloss_bench::{
    Data, Effort, OnCpu, OnGpu, Times, Workload, copy_bandwidth, measure, memcpy_bandwidth, threads,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Place {
    Gpu,
    Cpu,
}

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        }
    }
}

/// A GPU or the CPU.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) backend: Evaluator,
    /// What it is, for people.
    pub(super) name: String,
    /// What it is, for programs.
    pub(super) adapter: Value,
    /// The bytes a second that a copy reads and writes.
    pub(super) roof: f64,
}

/// What is to be used, the GPU first.
pub(super) fn open(places: &[Place], adapter: Option<&str>) -> Result<Vec<Site>> {
    let wanted = |place| places.is_empty() || places.contains(&place);
    if let (Some(name), false) = (adapter, wanted(Place::Gpu)) {
        return Err(Error::argument(
            "--adapter",
            format!("{name:?} with --backend cpu"),
            "--backend gpu or gpu,cpu, or no --adapter",
        ));
    }
    let mut sites = Vec::new();
    if wanted(Place::Gpu) {
        let gpu = match adapter {
            Some(_) => pollster::block_on(Gpu::with_adapter_named(adapter)),
            None => Gpu::new_blocking(),
        };
        match gpu {
            Ok(gpu) => sites.push(Site::gpu(gpu)?),
            Err(error) if places.is_empty() && adapter.is_none() => {
                tell(&format!("note: running on the CPU alone: {}", Error::from(error).line()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if wanted(Place::Cpu) {
        sites.push(Site::cpu());
    }
    Ok(sites)
}

impl Site {
    fn gpu(gpu: Gpu) -> Result<Self> {
        let info = gpu.adapter_info();
        Ok(Self {
            place: Place::Gpu,
            name: adapter_text(&info),
            adapter: adapter_json(&info),
            roof: copy_bandwidth(&gpu)?,
            backend: Evaluator::Gpu(gpu),
        })
    }

    fn cpu() -> Self {
        let kind = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
        let system = System::new_with_specifics(kind);
        let brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_string());
        let brand = brand.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "CPU".into());
        Self {
            place: Place::Cpu,
            name: format!("{brand}, {} threads", threads()),
            adapter: json!({ "name": brand, "threads": threads() }),
            roof: memcpy_bandwidth(),
            backend: Evaluator::Cpu,
        }
    }

    /// The times of a workload whose inputs are there, on the CPU with outputs in new memory unless it
    /// is reused, and its loss.
    pub(super) fn time(
        &self,
        workload: &Workload,
        dtype: DType,
        data: &Data,
        effort: Effort,
        reuse: bool,
    ) -> wgloss::Result<(Times, f32)> {
        match &self.backend {
            Evaluator::Gpu(gpu) => {
                let resident = OnGpu::new(gpu, workload, dtype, data)?;
                let times = measure(effort, || resident.run())?;
                Ok((times, resident.value()?))
            }
            Evaluator::Cpu if reuse => {
                let held = OnCpu::new(workload, data)?;
                let times = measure(effort, || Ok(held.run()?.0))?;
                Ok((times, held.run()?.1))
            }
            Evaluator::Cpu => self.evaluate(workload, data, effort),
        }
    }

    /// The times of evaluations of what is in host memory: on a GPU with the transfers.
    pub(super) fn evaluate(
        &self,
        workload: &Workload,
        data: &Data,
        effort: Effort,
    ) -> wgloss::Result<(Times, f32)> {
        let held = OnCpu::new(workload, data)?;
        let mut value = f32::NAN;
        let times = measure(effort, || {
            let (sample, loss) = held.evaluate(&self.backend)?;
            value = loss;
            Ok(sample)
        })?;
        Ok((times, value))
    }
}
