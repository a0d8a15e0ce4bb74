//! `wgloss bench --tune`: which way to share the work is best on an adapter.

use crate::error::Result;
use pollster::block_on;
use wgloss::definition::Role;
use wgloss::{DType, Gpu, Tuning};
use wgloss_bench::{Data, Effort, OnGpu, Workload, compare};

/// How many of the best are printed.
const SHOWN: usize = 4;

/// Times every candidate and prints each workload's best as soon as they are known.
pub(super) fn run(adapter: Option<&str>, dtype: DType, workloads: &[Workload]) -> Result<()> {
    let gpu = match adapter {
        Some(_) => block_on(Gpu::with_adapter_named(adapter))?,
        None => Gpu::new_blocking()?,
    };
    crate::print(&format!("{}: shortest of several runs, in ms\n", gpu.adapter_info().name))?;
    for workload in workloads {
        crate::print(&format!("\n{}\n{}", workload.name, of(&gpu, dtype, workload)?))?;
    }
    Ok(())
}

/// The best candidates' times, and that of the one in use.
fn of(gpu: &Gpu, dtype: DType, workload: &Workload) -> Result<String> {
    let used = gpu.tuning();
    let mut candidates = match workload.loss.definition().inputs[0].role {
        Role::Rows | Role::RowsOrClasses | Role::Scores | Role::Features => of_rows(used),
        _ if workload.name.starts_with("linear_ce") => of_products(used),
        _ => return Ok("  there is no choice\n".into()),
    };
    candidates.retain(|&tuning| tuning != used);
    candidates.push(used);
    let resident = block_on(OnGpu::new(gpu, workload, dtype, &Data::new(workload, dtype)))?;
    let planned = |tuning| {
        let gpu = gpu.clone().with_tuning(tuning);
        block_on(resident.planned_by(&gpu, workload, dtype))
    };
    let made: Vec<OnGpu> = candidates.iter().copied().map(planned).collect::<Result<_, _>>()?;
    let times = block_on(compare(Effort::BRIEF, &made, OnGpu::run))?;
    let mut sorted: Vec<_> = candidates.into_iter().zip(times).collect();
    sorted.sort_by_key(|(_, times)| times.min);
    let mut lines = String::new();
    for (place, (tuning, times)) in sorted.into_iter().enumerate() {
        let mark = if tuning == used { "  (in use)" } else { "" };
        if place < SHOWN || tuning == used {
            lines += &format!("{:10.3}  {}{mark}\n", times.min.as_secs_f64() * 1e3, text(tuning));
        }
    }
    Ok(lines)
}

fn of_rows(used: Tuning) -> Vec<Tuning> {
    let mut all = Vec::new();
    for most_held in [0, 8, 16, 32] {
        for most_lanes in [64, 256] {
            for quads_per_lane in [4, 8, 16, 32] {
                for subgroups in [false, true] {
                    all.push(Tuning { quads_per_lane, most_lanes, most_held, subgroups, ..used });
                }
            }
        }
    }
    all.extend([1, 2, 4, 8].map(|most_ahead| Tuning { most_ahead, ..used }));
    all.extend([1024, 4096, 16_384].map(|quads_per_group| Tuning { quads_per_group, ..used }));
    all
}

fn of_products(used: Tuning) -> Vec<Tuning> {
    let squares = [1, 16, 64, 256, u32::MAX];
    let squares =
        squares.map(|busy_groups| Tuning { busy_groups, least_exchanged: u64::MAX, ..used });
    [&[Tuning { least_exchanged: 0, ..used }][..], &squares].concat()
}

fn text(tuning: Tuning) -> String {
    let Tuning {
        quads_per_lane,
        most_lanes,
        most_held,
        most_ahead,
        quads_per_group,
        labels_per_lane,
        busy_groups,
        subgroups,
        least_exchanged,
    } = tuning;
    format!(
        "quads_per_lane {quads_per_lane:2}, most_lanes {most_lanes:3}, most_held {most_held:2}, \
         most_ahead {most_ahead:2}, quads_per_group {quads_per_group}, \
         labels_per_lane {labels_per_lane}, busy_groups {busy_groups}, subgroups {subgroups}, \
         least_exchanged {least_exchanged}"
    )
}
