//! The measurements of a workload, as text and as JSON.

use super::site::{Place, Site};
use crate::error::{Error, Result};
use serde_json::json;
use std::time::Duration;
use wgloss::DType;
use wgloss_bench::{Times, Workload};
use wgloss_kit::numbers::json as number;

/// A workload in one place.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) workload: &'static str,
    dtype: DType,
    /// Which of the sites.
    pub(super) site: usize,
    bytes: u64,
    /// The times and the loss, or why there are none.
    pub(super) outcome: Result<(Times, f32), String>,
}

impl Row {
    /// A workload that cannot run there is a row; only a lost device ends the run.
    pub(super) fn new(
        workload: &Workload,
        dtype: DType,
        site: usize,
        outcome: wgloss::Result<(Times, f32)>,
    ) -> Result<Self> {
        let outcome = match outcome {
            Err(error @ wgloss::Error::DeviceLost { .. }) => return Err(error.into()),
            outcome => outcome.map_err(|error| Error::from(error).line()),
        };
        Ok(Self { workload: workload.name, dtype, site, bytes: workload.bytes(dtype), outcome })
    }

    pub(super) fn times(&self) -> Option<&Times> {
        self.outcome.as_ref().ok().map(|(times, _)| times)
    }

    /// The bytes a second that must move.
    #[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
    fn rate(&self) -> Option<f64> {
        self.times().map(|times| self.bytes as f64 / times.median.as_secs_f64())
    }

    /// The same in percent of what a copy moves there.
    pub(super) fn roof_percent(&self, sites: &[Site]) -> Option<f64> {
        self.rate().map(|rate| 100.0 * rate / sites[self.site].at.roof)
    }

    /// For programs: one object on one line.
    pub(super) fn json(&self, sites: &[Site]) -> String {
        let site = &sites[self.site];
        let times = self.times();
        let object = json!({
            "workload": self.workload,
            "backend": site.place.name(),
            "adapter": site.adapter,
            "dtype": self.dtype.to_string(),
            "value": self.outcome.as_ref().ok().map(|(_, value)| number((*value).into())),
            "median_ms": times.map(|times| milliseconds(times.median)),
            "min_ms": times.map(|times| milliseconds(times.min)),
            "wall_ms": times.map(|times| milliseconds(times.wall)),
            "wall_min_ms": times.map(|times| milliseconds(times.wall_min)),
            "runs": times.map(|times| times.runs),
            "clock": times.map(|times| times.clock.to_string()),
            "bytes": self.bytes,
            "gb_per_s": self.rate().map(|rate| rate / 1e9),
            "roof_percent": self.roof_percent(sites),
            "error": self.outcome.as_ref().err(),
        });
        format!("{object}\n")
    }

    /// The table's cells behind the workload and the backend, or what is wrong.
    #[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
    pub(super) fn cells(&self, sites: &[Site]) -> Result<[String; 6], &str> {
        let (times, _) = self.outcome.as_ref().map_err(String::as_str)?;
        let (rate, roof) = (self.rate().unwrap_or(0.0), self.roof_percent(sites).unwrap_or(0.0));
        Ok([
            three(milliseconds(times.median)),
            three(milliseconds(times.min)),
            three(self.bytes as f64 / 1e6),
            three(rate / 1e9),
            format!("{roof:.0} %"),
            times.clock.to_string(),
        ])
    }
}

/// What the columns are.
pub(super) const COLUMNS: [&str; 6] = ["median ms", "min ms", "MB moved", "GB/s", "roof", "clock"];

/// What it ran on, and the table's head.
pub(super) fn header(sites: &[Site]) -> String {
    let mut text = String::new();
    for site in sites {
        text += &format!(
            "{}  {}; a copy moves {:.1} GB/s\n",
            site.place.name(),
            site.name,
            site.at.roof / 1e9
        );
    }
    let gain = if sites.len() > 1 { "gpu gain" } else { "" };
    let line = line("workload", "", &COLUMNS.map(String::from), gain);
    text + "\n" + &line
}

/// The rows of one workload.
pub(super) fn text(rows: &[Row], sites: &[Site]) -> String {
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        let name = if i == 0 { row.workload } else { "" };
        let place = sites[row.site].place;
        let gain = gain(rows).filter(|_| place == Place::Cpu);
        let gain = gain.map_or(String::new(), |gain| format!("{gain:.2}x"));
        text += &match row.cells(sites) {
            Ok(cells) => line(name, place.name(), &cells, &gain),
            Err(problem) => format!("{name:31} {:4} {problem}\n", place.name()),
        };
    }
    text
}

/// How many times as fast as on the CPU a workload is on the GPU, for one who waits for it.
pub(super) fn gain(rows: &[Row]) -> Option<f64> {
    match rows {
        [gpu, cpu] => Some(cpu.times()?.wall.as_secs_f64() / gpu.times()?.wall.as_secs_f64()),
        _ => None,
    }
}

fn line(name: &str, place: &str, cells: &[String; 6], gain: &str) -> String {
    let [median, min, bytes, rate, roof, clock] = cells;
    let line = format!(
        "{name:31} {place:4} {median:>9} {min:>9} {bytes:>9} {rate:>8} {roof:>7}  {clock:10} {gain:>9}"
    );
    format!("{}\n", line.trim_end())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Three significant digits, or as many as a whole number has.
pub(super) fn three(x: f64) -> String {
    match x {
        _ if x >= 100.0 => format!("{x:.0}"),
        _ if x >= 10.0 => format!("{x:.1}"),
        _ if x >= 1.0 => format!("{x:.2}"),
        _ if x >= 0.1 => format!("{x:.3}"),
        _ => format!("{x:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgloss::{Evaluator, Gpu, adapters, wgpu};
    use wgloss_bench::{Data, Effort, mse};

    /// A GPU whose buffers have at most 16 KiB.
    fn small() -> Site {
        let all = pollster::block_on(adapters());
        let adapter = all.first().expect("the tests need a GPU adapter; ./test installs one");
        let required_limits = wgpu::Limits {
            max_buffer_size: 16 << 10,
            max_storage_buffer_binding_size: 16 << 10,
            max_uniform_buffer_binding_size: 16 << 10,
            ..wgpu::Limits::default()
        };
        let descriptor = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
        let (device, queue) =
            pollster::block_on(adapter.request_device(&descriptor)).expect("a device with less");
        let backend = Evaluator::Gpu(Gpu::from_device(device, queue));
        let at = wgloss_bench::Site { backend, roof: 1e9 };
        Site { place: Place::Gpu, at, name: "small".into(), adapter: json!({}) }
    }

    #[test]
    fn what_a_device_does_not_allow_is_a_row() {
        let sites = [small()];
        let row = |elements| {
            let workload = mse(elements);
            let data = Data::new(&workload, DType::F32);
            let outcome = sites[0].at.time(&workload, DType::F32, &data, Effort::BRIEF, false);
            let outcome = pollster::block_on(outcome);
            Row::new(&workload, DType::F32, 0, outcome).expect("the device lives")
        };
        assert!(row(4096).times().is_some());
        let large = row(4097);
        let problem = "input: 16388 bytes in one buffer, at most 16384 (max_buffer_size)";
        assert_eq!(large.outcome.as_ref().err().map(String::as_str), Some(problem));
        let json: serde_json::Value = serde_json::from_str(&large.json(&sites)).expect("JSON");
        assert_eq!((&json["error"], &json["median_ms"]), (&json!(problem), &json!(null)));
        assert!(text(&[large], &sites).ends_with(&format!(" gpu  {problem}\n")));
    }

    #[test]
    fn a_lost_device_ends_the_run() {
        let lost = wgloss::Error::DeviceLost { doing: "timing".into(), reason: "gone".into() };
        assert!(Row::new(&mse(1), DType::F32, 0, Err(lost)).is_err());
    }
}
