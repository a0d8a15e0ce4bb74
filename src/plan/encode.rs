//! Recording a plan into the caller's encoder or pass.

use super::Plan;
use super::bindings::{Bindings, Bound};
use crate::dispatch::Step;
use crate::error::{Error, Result};
use crate::request::Slot;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

/// The sets of buffers whose bind groups a plan keeps.
const MOST_SETS: usize = 8;

/// What encoding made for the next time.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The dispatches for inputs and outputs in one buffer, by the inputs whose gradients take
    /// their place.
    shared: Vec<(Vec<usize>, Arc<[Step]>)>,
    /// For the last sets of buffers, the latest last.
    recordings: VecDeque<(Key, Arc<Recording>)>,
}

/// The buffers and where the tensors begin in them: all that bind groups depend on.
type Key = Vec<(Slot, wgpu::Buffer, u64)>;

/// Dispatches with their bind groups.
#[derive(Debug)]
struct Recording {
    steps: Arc<[Step]>,
    groups: Vec<wgpu::BindGroup>,
}

impl Recording {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        for (step, group) in self.steps.iter().zip(&self.groups) {
            pass.set_pipeline(&step.pipeline.compute);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(step.groups[0], step.groups[1], 1);
        }
    }
}

impl Plan {
    /// Records the plan into the caller's encoder, as a compute pass. Nothing is submitted, mapped
    /// or waited for, and no buffer is created; with buffers of before nothing at all is. The outputs
    /// hold their results when the encoder's commands have run.
    ///
    /// # Errors
    /// If a buffer is missing, too small, wrongly aligned, of the wrong usage, of another device,
    /// shared in a way that [`Bindings`] does not allow, or not asked for by the request; if the
    /// timestamps cannot be written; if the device is lost. Nothing is recorded then.
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        bindings: &Bindings<'_>,
    ) -> Result<()> {
        self.check_timestamps(bindings)?;
        let recording = self.recording(bindings)?;
        self.gpu.caught("the encoder", |_| {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some(self.resolved.definition.name),
                timestamp_writes: bindings.timestamps.clone(),
            });
            recording.record(&mut pass);
        })
    }

    /// [`Plan::encode`] into a compute pass that is open. It sets the pass's pipeline and its bind
    /// group 0, so set your own again afterwards; other bind groups stay.
    ///
    /// # Errors
    /// As [`Plan::encode`]; also if `bindings` have timestamps, which are the pass's own.
    pub fn encode_pass(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        bindings: &Bindings<'_>,
    ) -> Result<()> {
        if bindings.timestamps.is_some() {
            let expected = "none for an open pass, whose descriptor has its own";
            return Err(Error::argument("timestamps", "a query set", expected));
        }
        let recording = self.recording(bindings)?;
        self.gpu.caught("the compute pass", |_| recording.record(pass))
    }

    fn check_timestamps(&self, bindings: &Bindings<'_>) -> Result<()> {
        let Some(writes) = &bindings.timestamps else { return Ok(()) };
        let refused =
            |got: String, expected: &str| Err(Error::argument("timestamps", got, expected));
        let features = self.gpu.device().features();
        if !features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            return refused("a query set".into(), "none on a device without TIMESTAMP_QUERY");
        }
        let kind = writes.query_set.ty();
        if !matches!(kind, wgpu::QueryType::Timestamp) {
            return refused(format!("a query set of {kind:?}"), "one of timestamps");
        }
        let indices = [writes.beginning_of_pass_write_index, writes.end_of_pass_write_index];
        if indices[0] == indices[1] {
            let got = format!("{:?} for begin and end", indices[0]);
            return refused(got, "two indices, or one and none");
        }
        let count = writes.query_set.count();
        match indices.iter().flatten().find(|index| **index >= count) {
            Some(index) => refused(format!("index {index}"), &format!("one below {count}")),
            None => Ok(()),
        }
    }

    /// The dispatches and bind groups for these buffers, made now if they are not kept.
    fn recording(&self, bindings: &Bindings<'_>) -> Result<Arc<Recording>> {
        let bound = Bound::new(self, bindings)?;
        self.gpu.check_alive("encoding a plan")?;
        let of = |(slot, binding): &(Slot, wgpu::BufferBinding<'_>)| {
            (*slot, binding.buffer.clone(), binding.offset)
        };
        let key: Key = bound.slots.iter().map(of).collect();
        // A panic elsewhere leaves this whole: what is pushed is complete.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = made.recordings.iter().position(|(kept, _)| *kept == key);
        let recording = match kept.and_then(|kept| made.recordings.remove(kept)) {
            Some((_, recording)) => recording,
            None => {
                let steps = self.steps_for(&bound, &mut made)?;
                let groups = steps
                    .iter()
                    .map(|step| self.bind_group(step, &bound))
                    .collect::<Result<Vec<_>>>()?;
                Arc::new(Recording { steps, groups })
            }
        };
        if made.recordings.len() == MOST_SETS {
            made.recordings.pop_front();
        }
        made.recordings.push_back((key, recording.clone()));
        Ok(recording)
    }

    /// The plan's dispatches, with other kernels where an input's buffer is also written.
    fn steps_for(&self, bound: &Bound<'_>, made: &mut Made) -> Result<Arc<[Step]>> {
        let Some(in_place) = bound.shared() else { return Ok(self.steps.clone()) };
        if let Some((_, steps)) = made.shared.iter().find(|(known, _)| *known == in_place) {
            return Ok(steps.clone());
        }
        let shared = |step: &Step| {
            let kernel = step.pipeline.kernel.as_ref().clone().shared(&in_place);
            let mut regions = step.regions.clone();
            regions.retain(|region| kernel.binding(region.slot).is_some());
            Ok(Step { pipeline: self.gpu.pipeline(&kernel)?, regions, groups: step.groups })
        };
        let steps: Arc<[Step]> = self.steps.iter().map(shared).collect::<Result<_>>()?;
        made.shared.push((in_place, steps.clone()));
        Ok(steps)
    }

    fn bind_group(&self, step: &Step, bound: &Bound<'_>) -> Result<wgpu::BindGroup> {
        let entries: Vec<_> = step
            .regions
            .iter()
            .zip(0..)
            .map(|(region, binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(bound.region(*region)),
            })
            .collect();
        let what = format!("the buffers of {}", self.resolved.definition.name);
        let made = self.gpu.caught(&what, |device| {
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(self.resolved.definition.name),
                layout: &step.pipeline.layout,
                entries: &entries,
            })
        });
        made.map_err(|error| match error {
            Error::Refused { .. } => self.refused(bound).unwrap_or(error),
            error => error,
        })
    }

    /// Which buffer wgpu refuses, and why.
    fn refused(&self, bound: &Bound<'_>) -> Option<Error> {
        bound.slots.iter().find_map(|(slot, binding)| {
            let got = format!("a buffer that wgpu refuses ({})", self.gpu.refuses(binding)?);
            let argument = self.resolved.slot_name(*slot);
            Some(Error::argument(&argument, got, "a living buffer of the plan's device"))
        })
    }
}
