//! How long kernels take, by the device's own clock where it has one.

use super::Gpu;
use super::transfer::buffer;
use crate::error::Result;
use std::fmt;
use std::time::Duration;

/// What timed the kernels of an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The host's clock, from the kernels' submission until the host knew of their end. On the CPU
    /// always; on a GPU that lacks `TIMESTAMP_QUERY`, and where its timestamps tell nothing, which
    /// some drivers leave 0.
    #[default]
    Wall,
    /// The GPU's clock, from the beginning of the first kernel to the end of the last one.
    Timestamps,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wall => "wall",
            Self::Timestamps => "timestamps",
        })
    }
}

/// The two timestamps of a pass, or of several.
#[derive(Debug)]
pub(crate) struct Stamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl Stamps {
    /// `None` on a device that has no timestamps.
    pub(crate) fn new(gpu: &Gpu) -> Result<Option<Self>> {
        if !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = buffer(gpu, "timestamps", 16, usage)?;
        let queries = gpu.checked("timestamps", |device| {
            device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("wgloss timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            })
        })?;
        Ok(Some(Self { queries, resolved }))
    }

    /// For the descriptor of a pass.
    pub(crate) fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        self.writes_of(true, true)
    }

    /// For that of one of several passes, of which the first and the last one are stamped.
    pub(crate) fn writes_of(
        &self,
        first: bool,
        last: bool,
    ) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: first.then_some(0),
            end_of_pass_write_index: last.then_some(1),
        }
    }

    /// Records, after the pass, that its timestamps are to be kept.
    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
    }

    /// The same, and copies them to another buffer.
    pub(crate) fn resolve_into(&self, encoder: &mut wgpu::CommandEncoder, into: &wgpu::Buffer) {
        self.resolve(encoder);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, into, 0, None);
    }

    /// The buffer that holds the timestamps when the commands have run, and its bytes.
    pub(crate) fn source(&self) -> (&wgpu::Buffer, u64) {
        (&self.resolved, 16)
    }

    /// The pass's duration by those bytes, if they tell it.
    pub(crate) fn elapsed(gpu: &Gpu, bytes: &[u8]) -> Option<Duration> {
        let [begin, end]: [u64; 2] = bytemuck::pod_read_unaligned(bytes);
        duration(begin, end, gpu.queue().get_timestamp_period().into())
    }
}

/// The time between two ticks of `period` nanoseconds. A 0 is what a driver has not written, and
/// ticks that stand still or run backwards are no clock.
fn duration(begin: u64, end: u64, period: f64) -> Option<Duration> {
    let ticks = end.checked_sub(begin).filter(|&ticks| begin > 0 && ticks > 0)?;
    #[expect(clippy::cast_precision_loss, reason = "2^53 ticks take months")]
    Duration::try_from_secs_f64(ticks as f64 * period * 1e-9).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_that_are_no_clock() {
        assert_eq!(duration(1000, 3000, 0.5), Some(Duration::from_micros(1)));
        for (begin, end) in [(0, 0), (0, 3000), (3000, 0), (3000, 1000), (1000, 1000)] {
            assert_eq!(duration(begin, end, 1.0), None, "{begin} to {end}");
        }
        assert_eq!(duration(1000, 3000, f64::NAN), None);
    }
}
