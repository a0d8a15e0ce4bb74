//! Recording a plan into the caller's encoder or pass.

use super::Plan;
use super::bindings::{Bindings, Bound};
use crate::dispatch::Step;
use crate::error::{Error, Result};
use crate::request::Slot;
use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};

/// What encoding made for the next time.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// The dispatches for inputs and outputs in one buffer, by the inputs whose gradients take
    /// their place.
    shared: Vec<(Vec<usize>, Arc<[Step]>)>,
    /// For the sets of buffers that are kept, the latest last.
    recordings: VecDeque<(Key, Arc<Recording>)>,
}

/// The buffers and where the tensors begin in them: all that bind groups depend on.
type Key = Vec<(Slot, wgpu::Buffer, u64)>;

/// Dispatches with their bind groups.
#[derive(Debug)]
struct Recording {
    steps: Arc<[Step]>,
    /// `None` for a dispatch that tells what nobody asks for.
    groups: Vec<Option<wgpu::BindGroup>>,
}

impl Recording {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        for (step, group) in self.steps.iter().zip(&self.groups) {
            let Some(group) = group else { continue };
            pass.set_pipeline(&step.pipeline.compute);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(step.groups[0], step.groups[1], 1);
        }
    }
}

impl Made {
    /// What is kept for these buffers, which are now the latest.
    fn recording(&mut self, key: &Key) -> Option<Arc<Recording>> {
        let place = self.recordings.iter().position(|(kept, _)| kept == key)?;
        let kept = self.recordings.remove(place)?;
        let recording = kept.1.clone();
        self.recordings.push_back(kept);
        Some(recording)
    }

    /// Keeps a recording, and of all the latest.
    fn keep(&mut self, key: Key, recording: &Arc<Recording>, most: usize) {
        // Another thread may have been as fast.
        self.recordings.retain(|(kept, _)| *kept != key);
        self.recordings.push_back((key, recording.clone()));
        let surplus = self.recordings.len().saturating_sub(most);
        self.recordings.drain(..surplus);
    }
}

impl Plan {
    /// Records the plan into the caller's encoder, as a compute pass. Nothing is submitted, mapped
    /// or waited for, and no buffer is created; with a set of buffers that is
    /// [kept](Plan::with_kept_sets) nothing at all is. The outputs hold their results when the
    /// encoder's commands have run.
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
                label: Some(&self.label),
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
        self.gpu.caught("the compute pass", |_| {
            pass.push_debug_group(&self.label);
            recording.record(pass);
            pass.pop_debug_group();
        })
    }

    /// The same plan, which keeps the bind groups of so many sets of buffers, the latest that it was
    /// encoded with: encoding with one of them again creates nothing. They keep those buffers alive,
    /// until other sets take their place, [`Plan::clear`] or the plan's end. By default none is kept,
    /// and a plan holds nothing of the program's.
    ///
    /// A set is all buffers of the [`Bindings`] with their offsets. A loop that has its buffers for
    /// good wants 1, one that takes them by turns so many as there are turns.
    pub fn with_kept_sets(mut self, sets: usize) -> Self {
        self.kept_sets = sets;
        self
    }

    /// Lets go of the sets of buffers that are [kept](Plan::with_kept_sets). What was encoded with them
    /// holds them until it has run.
    pub fn clear(&self) {
        let recordings = std::mem::take(&mut self.made().recordings);
        drop(recordings);
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

    /// Held for a look only: who compiles or makes bind groups holds up nobody. A panic elsewhere
    /// leaves it whole: what is pushed is complete.
    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The dispatches and bind groups for these buffers, made now if they are not kept.
    fn recording(&self, bindings: &Bindings<'_>) -> Result<Arc<Recording>> {
        let bound = Bound::new(self, bindings)?;
        self.gpu.check_alive("encoding a plan")?;
        if self.kept_sets == 0 {
            return self.new_recording(&bound);
        }
        let of = |(slot, binding): &(Slot, wgpu::BufferBinding<'_>)| {
            (*slot, binding.buffer.clone(), binding.offset)
        };
        let key: Key = bound.slots.iter().map(of).collect();
        if let Some(kept) = self.made().recording(&key) {
            return Ok(kept);
        }
        let recording = self.new_recording(&bound)?;
        self.made().keep(key, &recording, self.kept_sets);
        Ok(recording)
    }

    fn new_recording(&self, bound: &Bound<'_>) -> Result<Arc<Recording>> {
        let steps = self.steps_for(bound)?;
        let groups =
            steps.iter().map(|step| self.bind_group(step, bound)).collect::<Result<_>>()?;
        Ok(Arc::new(Recording { steps, groups }))
    }

    /// The plan's dispatches, with other kernels where an input's buffer is also written.
    fn steps_for(&self, bound: &Bound<'_>) -> Result<Arc<[Step]>> {
        let Some(in_place) = bound.shared() else { return Ok(self.steps.clone()) };
        if let Some((_, steps)) = self.made().shared.iter().find(|(known, _)| *known == in_place) {
            return Ok(steps.clone());
        }
        let shared = |step: &Step| {
            let kernel = step.pipeline.kernel.as_ref().clone().shared(&in_place);
            let mut regions = step.regions.clone();
            regions.retain(|region| kernel.binding(region.slot).is_some());
            Ok(Step { pipeline: self.gpu.pipeline(&kernel)?, regions, groups: step.groups })
        };
        let steps: Arc<[Step]> = self.steps.iter().map(shared).collect::<Result<_>>()?;
        let mut made = self.made();
        // Another thread may have been as fast.
        if !made.shared.iter().any(|(known, _)| *known == in_place) {
            made.shared.push((in_place, steps.clone()));
        }
        Ok(steps)
    }

    /// `None` where the dispatch tells what nobody asks for.
    fn bind_group(&self, step: &Step, bound: &Bound<'_>) -> Result<Option<wgpu::BindGroup>> {
        let told = step.pipeline.kernel.binding(Slot::Report).is_some();
        if told && bound.given(Slot::Report).is_none() {
            return Ok(None);
        }
        let entries: Vec<_> = step
            .regions
            .iter()
            .zip(0..)
            .map(|(region, binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(bound.region(*region)),
            })
            .collect();
        let kernel = step.pipeline.kernel.label.trim_start_matches("wgloss ");
        let label = format!("{}: {kernel}", self.label);
        let made = self.gpu.caught(&label, |device| {
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(&label),
                layout: &step.pipeline.layout,
                entries: &entries,
            })
        });
        made.map(Some).map_err(|error| match error {
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
