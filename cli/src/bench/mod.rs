//! `wgloss bench`: how long losses take on a GPU and on the CPU.

mod charts;
mod inputs;
mod kernels;
mod page;
mod row;
mod site;
mod sizes;
mod table;
mod tune;

use crate::error::{Error, Result};
use crate::outputs::Output;
use clap::{Args, ValueEnum};
use pollster::block_on;
use site::Backend;
use std::io::Write;
use std::path::PathBuf;
use wgloss::DType;
use wgloss_bench::{Cpu, Data, Effort, Results, WORKLOADS, by_name};

/// The arguments of `wgloss bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Plans, inputs and outputs are made beforehand; a run is encoded, submitted and waited for. `fwd` is
the value, `fwdbwd` the value and the gradients in one go. `moved` counts each input and each output
once; `roof` is GB/s over that of a copy of 256 MiB on the same adapter, on all cores of the CPU. `gpu
gain` is the CPU's time over the GPU's, both by the host's clock.

Example: wgloss bench mse_fwdbwd small_mse_fwdbwd --backend gpu")]
pub(crate) struct Bench {
    /// The workloads, in their order; all by default
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<String>,
    /// Print the names of all workloads, and time nothing
    #[arg(long, exclusive = true)]
    list: bool,
    /// Where to run; by default on both, or on the CPU alone where there is no GPU
    #[arg(long, value_delimiter = ',')]
    backend: Vec<Backend>,
    /// The GPU adapter whose name contains this, in any case
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// The type of float inputs and of the gradients
    #[arg(long, default_value = "float32")]
    dtype: Floats,
    /// On the CPU, write outputs into the memory of the run before, as a training loop does; otherwise
    /// each run allocates them
    #[arg(long)]
    reuse: bool,
    /// Time each way to share the work that kernels can be made for, and say which are best on this
    /// adapter
    #[arg(long, conflicts_with_all = ["backend", "reuse", "json", "report", "write_inputs"])]
    tune: bool,
    /// Print one JSON object with all numbers at the end, and the table on standard error
    #[arg(long)]
    json: bool,
    /// Also time sizes from small to large, which takes minutes, and write charts of everything
    #[arg(long, value_name = "FILE.html")]
    report: Option<String>,
    /// The most elements of an input in the report's charts of sizes
    #[arg(long, value_name = "ELEMENTS", default_value_t = 1 << 28, requires = "report")]
    largest: usize,
    /// Write the inputs to DIR/WORKLOAD/NAME.npy, with what is asked of them in workload.json, and
    /// time nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["backend", "adapter", "dtype", "reuse", "json", "report"])]
    write_inputs: Option<PathBuf>,
    /// Write the exact WGSL of the kernels to DIR/TYPE, for each type of floats, and to
    /// DIR/TYPE-subgroupsLANES what differs with subgroups of so many lanes, and time nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["backend", "adapter", "dtype", "reuse", "tune", "json", "report", "write_inputs"])]
    kernels: Option<PathBuf>,
    /// Print a Markdown table of what --json printed before, here or elsewhere, and time nothing
    #[arg(long, value_name = "FILE.json", num_args = 1.., exclusive = true)]
    table: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Floats {
    Float32,
    Float16,
    Bfloat16,
}

impl Bench {
    /// Times the workloads and shows each when it is done.
    pub(crate) fn run(self) -> Result<String> {
        let all = WORKLOADS.map(|(name, _)| name.to_string()).to_vec();
        if self.list {
            return Ok(all.join("\n") + "\n");
        }
        if !self.table.is_empty() {
            return table::table(&self.table);
        }
        let names = if self.workloads.is_empty() { &all } else { &self.workloads };
        let workloads = names.iter().map(|name| by_name(name)).collect::<Result<Vec<_>, _>>()?;
        if self.tune {
            tune::run(self.adapter.as_deref(), self.dtype(), &workloads)?;
            return Ok(String::new());
        }
        if let Some(folder) = &self.write_inputs {
            inputs::write(folder, &workloads)?;
            return Ok(String::new());
        }
        if let Some(folder) = &self.kernels {
            kernels::write(folder, &workloads)?;
            return Ok(String::new());
        }
        let output = self.report.as_ref();
        let output =
            output.map(|file| Output::new("--report".into(), file, &["html"])).transpose()?;
        let sites = site::open(&self.backend, self.adapter.as_deref())?;
        let mut results = Results::new("wgloss bench", today(), Cpu::named(&site::cpu_name()));
        results.reuse = self.reuse;
        sites.iter().for_each(|site| results.add_site(site));
        self.show(&row::header(&sites))?;
        for workload in &workloads {
            let (data, done) = (Data::new(workload, self.dtype()), results.rows.len());
            for site in &sites {
                let row = site.row(workload, self.dtype(), &data, Effort::FULL, self.reuse);
                results.rows.push(block_on(row)?);
            }
            self.show(&row::text(&results.rows[done..]))?;
        }
        if let Some(output) = output {
            let measured = sizes::measure(&sites, self.dtype(), self.largest)?;
            let problem = |error| Error::file("--report", &output.path, error);
            let page = page::page(&sites, &results.rows, &measured).map_err(problem)?;
            output.write_whole(page.as_bytes())?;
            results.sizes = measured.places;
        }
        Ok(if self.json { results.to_json() } else { String::new() })
    }

    /// Shows the table as it grows, with JSON where that is not in the way.
    fn show(&self, text: &str) -> Result<()> {
        if self.json {
            // There is nobody left to be shown that standard error is closed.
            let _ = std::io::stderr().write_all(text.as_bytes());
            return Ok(());
        }
        crate::print(text)
    }

    fn dtype(&self) -> DType {
        match self.dtype {
            Floats::Float32 => DType::F32,
            Floats::Float16 => DType::F16,
            Floats::Bfloat16 => DType::BF16,
        }
    }
}

/// The day, in UTC.
fn today() -> String {
    chrono::Utc::now().format("%F").to_string()
}
