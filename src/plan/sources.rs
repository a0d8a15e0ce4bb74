//! The texts of a plan's kernels.

use super::{Plan, build, check_sizes};
use crate::dispatch::Builder;
use crate::error::Result;
use crate::family::{Loss, resolve};
use crate::kernel::{Kernel, Member};
use crate::request::Request;
use crate::tensor::TensorKind;
use crate::tuning::{Subgroup, Tuning};

/// The text of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// What the kernel is called in messages and profilers.
    pub label: String,
    /// The whole WGSL, with the entry point `main`.
    pub text: String,
    /// The members of the struct that the uniform `window` holds, as the host fills it.
    pub window: &'static [Member],
}

/// Which device and which buffers kernels are written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceOptions {
    /// The lanes of a subgroup, a power of 2, on a device that can use them.
    pub subgroup: Option<u32>,
    /// The side of the matrices that subgroups multiply, on a device that can, as [`Gpu::with_cooperative_matrices`] has it.
    ///
    /// [`Gpu::with_cooperative_matrices`]: crate::Gpu::with_cooperative_matrices
    pub cooperative: Option<u32>,
    /// How kernels share their work.
    pub tuning: Tuning,
    /// How inputs and outputs lie.
    pub sharing: Sharing,
}

/// How inputs and outputs lie in buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// In buffers of their own.
    #[default]
    Apart,
    /// An input's buffer is also an output's.
    Together,
    /// The same, and every gradient that may lie over its input does.
    InPlace,
}

impl Plan {
    /// The exact WGSL that a request is compiled to on a device with WebGPU's default limits: each
    /// kernel once, in the order of their dispatches.
    ///
    /// # Errors
    /// As [`Plan::new`], but nothing is compiled and no device is needed.
    pub fn sources(
        loss: &dyn Loss,
        inputs: &[(&str, TensorKind)],
        request: &Request<'_>,
        options: SourceOptions,
    ) -> Result<Vec<Source>> {
        let resolved = resolve(loss, inputs, request)?;
        let limits = wgpu::Limits::default();
        check_sizes(&resolved, &limits)?;
        let mut builder = Builder::with_limits(&limits, &resolved, &loss.parameters());
        builder.subgroup = options.subgroup.map(|least| Subgroup { least, varies: false });
        builder.cooperative = options.cooperative;
        builder.tuning = options.tuning;
        build(loss, &mut builder)?;
        let mut gradients = builder.in_place.map_or(Vec::new(), |()| resolved.gradients.clone());
        let kernels = builder.kernels();
        gradients.retain(|&i| {
            options.sharing == Sharing::InPlace
                && kernels.iter().all(|(kernel, _)| kernel.fits_in_place(i))
        });
        let source = |(kernel, window): (Kernel, _)| {
            let kernel = match options.sharing {
                Sharing::Apart => kernel,
                Sharing::Together | Sharing::InPlace => kernel.shared(&gradients),
            };
            Source { text: kernel.text(), label: kernel.label, window }
        };
        Ok(kernels.into_iter().map(source).collect())
    }
}
