//! Inputs and outputs in one buffer.

use super::Plan;
use super::bindings::Bound;
use crate::dispatch::{Region, Step};
use crate::error::{Error, Result};
use crate::request::{Resolved, Slot};
use std::ops::Range;

/// That a gradient can be written over its input, or why not.
pub(super) type InPlace = std::result::Result<(), &'static str>;

/// What each gradient of a plan allows; `passes` is what the plan's passes do.
pub(super) fn in_place(
    resolved: &Resolved,
    steps: &[Step],
    passes: InPlace,
) -> Vec<(usize, InPlace)> {
    let verdict = |i: usize| {
        passes?;
        match steps.iter().all(|step| fits_in_place(step, i)) {
            true => Ok(()),
            false => Err("the gradient's elements have another size"),
        }
    };
    resolved.gradients.iter().map(|&i| (i, verdict(i))).collect()
}

fn fits_in_place(step: &Step, input: usize) -> bool {
    let part = |slot| step.regions.iter().find(|region| region.slot == slot);
    let part = |slot| part(slot).map(|&Region { offset, size, .. }| (offset, size));
    let written = part(Slot::Gradient(input));
    step.pipeline.kernel.fits_in_place(input)
        && (written.is_none() || written == part(Slot::Input(input)))
}

impl Plan {
    /// Whether the gradient of an input may be written exactly over the input: into the same
    /// buffer, at the same offset.
    ///
    /// It may for losses that are pointwise or over rows, where the gradient's elements have the
    /// input's size. It may not if any gradient of the plan is that of an input that broadcasts or
    /// of an elementwise weight, if the device binds too few storage buffers at once for a single
    /// pass, for 16-bit rows that are not whole groups of four, by 16-bit numbers of rows, or by the
    /// number of a row so long that workgroups share it. Losses with kernels of their own read their
    /// inputs several times, and never write in place.
    ///
    /// # Errors
    /// If there is no such input, or its gradient was not requested.
    pub fn in_place(&self, input: &str) -> Result<bool> {
        let place = self.resolved.definition.input(input)?;
        Ok(self.verdict(place)?.is_ok())
    }

    /// Whether the gradient of an input can take its place.
    fn verdict(&self, input: usize) -> Result<InPlace> {
        let gradient = Slot::Gradient(input);
        self.replaces(gradient, Slot::Input(input)).ok_or_else(|| {
            let argument = self.resolved.slot_name(gradient);
            Error::argument(&argument, "one that was not requested", "a gradient of the request")
        })
    }

    /// The places of inputs whose gradients are to be written over them.
    pub(super) fn replaced(&self, inputs: &[&str]) -> Result<Vec<usize>> {
        let mut places = Vec::new();
        for input in inputs {
            let place = self.resolved.definition.input(input)?;
            self.verdict(place)?.map_err(|why| {
                let argument = self.resolved.slot_name(Slot::Gradient(place));
                Error::argument(&argument, "in place", format!("a buffer of its own: {why}"))
            })?;
            places.push(place);
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    /// Whether an output can take another tensor's place; `None` if it is not its gradient.
    fn replaces(&self, output: Slot, other: Slot) -> Option<InPlace> {
        let (Slot::Gradient(i), Slot::Input(j)) = (output, other) else { return None };
        let (_, verdict) = self.in_place.iter().find(|(gradient, _)| *gradient == i)?;
        (i == j).then_some(*verdict)
    }
}

impl Bound<'_> {
    /// The bytes of a slot's buffer that are really used.
    fn range(&self, slot: Slot, binding: &wgpu::BufferBinding<'_>) -> Range<u64> {
        binding.offset..binding.offset + self.plan.resolved.bytes(slot)
    }

    /// An output has its bytes for itself, but for a gradient that takes its input's place.
    pub(super) fn check_overlaps(&self) -> Result<()> {
        for (output, written) in self.slots.iter().filter(|(slot, _)| !is_input(*slot)) {
            for (other, binding) in self.slots.iter().filter(|(other, _)| other != output) {
                let (own, others) = (self.range(*output, written), self.range(*other, binding));
                let common = own.start.max(others.start)..own.end.min(others.end);
                if written.buffer != binding.buffer || common.is_empty() {
                    continue;
                }
                let same_start = own.start == others.start;
                let why = match self.plan.replaces(*output, *other).filter(|_| same_start) {
                    Some(Ok(())) => continue,
                    Some(Err(why)) => format!(" (not in place: {why})"),
                    None => String::new(),
                };
                let resolved = &self.plan.resolved;
                let (name, other) = (resolved.slot_name(*output), resolved.slot_name(*other));
                let got = format!("bytes {own:?} of a buffer that has {other} at {others:?}");
                return Err(Error::argument(&name, got, format!("ranges apart{why}")));
            }
        }
        Ok(())
    }

    /// If an input lies in a buffer that is also written: the inputs whose gradients take their
    /// place.
    pub(super) fn shared(&self) -> Option<Vec<usize>> {
        let mut shared = None;
        for (input, read) in self.slots.iter().filter(|(slot, _)| is_input(*slot)) {
            for (output, written) in self.slots.iter().filter(|(slot, _)| !is_input(*slot)) {
                if read.buffer != written.buffer {
                    continue;
                }
                let in_place: &mut Vec<usize> = shared.get_or_insert_default();
                if let (Slot::Input(i), Slot::Gradient(j)) = (*input, *output)
                    && i == j
                    && read.offset == written.offset
                    && self.plan.resolved.bytes(*input) > 0
                {
                    in_place.push(i);
                }
            }
        }
        // Whatever the order of the bindings is.
        if let Some(in_place) = &mut shared {
            in_place.sort_unstable();
        }
        shared
    }
}

fn is_input(slot: Slot) -> bool {
    matches!(slot, Slot::Input(_) | Slot::Upstream | Slot::Denominator | Slot::Count)
}
