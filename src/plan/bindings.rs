//! The caller's buffers, checked against what a plan needs.

use super::Plan;
use crate::dispatch::Region;
use crate::error::{Error, Result};
use crate::request::{Slot, Upstream};
use std::num::NonZeroU64;

/// Where in its own status a plan writes what nobody reads; a binding may start there on every device.
pub(super) const UNREAD: u64 = 256;

/// The buffers that one encoding of a plan reads and writes.
///
/// Each has the usage `STORAGE`, an offset that is a multiple of the device's
/// `min_storage_buffer_offset_alignment`, and at least the tensor's bytes, rounded up to a multiple
/// of 4; what pads 16-bit gradients may be overwritten. Inputs are dense and row-major, losses are
/// float32, and gradients of the request's [`GradientType`](crate::GradientType).
///
/// # Several tensors in one buffer
///
/// Any tensors may lie in one buffer. The bytes of an output, from its offset on as many as the
/// tensor has, are its own: no other tensor may overlap them. Inputs may overlap. Where an input's
/// buffer is also an output's, the plan runs other kernels, whose bindings are all writable; they
/// are compiled when they are first needed. (Browsers refuse inputs that overlap there.)
///
/// # In place
///
/// The gradient of an input may be written exactly over that input, with the same buffer and the
/// same offset, where [`Plan::in_place`] says so.
///
/// # Of which device
///
/// A buffer that is of another device, destroyed or invalid is an error that names it, the first time
/// that a plan meets it; one that is destroyed later is an error of wgpu's at the submission. One of
/// another [`wgpu::Instance`] cannot always be told: wgpu knows buffers by their numbers, and takes
/// a foreign one for the device's own of that number. Where there is none, wgpu panics; the plan
/// catches that and returns an error, unless panics abort, but the panic hook has been called. A
/// query set or encoder of another device is an error of wgpu's where the encoder is finished.
#[derive(Clone, Debug, Default)]
pub struct Bindings<'a> {
    /// Every input of the request, by name.
    pub inputs: &'a [(&'a str, wgpu::BufferBinding<'a>)],
    /// Where the loss goes: one number, or one for each term with reduction `none`.
    pub value: Option<wgpu::BufferBinding<'a>>,
    /// Where each gradient of the request goes, in its input's shape.
    pub gradients: &'a [(&'a str, wgpu::BufferBinding<'a>)],
    /// The upstream gradient, if the request has one.
    pub upstream: Option<wgpu::BufferBinding<'a>>,
    /// The 16 bytes that say what was wrong with class indices, for
    /// [`Status::from_bytes`](crate::Status::from_bytes). A plan that finds nothing leaves them as they
    /// are, and one that finds something adds to what is there: the first fault found stays, whichever
    /// plan and encoding found it, and the count goes on. So any number of plans can share them, in one
    /// encoder or over many steps, and one look tells whether all went well. All zeros, as in a new
    /// buffer, say that nothing was found: [`wgpu::CommandEncoder::clear_buffer`] begins anew. Optional.
    pub status: Option<wgpu::BufferBinding<'a>>,
    /// Where [`Plan::totals_bytes`] go, for [`Plan::totals`], if the request has them.
    pub totals: Option<wgpu::BufferBinding<'a>>,
    /// What the mean divides by, if the request has it so:
    /// [`Totals::denominator`](crate::Totals::denominator), 16 bytes.
    pub denominator: Option<wgpu::BufferBinding<'a>>,
    /// How many items the batch has, if the request has it so: a `u32`. More than the plan was made for
    /// are as many as that.
    pub count: Option<wgpu::BufferBinding<'a>>,
    /// Where [`Plan::encode`] writes when its pass begins and ends: a query set of the program's, on a
    /// device with the feature `TIMESTAMP_QUERY`. Optional.
    pub timestamps: Option<wgpu::ComputePassTimestampWrites<'a>>,
}

/// The bindings by slot, each checked.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    pub(super) plan: &'a Plan,
    pub(super) slots: Vec<(Slot, wgpu::BufferBinding<'a>)>,
}

impl<'a> Bound<'a> {
    pub(super) fn new(plan: &'a Plan, bindings: &Bindings<'a>) -> Result<Self> {
        let definition = plan.resolved.definition;
        let mut slots = Vec::new();
        for (name, binding) in bindings.inputs {
            slots.push((Slot::Input(definition.input(name)?), binding.clone()));
        }
        for (name, binding) in bindings.gradients {
            slots.push((Slot::Gradient(definition.input(name)?), binding.clone()));
        }
        let single = [
            (Slot::Value, &bindings.value),
            (Slot::Upstream, &bindings.upstream),
            (Slot::Report, &bindings.status),
            (Slot::Totals, &bindings.totals),
            (Slot::Denominator, &bindings.denominator),
            (Slot::Count, &bindings.count),
        ];
        for (slot, binding) in single {
            slots.extend(binding.iter().map(|binding| (slot, binding.clone())));
        }
        let bound = Self { plan, slots };
        bound.check()?;
        Ok(bound)
    }

    fn check(&self) -> Result<()> {
        let resolved = &self.plan.resolved;
        let mut wanted: Vec<Slot> = (0..resolved.inputs.len())
            .filter(|&i| resolved.inputs[i].is_some())
            .map(Slot::Input)
            .collect();
        wanted.extend(resolved.gradients.iter().map(|&i| Slot::Gradient(i)));
        if resolved.value {
            wanted.push(Slot::Value);
        }
        if resolved.upstream != Upstream::One {
            wanted.push(Slot::Upstream);
        }
        wanted.extend(resolved.totals.then_some(Slot::Totals));
        wanted.extend(resolved.denominator.then_some(Slot::Denominator));
        wanted.extend(resolved.counted.then_some(Slot::Count));
        for &slot in &wanted {
            let times = self.slots.iter().filter(|(given, _)| *given == slot).count();
            let argument = resolved.slot_name(slot);
            match times {
                1 => {}
                0 if resolved.bytes(slot) == 0 => {}
                0 => {
                    return Err(Error::argument(&argument, "no buffer", "one, as requested"));
                }
                _ => return Err(Error::Repeated { argument, times }),
            }
        }
        for (slot, binding) in &self.slots {
            let argument = resolved.slot_name(*slot);
            if *slot != Slot::Report && !wanted.contains(slot) {
                return Err(Error::argument(&argument, "a buffer", "none: it is not requested"));
            }
            self.check_binding(&argument, *slot, binding)?;
        }
        self.check_overlaps()
    }

    fn check_binding(
        &self,
        argument: &str,
        slot: Slot,
        binding: &wgpu::BufferBinding<'_>,
    ) -> Result<()> {
        let size_error = |what, got, expected| {
            Err(Error::Size { argument: argument.into(), what, got, expected })
        };
        let alignment: u64 = self.plan.gpu.limits().min_storage_buffer_offset_alignment.into();
        if !binding.offset.is_multiple_of(alignment) {
            return size_error("offset", binding.offset, format!("a multiple of {alignment}"));
        }
        let rest = binding.buffer.size().saturating_sub(binding.offset);
        let size = binding.size.map_or(rest, NonZeroU64::get);
        if size > rest {
            return size_error(
                "size in bytes",
                size,
                format!("at most {rest}, to the buffer's end"),
            );
        }
        let needed = self.plan.resolved.bytes(slot);
        if size < needed {
            return size_error("size in bytes", size, format!("at least {needed}"));
        }
        if !binding.buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            let got = format!("a buffer of usage {:?}", binding.buffer.usage());
            return Err(Error::argument(argument, got, "one with STORAGE"));
        }
        Ok(())
    }

    pub(super) fn given(&self, slot: Slot) -> Option<wgpu::BufferBinding<'a>> {
        self.slots.iter().find(|(given, _)| *given == slot).map(|(_, binding)| binding.clone())
    }

    /// Where the plan keeps what is wrong with the targets: cleared each time that it is told, or
    /// apart from that, where nobody asks.
    fn status(&self, region: Region) -> wgpu::BufferBinding<'_> {
        let buffer = self.plan.status.as_ref().expect("a plan with targets has a status");
        let offset = if self.given(Slot::Report).is_some() { 0 } else { UNREAD };
        wgpu::BufferBinding { buffer, offset, size: NonZeroU64::new(region.size) }
    }

    /// The buffer of a region, with the region's offset added to the binding's own.
    pub(super) fn region(&self, region: Region) -> wgpu::BufferBinding<'_> {
        let own = match region.slot {
            Slot::Window | Slot::Parameters | Slot::Table => Some(&self.plan.uniforms),
            Slot::Scratch => self.plan.memory.scratch.as_ref(),
            Slot::Status => return self.status(region),
            Slot::Staging(i) => {
                let staging = self.plan.memory.staging.iter().find(|(input, _)| *input == i);
                staging.map(|(_, buffer)| buffer)
            }
            _ => None,
        };
        let base = self
            .given(region.slot)
            .or(own.map(wgpu::Buffer::as_entire_buffer_binding))
            .expect("the slots of the plan were checked, and it has what is its own");
        wgpu::BufferBinding {
            buffer: base.buffer,
            offset: base.offset + region.offset,
            size: NonZeroU64::new(region.size),
        }
    }
}
