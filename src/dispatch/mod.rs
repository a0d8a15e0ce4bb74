//! The dispatches of a plan while they are collected, with their uniforms and their scratch memory.

pub(crate) mod limits;
mod packing;
mod sums;

pub(crate) use sums::Sum;

use crate::definition::{Parameter, Shader};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pipeline, buffer};
use crate::kernel::reduce::RoundWindow;
use crate::kernel::{
    Binding, Declared, Destination, Kernel, Member, Parameters, Uniform, Use, reduce,
};
use crate::order::SERIAL;
use crate::reduction::Divisor;
use crate::request::{Resolved, Slot};
use crate::tuning::{Subgroup, Tuning};
use std::sync::Arc;

/// One dispatch.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) regions: Vec<Region>,
    pub(crate) groups: [u32; 2],
}

/// The part of a slot's buffer that one dispatch sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) slot: Slot,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// llvmpipe ends an invocation after 65,535 rounds of its loops, silently.
pub(crate) const MOST_ROUNDS: u64 = 60_000;

/// The lanes of llvmpipe's widest subgroups, which count their rounds together.
pub(crate) const WIDEST: usize = 16;

/// The scratch begins with the total of the losses, that of the weights or another divisor in the
/// scratch, the number of what was weighted, and the mean, if it is given.
pub(crate) const TOTAL: u64 = 0;
pub(crate) const TOTAL_WEIGHT: u64 = 1;
pub(crate) const TOTAL_COUNT: u64 = 2;

/// Why a plan cannot write in place where one pass over the data is cut into several.
pub(crate) const FEW_BUFFERS: &str = "the device binds too few buffers at once for a single pass";
/// More take seconds to plan, and a hundred million bytes of uniforms.
const MOST_DISPATCHES: u64 = 1 << 19;

/// Uniform buffers start at multiples of this on every device.
const UNIFORM_ALIGNMENT: usize = 256;

/// A dispatch whose kernel is not compiled yet.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The place of its kernel among all.
    pub(crate) kernel: usize,
    window: (usize, usize),
    /// For each slot of a tensor, the bytes that this dispatch sees; absent ones are seen whole.
    regions: Vec<(Slot, u64, u64)>,
    pub(crate) groups: [u32; 2],
}

/// A plan while its dispatches are being collected.
#[derive(Debug)]
pub struct Builder<'a> {
    gpu: Option<&'a Gpu>,
    pub(crate) limits: &'a wgpu::Limits,
    pub(crate) tuning: Tuning,
    /// The size of the device's subgroups, where they can be used.
    pub(crate) subgroup: Option<Subgroup>,
    /// The side of the matrices that subgroups multiply, where that was asked for.
    pub(crate) cooperative: Option<u32>,
    /// Whether the driver may fuse products with the sums that they go into: those of processors do not.
    pub(crate) fuses: bool,
    pub(crate) resolved: &'a Resolved,
    /// The parameters, the tables, and the windows.
    uniforms: Vec<u8>,
    parameters: Parameters,
    /// Where in the uniforms the tables begin.
    table: usize,
    scratch_words: u64,
    /// Each once, as a plan may have thousands of windows, with the members of its windows.
    kernels: Vec<(Kernel, &'static [Member])>,
    /// What is copied into the scratch for kernels that cannot bind it.
    packed: Vec<packing::Packed>,
    /// The inputs whose gradients are added up in float32, and the bytes for it.
    staging: Vec<(usize, u64)>,
    pub(crate) drafts: Vec<Draft>,
    /// Whether every input is read in one pass alone, each part of it before gradients are written
    /// there; if not, why.
    pub(crate) in_place: std::result::Result<(), &'static str>,
}

/// A plan's dispatches, and what it holds for them on the device.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) steps: Vec<Step>,
    pub(crate) uniforms: wgpu::Buffer,
    pub(crate) memory: Memory,
}

/// What a plan writes between its dispatches, which plans can share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) scratch: Option<wgpu::Buffer>,
    /// Where gradients narrower than float32 are added up, by input.
    pub(crate) staging: Vec<(usize, wgpu::Buffer)>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        gpu: &'a Gpu,
        resolved: &'a Resolved,
        values: &[(&'static str, Parameter)],
    ) -> Self {
        let builder = Self::with_limits(gpu.limits(), resolved, values);
        let fuses = gpu.adapter_info().device_type != wgpu::DeviceType::Cpu;
        Self {
            gpu: Some(gpu),
            tuning: gpu.tuning(),
            subgroup: gpu.subgroup(),
            cooperative: gpu.cooperative(),
            fuses,
            ..builder
        }
    }

    pub(crate) fn with_limits(
        limits: &'a wgpu::Limits,
        resolved: &'a Resolved,
        values: &[(&'static str, Parameter)],
    ) -> Self {
        let parameters = Parameters::new(Declared::of(resolved.definition.shader), values);
        // A uniform binding is as long as the struct, whose size is a multiple of 4 words at most.
        let mut words = parameters.words();
        words.resize(words.len().next_multiple_of(4), 0);
        let table = (4 * words.len()).next_multiple_of(UNIFORM_ALIGNMENT);
        if !resolved.table.is_empty() {
            words.resize(table / 4, 0);
            words.extend_from_slice(&resolved.table);
        }
        Self {
            gpu: None,
            limits,
            tuning: Tuning::default(),
            subgroup: None,
            cooperative: None,
            fuses: true,
            resolved,
            parameters,
            table,
            uniforms: bytemuck::cast_slice(&words).to_vec(),
            scratch_words: 4,
            kernels: Vec::new(),
            packed: Vec::new(),
            staging: Vec::new(),
            drafts: Vec::new(),
            in_place: Err("the loss reads its inputs in several passes"),
        }
    }

    /// The loss's parameters, as its kernels take them.
    pub(crate) fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }

    /// The parameters of a further formula, and the bytes of the uniforms that its kernels see of them.
    pub(crate) fn further(
        &mut self,
        formula: Shader,
        values: &[(&'static str, Parameter)],
    ) -> (Parameters, (Slot, u64, u64)) {
        let parameters = Parameters::new(Declared::of(formula), values);
        let mut words = parameters.words();
        words.resize(words.len().next_multiple_of(4), 0);
        let start = self.uniforms.len().next_multiple_of(UNIFORM_ALIGNMENT);
        self.uniforms.resize(start, 0);
        self.uniforms.extend_from_slice(bytemuck::cast_slice(&words));
        (parameters, (Slot::Parameters, start as u64, 4 * words.len() as u64))
    }

    /// The divisor in the windows; a GPU sum of weights takes its place where there is one.
    #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
    pub(crate) fn divisor(&self) -> f32 {
        match self.resolved.layout.divisor {
            Divisor::Count(count) => count as f32,
            Divisor::Weights => 1.0,
        }
    }

    /// How the sum of all losses is kept.
    pub(crate) fn losses_destination(&self) -> Destination {
        let scratch_divisor = self.resolved.divisor_in_scratch();
        if self.resolved.value {
            Destination::Value { scratch_divisor }
        } else {
            Destination::Scratch
        }
    }

    /// Where the sum of weights goes: not where a given divisor is.
    pub(crate) fn weights_place(&mut self, usual: u64) -> Result<u64> {
        if self.resolved.denominator { self.reserve(1) } else { Ok(usual) }
    }

    /// Takes words of the scratch and returns where they start. What no binding holds is refused here, as
    /// places in it may be no numbers that a window holds.
    pub(crate) fn reserve(&mut self, words: u64) -> Result<u64> {
        let start = self.scratch_words;
        self.scratch_words = start.saturating_add(words);
        self.check_binding(Slot::Scratch, self.scratch_words.saturating_mul(4))?;
        Ok(start)
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
    pub(crate) fn push<W: Uniform>(
        &mut self,
        kernel: Kernel,
        window: &W,
        regions: &[(Slot, u64, u64)],
        groups: u64,
    ) -> Result<()> {
        let kernel = if self.resolved.accumulate { kernel.adding() } else { kernel };
        let kernel = self.bindable(kernel, regions)?;
        limits::check_workgroup(self.limits, &kernel)?;
        // As early as that, so that no list of windows grows without an end.
        if self.drafts.len() as u64 == MOST_DISPATCHES {
            return Err(Error::Limit {
                argument: self.resolved.definition.name.into(),
                got: MOST_DISPATCHES + 1,
                unit: "dispatches, or more",
                limit: MOST_DISPATCHES,
                name: "the windows of a plan",
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
        self.uniforms.extend_from_slice(bytemuck::bytes_of(window));
        let size = size_of::<W>().next_multiple_of(16);
        self.uniforms.resize(start + size, 0);
        let (got, limit) = (self.uniforms.len() as u64, self.limits.max_buffer_size);
        if got > limit {
            let (argument, unit) = ("uniforms".into(), "bytes in one buffer");
            return Err(Error::Limit { argument, got, unit, limit, name: "max_buffer_size" });
        }
        let place = self.kernels.iter().position(|(known, _)| *known == kernel);
        let place = place.unwrap_or_else(|| {
            self.kernels.push((kernel, W::MEMBERS));
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
            let destination = if done { 0 } else { self.reserve(outputs)? };
            let groups = outputs.div_ceil(64);
            let width = self.width(groups)?;
            let window = reduce::ColumnsWindow {
                outputs: index(outputs)?,
                columns: index(columns)?,
                rows: index(rows)?,
                source: index(source)?,
                destination: index(destination)?,
                width,
            };
            let output = done.then_some((gradient, self.resolved.gradient_dtype(gradient)));
            self.push(reduce::sum_columns(output), &window, &[], groups)?;
            if done {
                return Ok(());
            }
            (source, rows) = (destination, next);
        }
    }

    /// Rounds an input's gradient, which lies whole in its float32 memory, to its type.
    pub(crate) fn push_rounding(&mut self, input: usize) -> Result<()> {
        let (all, dtype) =
            (self.resolved.gradient_elements(input), self.resolved.gradient_dtype(input));
        // Both begin where a binding may.
        let most =
            (self.limits.max_storage_buffer_binding_size.min(1 << 31) / 4 / 128).max(1) * 128;
        let mut first = 0;
        while first < all {
            let elements = most.min(all - first);
            let groups = elements.div_ceil(4 * 64);
            let window = RoundWindow { elements: index(elements)?, width: self.width(groups)? };
            let part =
                |slot, size: u64| (slot, first * size, (elements * size).next_multiple_of(4));
            let regions =
                [part(Slot::Staging(input), 4), part(Slot::Gradient(input), dtype.size() as u64)];
            self.push(reduce::round(input, dtype), &window, &regions, groups)?;
            first += elements;
        }
        Ok(())
    }

    /// Puts what a mean over as many items as a buffer says divides by where a sum of weights would be; where
    /// it divides by one, that takes its place.
    pub(crate) fn push_count(&mut self) -> Result<()> {
        let items = self.resolved.items();
        let Divisor::Count(divisor) = self.resolved.layout.divisor else { return Ok(()) };
        let window = reduce::CountWindow {
            most: index(items)?,
            each: index(divisor / items.max(1))?,
            least: self.resolved.guarded.into(),
        };
        self.push(reduce::count(), &window, &[], 1)
    }

    /// The kernels, each once, with the members of their windows.
    pub(crate) fn kernels(self) -> Vec<(Kernel, &'static [Member])> {
        self.kernels
    }

    /// Compiles the kernels and makes the buffers that the plan holds, but for those that are there and
    /// large enough.
    pub(crate) fn finish(self, there: &Memory) -> Result<Finished> {
        let gpu = self.gpu.expect("a builder that is finished has a device");
        // Sizes are checked before anything is compiled.
        let regions = self.drafts.iter().map(|draft| self.regions(draft));
        let regions = regions.collect::<Result<Vec<_>>>()?;
        let pipelines = self.kernels.iter().map(|(kernel, _)| gpu.pipeline(kernel));
        let pipelines = pipelines.collect::<Result<Vec<_>>>()?;
        let step = |(draft, regions): (&Draft, _)| {
            let pipeline = pipelines[draft.kernel].clone();
            Step { pipeline, regions, groups: draft.groups }
        };
        let steps = self.drafts.iter().zip(regions).map(step).collect();
        let title = self.resolved.title();
        let uses_scratch =
            self.kernels.iter().any(|(kernel, _)| kernel.binding(Slot::Scratch).is_some());
        let room = |there: Option<&wgpu::Buffer>, what: &str, size: u64| match there {
            Some(buffer) if buffer.size() >= size => Ok(buffer.clone()),
            _ => buffer(gpu, &format!("{title} {what}"), size, wgpu::BufferUsages::STORAGE),
        };
        let scratch = || room(there.scratch.as_ref(), "scratch", self.scratch_words * 4);
        let scratch = uses_scratch.then(scratch).transpose()?;
        let stage = |&(input, size): &(usize, u64)| {
            let known = there.staging.iter().find(|(own, _)| *own == input);
            Ok((input, room(known.map(|(_, buffer)| buffer), "staging", size)?))
        };
        let staging = self.staging.iter().map(stage).collect::<Result<_>>()?;
        let memory = Memory { scratch, staging };
        let tables = match self.resolved.table[..] {
            [] => wgpu::BufferUsages::empty(),
            _ => wgpu::BufferUsages::STORAGE,
        };
        let uniforms = gpu.checked("the uniforms", |device| {
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(&format!("wgloss {title} uniforms")),
                size: self.uniforms.len().next_multiple_of(16).max(16) as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST | tables,
                mapped_at_creation: false,
            });
            gpu.queue().write_buffer(&buffer, 0, &self.uniforms);
            buffer
        })?;
        Ok(Finished { steps, uniforms, memory })
    }

    fn check_binding(&self, slot: Slot, size: u64) -> Result<()> {
        let limit = self.limits.max_storage_buffer_binding_size;
        if size <= limit {
            return Ok(());
        }
        Err(Error::Limit {
            argument: self.resolved.slot_name(slot),
            got: size,
            unit: "bytes in one binding",
            limit,
            name: "max_storage_buffer_binding_size",
        })
    }

    /// What a draft's bindings see, checked against the limit on a binding's size.
    pub(crate) fn regions(&self, draft: &Draft) -> Result<Vec<Region>> {
        let region = |&Binding { slot, used, .. }: &Binding| {
            let given = draft.regions.iter().find(|r| r.0 == slot);
            let (offset, size) = match (slot, given) {
                (_, Some(&(_, offset, size))) => (offset, size),
                (Slot::Window, _) => (draft.window.0 as u64, draft.window.1 as u64),
                (Slot::Parameters, _) => {
                    (0, (self.parameters.len() * 4).next_multiple_of(16) as u64)
                }
                (Slot::Table, _) => (self.table as u64, self.resolved.bytes(slot)),
                (Slot::Scratch, _) => (0, self.scratch_words * 4),
                (slot, None) => (0, self.resolved.bytes(slot)),
            };
            if used != Use::Uniform {
                self.check_binding(slot, size)?;
            }
            Ok(Region { slot, offset, size })
        };
        self.kernels[draft.kernel].0.bindings.iter().map(region).collect()
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

/// A number of a window.
pub(crate) fn index(number: u64) -> Result<u32> {
    narrow("an index", number)
}
