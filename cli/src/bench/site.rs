//! Where workloads run.

use crate::error::{Error, Result};
use crate::report::{adapter_json, adapter_text};
use crate::tell;
use clap::ValueEnum;
use pollster::block_on;
use serde_json::{Value, json};
use sysinfo::{CpuRefreshKind, RefreshKind, System};
use wgloss::Gpu;
use wgloss_bench::threads;

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
    pub(super) at: wgloss_bench::Site,
    /// What it is, for people.
    pub(super) name: String,
    /// What it is, for programs.
    pub(super) adapter: Value,
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
            Some(_) => block_on(Gpu::with_adapter_named(adapter)),
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
        sites.push(Site::cpu()?);
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
            at: block_on(wgloss_bench::Site::gpu(gpu))?,
        })
    }

    fn cpu() -> Result<Self> {
        let kind = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
        let system = System::new_with_specifics(kind);
        let brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_string());
        let brand = brand.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "CPU".into());
        Ok(Self {
            place: Place::Cpu,
            name: format!("{brand}, {} threads", threads()),
            adapter: json!({ "name": brand, "threads": threads() }),
            at: block_on(wgloss_bench::Site::cpu())?,
        })
    }
}
