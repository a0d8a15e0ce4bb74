//! The form of results that `wgloss bench --json` and the page write, and tables are made from.

use crate::data::Data;
use crate::measure::{Effort, Times};
use crate::roof::threads;
use crate::site::Site;
use crate::sizes::Curve;
use crate::workload::Workload;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use wgloss::{DType, Error, Evaluator, Gpu, Result, wgpu};

/// The number of the form that is written and read.
const FORM: u32 = 1;

/// What was measured, and on what. Fields that a later version adds are passed over when it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The number of this form.
    form: u32,
    /// The version of wgloss.
    pub wgloss: String,
    /// The day, as in `2026-11-29`.
    pub date: String,
    /// What measured it: `wgloss bench` or `page`.
    pub program: String,
    /// The page's browser, as it names itself.
    pub browser: Option<String>,
    /// The CPU.
    pub cpu: Cpu,
    /// The GPU, if there was one.
    pub gpu: Option<Adapter>,
    /// What the times are compared with.
    pub roofs: Roofs,
    /// Whether runs on the CPU wrote into the memory of the run before, instead of allocating.
    #[serde(default)]
    pub reuse: bool,
    /// Workloads, each wherever it ran.
    pub rows: Vec<Row>,
    /// Times against sizes.
    #[serde(default)]
    pub sizes: Vec<Curve>,
}

/// What the CPU backend ran on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// What it is called, or `WebAssembly`.
    pub name: String,
    /// The threads of the CPU backend.
    pub threads: usize,
}

/// A GPU adapter and its device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adapter {
    /// What it is called.
    pub name: String,
    /// The vendor's number in hexadecimal, or its name where a browser tells that.
    pub vendor: String,
    /// The programming interface: `vulkan`, `metal`, `dx12` or `webgpu`.
    pub backend: String,
    /// The driver.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
    /// `DiscreteGpu`, `IntegratedGpu`, `VirtualGpu`, `Cpu` or `Other`.
    pub device_type: String,
    /// What the device allows.
    pub limits: Limits,
    /// wgpu's names of the features that the device has.
    pub features: Vec<String>,
    /// The least and the largest size of subgroups, where kernels may use them.
    pub subgroups: Option<[u32; 2]>,
}

/// The limits that matter to kernels and buffers, by WebGPU's names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "WebGPU's")]
pub struct Limits {
    pub max_buffer_size: u64,
    pub max_storage_buffer_binding_size: u64,
    pub max_storage_buffers_per_shader_stage: u32,
    pub max_compute_workgroup_storage_size: u32,
    pub max_compute_invocations_per_workgroup: u32,
    pub max_compute_workgroups_per_dimension: u32,
}

/// What copies move.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Roofs {
    /// In the GPU's memory.
    pub gpu_copy_gb_per_s: Option<f64>,
    /// In the host's, on all threads.
    pub cpu_copy_gb_per_s: Option<f64>,
}

/// Where something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// On a GPU.
    Gpu,
    /// On the CPU.
    Cpu,
}

impl Place {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        }
    }
}

/// A workload in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is called.
    pub workload: String,
    /// Where it ran.
    pub backend: Place,
    /// The type of its floats.
    pub dtype: String,
    /// Its loss.
    pub value: Option<f64>,
    /// The median by `clock`.
    pub median_ms: Option<f64>,
    /// The shortest by `clock`.
    pub min_ms: Option<f64>,
    /// The median by the host's clock.
    pub wall_ms: Option<f64>,
    /// The shortest by the host's clock.
    pub wall_min_ms: Option<f64>,
    /// How many runs were timed.
    pub runs: Option<usize>,
    /// How many of them were submitted and timed at once: 1, or more in browsers, whose clocks are
    /// coarse. All times are those of one.
    pub runs_per_sample: Option<u32>,
    /// `timestamps` of the GPU, or `wall`, the host's clock.
    pub clock: Option<String>,
    /// The bytes that must move: each input once, each output once.
    pub bytes: u64,
    /// The most bytes that the process had resident in a run beyond those before it: its outputs, and what it keeps
    /// to compute them. Of the CPU with outputs in new memory, on Linux.
    pub memory_bytes: Option<u64>,
    /// Those a second, by the median.
    pub gb_per_s: Option<f64>,
    /// The same in percent of what a copy moves.
    pub roof_percent: Option<f64>,
    /// Why there are no times.
    pub error: Option<String>,
}

/// Why results cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// They have another form.
    #[error("results of form {0}; this version reads form {FORM}")]
    Form(u32),
    /// They are none.
    #[error("no results of `wgloss bench --json`: {0}")]
    Json(#[from] serde_json::Error),
}

impl Results {
    /// What a program has not yet measured, on a day like `2026-11-29`.
    pub fn new(program: &str, date: String, cpu: Cpu) -> Self {
        Self {
            form: FORM,
            wgloss: env!("CARGO_PKG_VERSION").into(),
            date,
            program: program.into(),
            browser: None,
            cpu,
            gpu: None,
            roofs: Roofs::default(),
            reuse: false,
            rows: Vec::new(),
            sizes: Vec::new(),
        }
    }

    /// Adds where something is measured: a GPU's adapter, and what a copy moves there.
    pub fn add_site(&mut self, site: &Site) {
        let roof = Some(site.roof / 1e9);
        match &site.backend {
            Evaluator::Gpu(gpu) => {
                self.gpu = Some(Adapter::of(gpu));
                self.roofs.gpu_copy_gb_per_s = roof;
            }
            Evaluator::Cpu => self.roofs.cpu_copy_gb_per_s = roof,
        }
    }

    /// How many times as fast as on the CPU a workload is on the GPU.
    pub fn gain(&self, workload: &str) -> Option<f64> {
        self.row(workload, Place::Gpu)?.gain_over(self.row(workload, Place::Cpu)?)
    }

    /// A workload in one place, if it is there.
    pub fn row(&self, workload: &str, place: Place) -> Option<&Row> {
        self.rows.iter().find(|row| row.workload == workload && row.backend == place)
    }

    /// One JSON object on one line.
    pub fn to_json(&self) -> String {
        // Nothing here is a map with keys that are no texts, which alone JSON would refuse.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Results::to_json`] writes.
    ///
    /// # Errors
    /// If it is no JSON, or of another form.
    pub fn from_json(text: &str) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Begin {
            form: u32,
        }
        match serde_json::from_str(text)? {
            Begin { form: FORM } => Ok(serde_json::from_str(text)?),
            Begin { form } => Err(Unreadable::Form(form)),
        }
    }
}

impl Cpu {
    /// The CPU of this name, with the threads that the backend has.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), threads: threads() }
    }
}

impl Adapter {
    /// That of a device. Browsers tell neither drivers nor vendors' numbers, and often no name.
    pub fn of(gpu: &Gpu) -> Self {
        let (info, device) = (gpu.adapter_info(), gpu.device());
        let (limits, features) = (device.limits(), device.features());
        let known = info.vendor != 0;
        Self {
            vendor: if known { format!("{:#06x}", info.vendor) } else { String::new() },
            backend: info.backend.to_str().into(),
            device_type: format!("{:?}", info.device_type),
            limits: Limits {
                max_buffer_size: limits.max_buffer_size,
                max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
                max_storage_buffers_per_shader_stage: limits.max_storage_buffers_per_shader_stage,
                max_compute_workgroup_storage_size: limits.max_compute_workgroup_storage_size,
                max_compute_invocations_per_workgroup: limits.max_compute_invocations_per_workgroup,
                max_compute_workgroups_per_dimension: limits.max_compute_workgroups_per_dimension,
            },
            features: features.iter_names().map(|(name, _)| name.into()).collect(),
            subgroups: features
                .contains(wgpu::Features::SUBGROUP)
                .then_some([info.subgroup_min_size, info.subgroup_max_size]),
            name: info.name,
            driver: info.driver,
            driver_info: info.driver_info,
        }
    }
}

impl Site {
    /// Which of the two it is.
    pub fn place(&self) -> Place {
        match self.backend {
            Evaluator::Gpu(_) => Place::Gpu,
            Evaluator::Cpu => Place::Cpu,
        }
    }

    /// A workload's row. What cannot run there is a row too, which says why.
    ///
    /// # Errors
    /// If the device is lost.
    pub async fn row(
        &self,
        workload: &Workload,
        dtype: DType,
        data: &Data,
        effort: Effort,
        reuse: bool,
    ) -> Result<Row> {
        let outcome = self.time(workload, dtype, data, effort, reuse).await;
        Row::new(workload, dtype, self, outcome)
    }
}

impl Row {
    /// How many times as fast as in another place it is, for one who waits for it.
    pub fn gain_over(&self, other: &Self) -> Option<f64> {
        Some(other.wall_ms? / self.wall_ms?)
    }

    fn new(
        workload: &Workload,
        dtype: DType,
        site: &Site,
        outcome: Result<(Times, f32)>,
    ) -> Result<Self> {
        let bytes = workload.bytes(dtype);
        let outcome = match outcome {
            Err(error @ Error::DeviceLost { .. }) => return Err(error),
            Err(error) => {
                Err(error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" "))
            }
            // JSON has no number for it, and the times are those of something else.
            Ok((_, value)) if !value.is_finite() => Err(format!("its loss is {value}")),
            Ok(measured) => Ok(measured),
        };
        let (measured, error) = match outcome {
            Ok(measured) => (Some(measured), None),
            Err(error) => (None, Some(error)),
        };
        let times = measured.map(|(times, _)| times);
        #[expect(clippy::cast_precision_loss, reason = "no memory has 2^53 bytes")]
        let rate = times.map(|times| bytes as f64 / times.median.as_secs_f64());
        Ok(Self {
            workload: workload.name.into(),
            backend: site.place(),
            dtype: dtype.to_string(),
            value: measured.map(|(_, value)| value.into()),
            median_ms: times.map(|times| milliseconds(times.median)),
            min_ms: times.map(|times| milliseconds(times.min)),
            wall_ms: times.map(|times| milliseconds(times.wall)),
            wall_min_ms: times.map(|times| milliseconds(times.wall_min)),
            runs: times.map(|times| times.runs),
            runs_per_sample: times.map(|times| times.runs_per_sample),
            clock: times.map(|times| times.clock.to_string()),
            bytes,
            memory_bytes: times.and_then(|times| times.memory),
            gb_per_s: rate.map(|rate| rate / 1e9),
            roof_percent: rate.map(|rate| 100.0 * rate / site.roof),
            error,
        })
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::OnGpu;
    use crate::list::mse;
    use crate::sizes::Point;
    use serde_json::{Value, json};
    use wgloss::Clock;

    fn site() -> Site {
        Site { name: String::new(), backend: Evaluator::Cpu, roof: 2e9 }
    }

    fn row(value: f32) -> Row {
        let time = Duration::from_millis(2);
        let times = Times {
            median: time,
            min: time / 2,
            clock: Clock::Wall,
            wall: time,
            wall_min: time / 2,
            runs: 14,
            runs_per_sample: 2,
            memory: None,
        };
        Row::new(&mse(1000), DType::F32, &site(), Ok((times, value))).expect("no device is lost")
    }

    fn results() -> Results {
        let cpu = Cpu { name: "a CPU".into(), threads: 2 };
        let mut results = Results::new("page", "2026-11-29".into(), cpu);
        results.browser = Some("a browser".into());
        results.add_site(&site());
        results.rows = vec![row(1.5), row(f32::NAN), Row { backend: Place::Gpu, ..row(1.5) }];
        results.sizes = vec![Curve::new("mse_loss")];
        results.sizes[0].push(Point { elements: 256, cpu_ms: Some(0.25), ..Point::default() });
        results
    }

    #[test]
    fn what_is_written_is_read() {
        let results = results();
        assert_eq!(Results::from_json(&results.to_json()).expect("results"), results);
        let mut json: Value = serde_json::from_str(&results.to_json()).expect("JSON");
        json["later"] = json!("of another version");
        json["rows"][0]["later"] = json!(1);
        assert_eq!(Results::from_json(&json.to_string()).expect("results"), results);
    }

    #[test]
    fn another_form_is_refused() {
        let mut json: Value = serde_json::from_str(&results().to_json()).expect("JSON");
        json["form"] = json!(2);
        let refused = |text: &str| Results::from_json(text).expect_err("no results").to_string();
        assert_eq!(refused(&json.to_string()), "results of form 2; this version reads form 1");
        for none in ["{}", "[1]", "{\"form\": 1}", ""] {
            let message = refused(none);
            assert!(message.starts_with("no results of `wgloss bench --json`: "), "{message}");
        }
    }

    #[test]
    fn rows_say_what_was_timed() {
        let row = row(1.5);
        // Two inputs and a gradient of 1000 numbers, and the loss.
        assert_eq!((row.bytes, row.value), (3 * 4000 + 4, Some(1.5)));
        assert_eq!((row.median_ms, row.min_ms), (Some(2.0), Some(1.0)));
        assert_eq!((row.runs, row.runs_per_sample, row.backend), (Some(14), Some(2), Place::Cpu));
        let close = |x: Option<f64>, y: f64| x.is_some_and(|x| (x / y - 1.0).abs() < 1e-9);
        assert!(close(row.gb_per_s, 0.006_002) && close(row.roof_percent, 0.3001), "{row:?}");
        assert_eq!(results().gain("mse_loss"), Some(1.0));
        assert_eq!(results().gain("l1_loss"), None);
    }

    #[test]
    fn a_loss_that_is_no_number_has_no_times() {
        let row = row(f32::NAN);
        assert_eq!((row.error.as_deref(), row.median_ms), (Some("its loss is NaN"), None));
    }

    #[test]
    fn a_lost_device_ends_the_run() {
        let lost = Error::DeviceLost { doing: "timing".into(), reason: "gone".into() };
        assert!(Row::new(&mse(1), DType::F32, &site(), Err(lost)).is_err());
    }

    /// A GPU whose buffers have at most 16 KiB.
    fn small() -> Site {
        let all = pollster::block_on(wgloss::adapters());
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
        Site { name: String::new(), backend, roof: 1e9 }
    }

    #[test]
    fn what_a_device_does_not_allow_is_a_row() {
        let site = small();
        let row = |elements| {
            let workload = mse(elements);
            let data = Data::new(&workload, DType::F32);
            let row = site.row(&workload, DType::F32, &data, Effort::BRIEF, false);
            pollster::block_on(row).expect("the device lives")
        };
        assert!(row(4096).median_ms.is_some());
        let large = row(4097);
        let problem = "input: 16388 bytes in one buffer, at most 16384 (max_buffer_size)";
        assert_eq!((large.error.as_deref(), large.median_ms), (Some(problem), None));
        let Evaluator::Gpu(gpu) = &site.backend else { panic!("it is a GPU") };
        let sizes = |elements| OnGpu::check_sizes(gpu, &mse(elements), DType::F32);
        assert_eq!(sizes(4096), Ok(()));
        assert_eq!(sizes(4097).map_err(|error| error.to_string()), Err(problem.into()));
        let adapter = Adapter::of(gpu);
        assert_eq!(adapter.limits.max_buffer_size, 16 << 10);
        assert!(!adapter.name.is_empty() && !adapter.backend.is_empty(), "{adapter:?}");
    }
}
