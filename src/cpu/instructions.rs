//! Which instructions loops run with.

#[cfg(target_arch = "x86_64")]
use pulp::Simd;
use pulp::{Arch, WithSimd};

/// Below so many numbers work is brief.
const BRIEF: usize = 1 << 14;

/// Whether a batch of so many numbers is brief work.
pub(crate) fn is_brief(numbers: usize) -> bool {
    numbers < BRIEF
}

/// Runs loops with the widest instructions of the processor; brief ones with 256 bits at most. Processors
/// lower their clock when 512 bits are met, and for longer than brief work takes: for whatever the program
/// does next.
pub(crate) fn dispatch<W: WithSimd>(brief: bool, loops: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if brief && let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, loops);
    }
    let _ = brief;
    Arch::new().dispatch(loops)
}
