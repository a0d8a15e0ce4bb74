//! Where workloads run.

use crate::error::{Error, Result};
use crate::report::adapter_text;
use crate::tell;
use clap::ValueEnum;
use pollster::block_on;
use sysinfo::{CpuRefreshKind, RefreshKind, System};
use wgloss::Gpu;
use wgloss_bench::{Site, threads};

/// What `--backend` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Backend {
    Gpu,
    Cpu,
}

/// What is to be used, the GPU first.
pub(super) fn open(places: &[Backend], adapter: Option<&str>) -> Result<Vec<Site>> {
    let wanted = |place| places.is_empty() || places.contains(&place);
    if let (Some(name), false) = (adapter, wanted(Backend::Gpu)) {
        return Err(Error::argument(
            "--adapter",
            format!("{name:?} with --backend cpu"),
            "--backend gpu or gpu,cpu, or no --adapter",
        ));
    }
    let mut sites = Vec::new();
    if wanted(Backend::Gpu) {
        let gpu = match adapter {
            Some(_) => block_on(Gpu::with_adapter_named(adapter)),
            None => Gpu::new_blocking(),
        };
        match gpu {
            Ok(gpu) => {
                let name = adapter_text(&gpu.adapter_info());
                sites.push(block_on(Site::gpu(name, gpu))?);
            }
            Err(error) if places.is_empty() && adapter.is_none() => {
                tell(&format!("note: running on the CPU alone: {}", Error::from(error).line()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if wanted(Backend::Cpu) {
        let name = format!("{}, {} threads", cpu_name(), threads());
        sites.push(block_on(Site::cpu(name))?);
    }
    Ok(sites)
}

/// What the CPU calls itself.
pub(super) fn cpu_name() -> String {
    let kind = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(kind);
    let brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_string());
    brand.filter(|brand| !brand.is_empty()).unwrap_or_else(|| "CPU".into())
}
