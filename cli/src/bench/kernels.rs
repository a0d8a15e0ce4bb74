//! Kernels as files, for compilers to read.

use crate::error::{Error, Result};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use wgloss::{DType, Plan, SourceOptions};
use wgloss_bench::Workload;

/// The lanes of hardware's smallest subgroups: Intel's, those of NVIDIA and of new GPUs of AMD, those of
/// AMD's older ones.
const SUBGROUPS: [u32; 3] = [8, 32, 64];

/// Writes the kernels of workloads, in a folder for each type of floats and each size of subgroups; with
/// subgroups only those that differ.
pub(super) fn write(folder: &Path, workloads: &[Workload]) -> Result<()> {
    for workload in workloads {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let kinds = workload.kinds(dtype);
            let mut known = HashSet::new();
            for subgroup in [None].into_iter().chain(SUBGROUPS.map(Some)) {
                let options = SourceOptions { subgroup, ..SourceOptions::default() };
                let request = workload.request();
                let kernels = Plan::sources(workload.loss.as_ref(), &kinds, &request, options)?;
                let place = match subgroup {
                    None => dtype.to_string(),
                    Some(lanes) => format!("{dtype}-subgroups{lanes}"),
                };
                let place = folder.join(place);
                let problem = |error| Error::file("--kernels", &place.to_string_lossy(), error);
                fs::create_dir_all(&place).map_err(problem)?;
                for (number, kernel) in kernels.into_iter().enumerate() {
                    if known.contains(&kernel.text) {
                        continue;
                    }
                    let label = kernel.label.trim_start_matches("wgloss ").replace(' ', "_");
                    let name = format!("{}.{}.{label}.wgsl", workload.name, number + 1);
                    fs::write(place.join(name), &kernel.text).map_err(problem)?;
                    if subgroup.is_none() {
                        known.insert(kernel.text);
                    }
                }
            }
        }
    }
    Ok(())
}
