//! Where a batch is evaluated.

use crate::error::{Error, Result};
use clap::{Args, ValueEnum};
use wgloss::{Evaluator, Gpu};

/// Why there is no GPU, in brief.
fn why_not(reason: wgloss::Error) -> String {
    match reason {
        wgloss::Error::NoAdapter { found, .. } if found == "none" => {
            "no GPU adapter was found: wgloss devices says what to install".into()
        }
        wgloss::Error::NoAdapter { found, .. } => {
            format!("no hardware GPU: {found} is software, which --backend gpu uses")
        }
        reason => Error::from(reason).line(),
    }
}

/// The arguments that choose it.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Where to evaluate; `auto` is a GPU, or the CPU where there is none: an adapter that is software
    /// is used where it is named or `gpu` is asked for
    #[arg(long, default_value = "auto")]
    backend: Backend,
    /// The GPU adapter whose name contains this, in any case
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// The most memory that the batch takes on the GPU, where it can be cut, in MiB; larger batches go
    /// through it piece by piece
    #[arg(long, value_name = "MIB")]
    device_memory: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Auto,
    Gpu,
    Cpu,
}

impl Place {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<()> {
        if let (Some(name), Backend::Cpu) = (&self.adapter, self.backend) {
            return Err(Error::argument(
                "--adapter",
                format!("{name:?} with --backend cpu"),
                "--backend gpu or auto, or no --adapter",
            ));
        }
        if self.device_memory == Some(0) {
            return Err(Error::argument("--device-memory", "0", "1 at least"));
        }
        Ok(())
    }

    /// The backend, and why it is not a GPU where one might be expected.
    pub(super) fn open(&self) -> Result<(Evaluator, Option<String>)> {
        let named = |name| pollster::block_on(Gpu::with_adapter_named(Some(name)));
        let (backend, reason) = match (self.backend, &self.adapter) {
            (Backend::Cpu, _) => (Evaluator::Cpu, None),
            (_, Some(name)) => (Evaluator::Gpu(named(name)?), None),
            (Backend::Gpu, None) => (Evaluator::Gpu(Gpu::new_blocking()?), None),
            (Backend::Auto, None) => {
                let (backend, reason) = pollster::block_on(Evaluator::auto());
                (backend, reason.map(why_not))
            }
        };
        let backend = match (backend, self.device_memory) {
            (Evaluator::Gpu(gpu), Some(memory)) => {
                Evaluator::Gpu(gpu.with_memory(memory.saturating_mul(1 << 20)))
            }
            (backend, _) => backend,
        };
        Ok((backend, reason))
    }
}
