//! `wgloss bench --tune`: which way to share the work is best on an adapter.

use crate::error::Result;
use wgloss::{DType, Gpu, Tuning};
use wgloss_bench::{Data, Effort, OnGpu, by_name, compare};

/// Rows that fit a few lanes, a workgroup, and none.
const OF_ROWS: [&str; 4] =
    ["ce_16384x1000_fwdbwd", "ce_512x32000_fwdbwd", "ce_128x128256_fwdbwd", "triplet_fwdbwd"];
const OF_PRODUCTS: &str = "linear_ce_256x512x32000_fwdbwd";

/// Times every candidate and prints each workload's as soon as they are known.
pub(super) fn run(adapter: Option<&str>, dtype: DType) -> Result<String> {
    let gpu = match adapter {
        Some(_) => pollster::block_on(Gpu::with_adapter_named(adapter))?,
        None => Gpu::new_blocking()?,
    };
    let used = gpu.tuning();
    crate::print(&format!("{}: shortest of several runs, in ms\n", gpu.adapter_info().name))?;
    for name in OF_ROWS.into_iter().chain([OF_PRODUCTS]) {
        let workload = by_name(name)?;
        let resident = OnGpu::new(&gpu, &workload, dtype, &Data::new(&workload, dtype))?;
        let candidates = if name == OF_PRODUCTS { of_products(used) } else { of_rows(used) };
        let made: Vec<(Tuning, OnGpu)> = candidates
            .into_iter()
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

fn of_rows(used: Tuning) -> Vec<Tuning> {
    let all = [64, 128, 256].into_iter();
    all.flat_map(|most_lanes| {
        [4, 8, 16, 32, 64].map(|quads_per_lane| Tuning { quads_per_lane, most_lanes, ..used })
    })
    .collect()
}

fn of_products(used: Tuning) -> Vec<Tuning> {
    [1, 16, 64, 256, u32::MAX].map(|busy_groups| Tuning { busy_groups, ..used }).into()
}

fn text(tuning: Tuning) -> String {
    let Tuning { quads_per_lane, most_lanes, busy_groups } = tuning;
    format!(
        "quads_per_lane {quads_per_lane:2}, most_lanes {most_lanes:3}, busy_groups {busy_groups:10}"
    )
}
