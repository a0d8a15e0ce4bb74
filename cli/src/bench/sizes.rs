//! Times and memory against sizes, for the report.

use crate::error::Result;
use pollster::block_on;
use std::time::Duration;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};
use wgloss::{DType, Error, Evaluator, Gpu};
use wgloss_bench::{
    Curve, Data, Effort, FAMILIES, OfSize, OnGpu, Point, Site, Workload, cross_entropy, linear,
    measure as times, mse, sizes as all_sizes,
};

/// What the charts show.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// For each of several losses, milliseconds on the CPU and on the GPU against elements.
    pub(super) places: Vec<Curve>,
    /// Milliseconds against elements.
    pub(super) time: Vec<Growth>,
    /// Bytes of scratch memory against elements.
    pub(super) scratch: Vec<Growth>,
    /// Milliseconds against each of the sizes of linear cross entropy.
    pub(super) linear_time: Vec<Growth>,
    /// Bytes of scratch memory against the same.
    pub(super) linear_scratch: Vec<Growth>,
    /// What was not measured, and why.
    pub(super) left_out: Vec<String>,
}

/// Points in the order of their sizes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// The losses whose memory is shown as well.
const GROWING: [(&str, OfSize); 2] = [
    ("mse_loss", mse),
    ("cross_entropy of 1024 classes", |elements| cross_entropy(elements / 1024, 1024)),
];
const LARGE: std::ops::RangeInclusive<u32> = 16..=28;
/// Of linear cross entropy, the sizes that stay while one grows: `N`, `D` and `V`.
const LINEAR: [usize; 3] = [64, 128, 4096];

/// Measures everything, in inputs of at most `largest` elements.
pub(super) fn measure(sites: &[Site], dtype: DType, largest: usize) -> Result<Sizes> {
    let mut sizes = Sizes::default();
    for (name, make) in FAMILIES {
        let workloads: Vec<_> = all_sizes(largest).map(|size| (size, make(size))).collect();
        let curve = sizes.places(sites, dtype, name, &workloads)?;
        sizes.places.push(curve);
    }
    let gpu = sites.iter().find_map(|site| match &site.backend {
        Evaluator::Gpu(gpu) => Some(gpu),
        Evaluator::Cpu => None,
    });
    let Some(gpu) = gpu else {
        sizes.left_out.push("scratch memory: plans are of a GPU, and none was used".into());
        return Ok(sizes);
    };
    for (name, make) in GROWING {
        let powers = LARGE.step_by(2).map(|power| 1 << power).filter(|&size| size <= largest);
        let workloads: Vec<_> = powers.map(|size| (size, make(size))).collect();
        let [time, scratch] = sizes.growth(gpu, dtype, name, &workloads)?;
        sizes.time.push(time);
        sizes.scratch.push(scratch);
    }
    for (i, name) in ["N", "D", "V"].into_iter().enumerate() {
        let workloads: Vec<_> = (0..8).filter_map(|step| linear_with(i, step, largest)).collect();
        let [time, scratch] = sizes.growth(gpu, dtype, name, &workloads)?;
        sizes.linear_time.push(time);
        sizes.linear_scratch.push(scratch);
    }
    Ok(sizes)
}

/// Linear cross entropy with the size at place `i` from a quarter to 32 times what it is otherwise.
fn linear_with(i: usize, step: u32, largest: usize) -> Option<(usize, Workload)> {
    let mut sizes = LINEAR;
    sizes[i] = (sizes[i] / 4) << step;
    let [rows, features, classes] = sizes;
    let workload = linear(rows, features, classes);
    (features * rows.max(classes) <= largest).then_some((sizes[i], workload))
}

impl Sizes {
    /// One loss wherever it is to run, on a GPU with its data there and with transfers.
    fn places(
        &mut self,
        sites: &[Site],
        dtype: DType,
        name: &str,
        workloads: &[(usize, Workload)],
    ) -> Result<Curve> {
        let mut curve = Curve::new(name);
        for (size, workload) in workloads {
            let Some(data) = self.data(name, *size, workload, dtype) else { continue };
            let point = block_on(Point::time(sites, *size, workload, dtype, &data))?;
            let problem = point.error.iter().map(|error| format!("{name}, {size}: {error}"));
            self.left_out.extend(problem);
            curve.push(point);
        }
        Ok(curve)
    }

    /// The time and the scratch memory of one loss on a GPU.
    fn growth(
        &mut self,
        gpu: &Gpu,
        dtype: DType,
        name: &str,
        workloads: &[(usize, Workload)],
    ) -> Result<[Growth; 2]> {
        let [mut time, mut scratch] = [Growth::new(name), Growth::new(name)];
        for (size, workload) in workloads {
            let Some(data) = self.data(name, *size, workload, dtype) else { continue };
            let outcome = async {
                let resident = OnGpu::new(gpu, workload, dtype, &data).await?;
                let times = times(Effort::BRIEF, async |runs| resident.run(runs).await).await?;
                Ok((times.median, resident.plan().scratch_bytes()))
            };
            if let Some((median, bytes)) = self.kept(name, *size, block_on(outcome))? {
                time.push(*size, milliseconds(median));
                #[expect(clippy::cast_precision_loss, reason = "a place in a chart")]
                scratch.push(*size, bytes as f64);
            }
        }
        Ok([time, scratch])
    }

    /// The data, if the host has room for them, for what evaluations make of them, and for buffers
    /// that a GPU which is the CPU has there too.
    fn data(&mut self, name: &str, size: usize, workload: &Workload, dtype: DType) -> Option<Data> {
        let kind = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let available = System::new_with_specifics(kind).available_memory();
        let needed = 2 * (workload.input_bytes(dtype) + workload.bytes(dtype));
        if needed > available {
            let [needed, available] = [needed, available].map(|bytes| bytes >> 20);
            let problem = format!("needs {needed} MiB of host memory, {available} are available");
            self.left_out.push(format!("{name}, {size}: {problem}"));
            return None;
        }
        Some(Data::new(workload, dtype))
    }

    /// What was measured, or nothing if the device's limits do not allow it.
    fn kept<T>(
        &mut self,
        name: &str,
        size: usize,
        outcome: wgloss::Result<T>,
    ) -> Result<Option<T>> {
        match outcome {
            Ok(measured) => Ok(Some(measured)),
            Err(error @ Error::DeviceLost { .. }) => Err(error.into()),
            Err(error) => {
                self.left_out.push(format!("{name}, {size}: {error}"));
                Ok(None)
            }
        }
    }
}

impl Growth {
    fn new(name: &str) -> Self {
        Self { name: name.into(), points: Vec::new() }
    }

    #[expect(clippy::cast_precision_loss, reason = "a place in a chart")]
    fn push(&mut self, size: usize, y: f64) {
        self.points.push((size as f64, y));
    }

    /// By how much `y` over the size differs among the four largest sizes, 0 where the curve is
    /// linear, and by how much `y` itself does.
    pub(super) fn spreads(&self) -> Option<[f64; 2]> {
        let largest = &self.points[self.points.len().saturating_sub(4)..];
        let spread = |number: fn(&(f64, f64)) -> f64| {
            let numbers = largest.iter().map(number);
            let least = numbers.clone().fold(f64::INFINITY, f64::min);
            numbers.fold(0.0, f64::max) / least - 1.0
        };
        (largest.len() > 1).then(|| [spread(|(size, y)| y / size), spread(|(_, y)| *y)])
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Growth {
        Growth { name: String::new(), points: points.to_vec() }
    }

    #[test]
    fn how_far_a_curve_is_from_linear_and_constant() {
        let straight = curve(&[(1.0, 9.0), (2.0, 2.0), (4.0, 4.0), (8.0, 8.0), (16.0, 16.0)]);
        assert_eq!(straight.spreads(), Some([0.0, 7.0]));
        assert_eq!(curve(&[(1.0, 1.0), (2.0, 3.0)]).spreads(), Some([0.5, 2.0]));
        assert_eq!(curve(&[(1.0, 1.0)]).spreads(), None);
    }
}
