//! Collects the dispatches of a plan, their uniforms and their scratch memory.

use super::{Region, Resolved, Step};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::kernel::{Binding, Formula, Keep, Kernel, Parameters, SERIAL, Slot, Use, reduce};
use crate::loss::Parameter;
use crate::reduction::Divisor;
use crate::tuning::Tuning;

/// The scratch begins with the total of the losses, that of the weights or another divisor in the
/// scratch, the number of what was weighted, and the mean, if it is given.
pub(crate) const TOTAL: u64 = 0;
pub(crate) const TOTAL_WEIGHT: u64 = 1;
pub(crate) const TOTAL_COUNT: u64 = 2;

/// Uniform buffers start at multiples of this on every device.
const UNIFORM_ALIGNMENT: usize = 256;

/// A dispatch whose kernel is not compiled yet.
#[derive(Debug)]
struct Draft {
    /// The place of its kernel among all.
    kernel: usize,
    window: (usize, usize),
    /// For each slot of a tensor, the bytes that this dispatch sees; absent ones are seen whole.
    regions: Vec<(Slot, u64, u64)>,
    groups: [u32; 2],
}

/// A plan while its dispatches are being collected.
#[derive(Debug)]
pub struct Builder<'a> {
    gpu: Option<&'a Gpu>,
    pub(crate) limits: &'a wgpu::Limits,
    pub(crate) tuning: Tuning,
    /// The size of the device's subgroups, where they can be used.
    pub(crate) subgroup: Option<u32>,
    pub(crate) resolved: &'a Resolved,
    uniforms: Vec<u8>,
    parameters: Parameters,
    scratch_words: u64,
    /// Each once, as a plan may have thousands of windows.
    kernels: Vec<Kernel>,
    /// The inputs whose gradients are added up in float32, and the bytes for it.
    staging: Vec<(usize, u64)>,
    drafts: Vec<Draft>,
    /// Whether every input is read in one pass alone, each part of it before gradients are written
    /// there; if not, why.
    pub(crate) in_place: std::result::Result<(), &'static str>,
}

/// What a plan holds on the device.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) steps: Vec<Step>,
    pub(super) uniforms: wgpu::Buffer,
    pub(super) scratch: Option<wgpu::Buffer>,
    pub(super) staging: Vec<(usize, wgpu::Buffer)>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        gpu: &'a Gpu,
        resolved: &'a Resolved,
        values: &[(&'static str, Parameter)],
    ) -> Self {
        let builder = Self::with_limits(gpu.limits(), resolved, values);
        Self { gpu: Some(gpu), tuning: gpu.tuning(), subgroup: gpu.subgroup(), ..builder }
    }

    pub(super) fn with_limits(
        limits: &'a wgpu::Limits,
        resolved: &'a Resolved,
        values: &[(&'static str, Parameter)],
    ) -> Self {
        let parameters = Parameters::new(Formula::of(resolved.definition.shader), values);
        // A uniform binding is as long as the struct, whose size is a multiple of 4 words at most.
        let mut words = parameters.words();
        words.resize(words.len().next_multiple_of(4), 0);
        Self {
            gpu: None,
            limits,
            tuning: Tuning::default(),
            subgroup: None,
            resolved,
            parameters,
            uniforms: bytemuck::cast_slice(&words).to_vec(),
            scratch_words: 4,
            kernels: Vec::new(),
            staging: Vec::new(),
            drafts: Vec::new(),
            in_place: Err("the loss reads its inputs in several passes"),
        }
    }

    /// The loss's parameters, as its kernels take them.
    pub(crate) fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }

    /// The divisor in the windows; a GPU sum of weights takes its place where there is one.
    #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
    pub(crate) fn divisor(&self) -> f32 {
        match self.resolved.layout.divisor {
            Divisor::Count(count) => count as f32,
            Divisor::Weights => 1.0,
        }
    }

    /// What gradients are divided by and multiplied by in the windows.
    pub(crate) fn factors(&self) -> [u8; 8] {
        bytemuck::cast([self.divisor(), self.resolved.loss_scale])
    }

    /// How the sum of all losses is kept.
    pub(crate) fn keep_losses(&self) -> Keep {
        let weighted = self.resolved.divisor_in_scratch();
        if self.resolved.value { Keep::Value { weighted } } else { Keep::Partial }
    }

    /// Where the sum of weights goes: not where a given divisor is.
    pub(super) fn weights_place(&mut self, usual: u64) -> u64 {
        if self.resolved.denominator { self.reserve(1) } else { usual }
    }

    /// Takes words of the scratch and returns where they start.
    pub(crate) fn reserve(&mut self, words: u64) -> u64 {
        let start = self.scratch_words;
        self.scratch_words += words;
        start
    }

    /// Takes float32 memory for so many elements of an input's gradient.
    pub(crate) fn stage(&mut self, input: usize, elements: u64) {
        self.staging.push((input, elements * 4));
    }

    /// The words taken so far.
    pub(crate) fn scratch_words(&self) -> u64 {
        self.scratch_words
    }

    /// The workgroups of a row of a dispatch of this many.
    pub(crate) fn width(&self, groups: u64) -> Result<u32> {
        narrow("workgroups", groups.min(self.limits.max_compute_workgroups_per_dimension.into()))
    }

    /// Adds a dispatch of `groups` workgroups. `regions` are the bytes of the tensors that it
    /// sees: slot, offset, size; a slot without one is seen whole.
    pub(crate) fn push(
        &mut self,
        kernel: Kernel,
        window: &[u8],
        regions: &[(Slot, u64, u64)],
        groups: u64,
    ) -> Result<()> {
        let most = self.limits.max_storage_buffers_per_shader_stage;
        if kernel.storage_buffers() > most as usize {
            return Err(Error::Limit {
                got: kernel.storage_buffers() as u64,
                argument: kernel.label,
                unit: "storage buffers",
                limit: most.into(),
                name: "max_storage_buffers_per_shader_stage",
            });
        }
        let width = self.width(groups)?.max(1);
        let rows = groups.div_ceil(width.into());
        let most = self.limits.max_compute_workgroups_per_dimension;
        if rows > most.into() {
            return Err(Error::Limit {
                argument: kernel.label,
                got: groups,
                unit: "workgroups",
                limit: u64::from(most) * u64::from(most),
                name: "max_compute_workgroups_per_dimension squared",
            });
        }
        let start = self.uniforms.len().next_multiple_of(UNIFORM_ALIGNMENT);
        self.uniforms.resize(start, 0);
        self.uniforms.extend_from_slice(window);
        let size = window.len().next_multiple_of(16);
        self.uniforms.resize(start + size, 0);
        let place = self.kernels.iter().position(|known| *known == kernel);
        let place = place.unwrap_or_else(|| {
            self.kernels.push(kernel);
            self.kernels.len() - 1
        });
        self.drafts.push(Draft {
            kernel: place,
            window: (start, size),
            regions: regions.to_vec(),
            groups: [width, narrow("workgroups", rows)?],
        });
        Ok(())
    }

    /// Adds the levels that sum the rows of a matrix in the scratch into an input's gradient.
    pub(crate) fn push_columns(
        &mut self,
        mut source: u64,
        columns: u64,
        mut rows: u64,
        gradient: usize,
    ) -> Result<()> {
        loop {
            let next = rows.div_ceil(SERIAL).max(1);
            let outputs = columns * next;
            let done = next == 1;
            let destination = if done { 0 } else { self.reserve(outputs) };
            let groups = outputs.div_ceil(64);
            let width = self.width(groups)?.into();
            let window = words(&[outputs, columns, rows, source, destination, width])?;
            let output = done.then_some((gradient, self.resolved.gradient_dtype(gradient)));
            self.push(reduce::sum_columns(output), &window, &[], groups)?;
            if done {
                return Ok(());
            }
            (source, rows) = (destination, next);
        }
    }

    /// The kernels, each once.
    pub(super) fn kernels(self) -> Vec<Kernel> {
        self.kernels
    }

    pub(super) fn finish(self) -> Result<Finished> {
        let gpu = self.gpu.expect("a builder that is finished has a device");
        // Sizes are checked before anything is compiled.
        let regions = self.drafts.iter().map(|draft| self.regions(draft));
        let regions = regions.collect::<Result<Vec<_>>>()?;
        let pipelines = self.kernels.iter().map(|kernel| gpu.pipeline(kernel));
        let pipelines = pipelines.collect::<Result<Vec<_>>>()?;
        let step = |(draft, regions): (&Draft, _)| {
            let pipeline = pipelines[draft.kernel].clone();
            Step { pipeline, regions, groups: draft.groups }
        };
        let steps = self.drafts.iter().zip(regions).map(step).collect();
        let uses_scratch =
            self.kernels.iter().any(|kernel| kernel.binding(Slot::Scratch).is_some());
        let scratch = if uses_scratch {
            let usage = wgpu::BufferUsages::STORAGE;
            Some(buffer(gpu, "wgloss scratch", self.scratch_words * 4, usage)?)
        } else {
            None
        };
        let stage = |&(input, size): &(usize, u64)| {
            Ok((input, buffer(gpu, "wgloss staging", size, wgpu::BufferUsages::STORAGE)?))
        };
        let staging = self.staging.iter().map(stage).collect::<Result<_>>()?;
        let uniforms = gpu.checked("the uniforms", |device| {
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("wgloss uniforms"),
                size: self.uniforms.len().next_multiple_of(16).max(16) as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            gpu.queue().write_buffer(&buffer, 0, &self.uniforms);
            buffer
        })?;
        Ok(Finished { steps, uniforms, scratch, staging })
    }

    /// What a draft's bindings see, checked against the limit on a binding's size.
    fn regions(&self, draft: &Draft) -> Result<Vec<Region>> {
        let region = |&Binding { slot, used, .. }: &Binding| {
            let given = draft.regions.iter().find(|r| r.0 == slot);
            let (offset, size) = match (slot, given) {
                (_, Some(&(_, offset, size))) => (offset, size),
                (Slot::Window, _) => (draft.window.0 as u64, draft.window.1 as u64),
                (Slot::Parameters, _) => {
                    (0, (self.parameters.len() * 4).next_multiple_of(16) as u64)
                }
                (Slot::Scratch, _) => (0, self.scratch_words * 4),
                (slot, None) => (0, self.resolved.bytes(slot)),
            };
            let limit = self.limits.max_storage_buffer_binding_size;
            if used != Use::Uniform && size > limit {
                return Err(Error::Limit {
                    argument: self.slot_name(slot),
                    got: size,
                    unit: "bytes in one binding",
                    limit,
                    name: "max_storage_buffer_binding_size",
                });
            }
            Ok(Region { slot, offset, size })
        };
        self.kernels[draft.kernel].bindings.iter().map(region).collect()
    }

    fn slot_name(&self, slot: Slot) -> String {
        super::bindings::slot_name(self.resolved.definition, slot)
    }
}

/// A number that the kernels index with.
pub(crate) fn narrow(what: &str, number: u64) -> Result<u32> {
    u32::try_from(number).map_err(|_| Error::Limit {
        argument: what.into(),
        got: number,
        unit: "at once",
        limit: u32::MAX.into(),
        name: "32-bit indices",
    })
}

/// Numbers as the words of a uniform.
pub(crate) fn words(numbers: &[u64]) -> Result<Vec<u8>> {
    let words = numbers.iter().map(|&n| narrow("an index", n)).collect::<Result<Vec<u32>>>()?;
    Ok(bytemuck::cast_slice(&words).to_vec())
}

/// A buffer, if the device's limits allow it.
pub(crate) fn buffer(
    gpu: &Gpu,
    label: &str,
    size: u64,
    usage: wgpu::BufferUsages,
) -> Result<wgpu::Buffer> {
    let limit = gpu.limits().max_buffer_size;
    if size > limit {
        return Err(Error::Limit {
            argument: label.into(),
            got: size,
            unit: "bytes in one buffer",
            limit,
            name: "max_buffer_size",
        });
    }
    gpu.checked(label, |device| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: size.next_multiple_of(4).max(4),
            usage,
            mapped_at_creation: false,
        })
    })
}

#[cfg(test)]
mod tests;
