//! The caller's buffers, checked against what a plan needs.

use super::{Plan, Region};
use crate::error::{Error, Result};
use crate::kernel::Slot;
use crate::loss::Definition;
use std::num::NonZeroU64;

/// The buffers that one encoding of a plan reads and writes.
///
/// Each has the usage `STORAGE`, an offset that is a multiple of the device's
/// `min_storage_buffer_offset_alignment`, and at least the tensor's bytes, rounded up to a multiple
/// of 4; what pads 16-bit gradients may be overwritten. Inputs may share buffers, and so may outputs,
/// but no input shares one with an output. Inputs are dense and row-major, losses are float32, and
/// gradients of the request's [`GradientType`](crate::GradientType).
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
    /// Where 16 bytes go that say what was wrong with class indices, for
    /// [`Status::from_bytes`](crate::Status::from_bytes); also of usage `COPY_DST`. Optional.
    pub status: Option<wgpu::BufferBinding<'a>>,
}

/// The bindings by slot, each checked.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    plan: &'a Plan,
    slots: Vec<(Slot, wgpu::BufferBinding<'a>)>,
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
            (Slot::Status, &bindings.status),
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
        if resolved.upstream != crate::kernel::Upstream::One {
            wanted.push(Slot::Upstream);
        }
        for &slot in &wanted {
            let times = self.slots.iter().filter(|(given, _)| *given == slot).count();
            let argument = slot_name(resolved.definition, slot);
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
            let argument = slot_name(resolved.definition, *slot);
            if *slot != Slot::Status && !wanted.contains(slot) {
                return Err(Error::argument(&argument, "a buffer", "none: it is not requested"));
            }
            self.check_binding(&argument, *slot, binding)?;
        }
        self.check_shared()
    }

    /// wgpu refuses a buffer that one dispatch both reads and writes, wherever in it.
    fn check_shared(&self) -> Result<()> {
        let is_input = |slot: Slot| matches!(slot, Slot::Input(_) | Slot::Upstream);
        for (input, read) in self.slots.iter().filter(|(slot, _)| is_input(*slot)) {
            for (output, written) in self.slots.iter().filter(|(slot, _)| !is_input(*slot)) {
                if read.buffer == written.buffer {
                    let definition = self.plan.resolved.definition;
                    let got = format!("a part of the buffer of {}", slot_name(definition, *output));
                    let argument = slot_name(definition, *input);
                    return Err(Error::argument(&argument, got, "a buffer that is not written"));
                }
            }
        }
        Ok(())
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
        let (usage, expected) = match slot {
            // It is cleared before the kernels run.
            Slot::Status => {
                (wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST, "STORAGE and COPY_DST")
            }
            _ => (wgpu::BufferUsages::STORAGE, "STORAGE"),
        };
        if !binding.buffer.usage().contains(usage) {
            let got = format!("a buffer of usage {:?}", binding.buffer.usage());
            return Err(Error::argument(argument, got, format!("one with {expected}")));
        }
        Ok(())
    }

    /// Where the status goes, if the plan writes one.
    pub(super) fn status(&self) -> Option<wgpu::BufferBinding<'_>> {
        let own = self.plan.status.as_ref()?.as_entire_buffer_binding();
        Some(self.given(Slot::Status).unwrap_or(own))
    }

    fn given(&self, slot: Slot) -> Option<wgpu::BufferBinding<'_>> {
        self.slots.iter().find(|(given, _)| *given == slot).map(|(_, binding)| binding.clone())
    }

    /// The buffer of a region, with the region's offset added to the binding's own.
    pub(super) fn region(&self, region: Region) -> wgpu::BufferBinding<'_> {
        let base = match region.slot {
            Slot::Window | Slot::Parameters => self.plan.uniforms.as_entire_buffer_binding(),
            Slot::Status => self.status().expect("a plan that checks targets has a status"),
            Slot::Scratch => self
                .plan
                .scratch
                .as_ref()
                .expect("a plan with scratch regions has scratch memory")
                .as_entire_buffer_binding(),
            Slot::Staging(i) => self
                .plan
                .staging
                .iter()
                .find(|(input, _)| *input == i)
                .expect("a plan with staging regions has staging memory")
                .1
                .as_entire_buffer_binding(),
            slot => self.given(slot).expect("all slots of the plan were checked"),
        };
        wgpu::BufferBinding {
            buffer: base.buffer,
            offset: base.offset + region.offset,
            size: NonZeroU64::new(region.size),
        }
    }
}

/// What a slot is called in messages.
pub(super) fn slot_name(definition: &Definition, slot: Slot) -> String {
    match slot {
        Slot::Input(i) => definition.inputs[i].name.into(),
        Slot::Gradient(i) => format!("gradient {}", definition.inputs[i].name),
        Slot::Value => "value".into(),
        Slot::Upstream => "upstream".into(),
        Slot::Status => "status".into(),
        Slot::Scratch => "scratch memory".into(),
        Slot::Staging(i) => format!("float32 gradient {}", definition.inputs[i].name),
        Slot::Window | Slot::Parameters => "uniforms".into(),
    }
}
