//! `wgloss bench --tune`: which way to share the rows of a loss is best on an adapter.

use crate::error::Result;
use wgloss::{DType, Gpu, Tuning};
use wgloss_bench::{Data, Effort, OnGpu, by_name, compare};

/// Rows that fit a few lanes, a workgroup, and none.
const WORKLOADS: [&str; 4] =
    ["ce_16384x1000_fwdbwd", "ce_512x32000_fwdbwd", "ce_128x128256_fwdbwd", "triplet_fwdbwd"];

/// Times every candidate and prints each workload's as soon as they are known.
pub(super) fn run(adapter: Option<&str>, dtype: DType) -> Result<String> {
    let gpu = match adapter {
        Some(_) => pollster::block_on(Gpu::with_adapter_named(adapter))?,
        None => Gpu::new_blocking()?,
    };
    let used = gpu.tuning();
    crate::print(&format!("{}: shortest of several runs, in ms\n", gpu.adapter_info().name))?;
    for name in WORKLOADS {
        let workload = by_name(name)?;
        let resident = OnGpu::new(&gpu, &workload, dtype, &Data::new(&workload, dtype))?;
        let made: Vec<(Tuning, OnGpu)> = candidates()
            .map(|tuning| {
                let gpu = gpu.clone().with_tuning(tuning);
                Ok((tuning, resident.planned_by(&gpu, &workload, dtype)?))
            })
            .collect::<Result<_>>()?;
        let times = compare(Effort::BRIEF, &made, |(_, own)| own.run())?;
        let mut sorted: Vec<_> = made.iter().zip(times).collect();
        sorted.sort_by_key(|(_, times)| times.min);
        crate::print(&format!("\n{name}\n"))?;
        for ((tuning, _), times) in sorted {
            let mark = if *tuning == used { "  (in use)" } else { "" };
            let time = times.min.as_secs_f64() * 1e3;
            crate::print(&format!("  {}  {time:9.3}{mark}\n", text(*tuning)))?;
        }
    }
    Ok(String::new())
}

fn candidates() -> impl Iterator<Item = Tuning> {
    let all = [64, 128, 256].into_iter();
    all.flat_map(|most_lanes| {
        [4, 8, 16, 32, 64].map(|quads_per_lane| Tuning { quads_per_lane, most_lanes })
    })
}

fn text(tuning: Tuning) -> String {
    let Tuning { quads_per_lane, most_lanes } = tuning;
    format!("quads_per_lane {quads_per_lane:2}, most_lanes {most_lanes:3}")
}
