//! The windows of the pointwise kernels.

use super::shape::{Axis, MOST_AXES, MOST_INPUTS};
use crate::dispatch::index;
use crate::error::Result;
use crate::kernel::uniform;

uniform! {
    /// The window of `pointwise.wgsl`.
    pub(super) struct PassWindow {
        elements: u32,
        first: u32,
        destination: u32,
        width: u32,
        divisor: f32,
        scale: f32,
        rank: u32,
        weight: f32,
        one: f32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
        axes: [AxisWords; MOST_AXES],
    }
}

uniform! {
    /// The window of `gather.wgsl`.
    pub(super) struct GatherWindow {
        outputs: u32,
        segments: u32,
        places: u32,
        destination: u32,
        width: u32,
        divisor: f32,
        scale: f32,
        rank: u32,
        own_rank: u32,
        summed_rank: u32,
        first: u32,
        columns: u32,
        all_places: f32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
        axes: [AxisWords; MOST_AXES],
        own: [Steps; MOST_AXES],
        summed: [Steps; MOST_AXES],
    }
}

uniform! {
    /// The `Axis` of `axes.wgsl`.
    pub(super) struct AxisWords {
        size: u32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
        strides: [[u32; 4]; MOST_INPUTS / 4],
    }
}

uniform! {
    /// The `Steps` of `gather.wgsl`.
    pub(super) struct Steps {
        size: u32,
        stride: u32,
        padding_0: u32,
        padding_1: u32,
    }
}

/// At most as many axes as the kernels take.
pub(super) fn axes(axes: &[Axis]) -> Result<[AxisWords; MOST_AXES]> {
    let mut all = [AxisWords::default(); MOST_AXES];
    for (place, axis) in all.iter_mut().zip(axes) {
        place.size = index(axis.size)?;
        let strides = place.strides.as_flattened_mut().iter_mut();
        for (place, &stride) in strides.zip(&axis.strides) {
            *place = index(stride)?;
        }
    }
    Ok(all)
}

/// Axes by their sizes and the distances between neighbours. What is left of a place after the inner
/// axes is within the outermost one, however long that is.
pub(super) fn steps(axes: &[(u64, u64)]) -> Result<[Steps; MOST_AXES]> {
    let mut all = [Steps::default(); MOST_AXES];
    for (place, &(size, stride)) in all.iter_mut().zip(axes) {
        let size = index(size.min(u32::MAX.into()))?;
        *place = Steps { size, stride: index(stride)?, ..Steps::default() };
    }
    Ok(all)
}
