//! Which instructions loops run with.

#[cfg(target_arch = "x86_64")]
use pulp::Simd;
use pulp::WithSimd;

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
    // WebAssembly's are chosen when it is compiled, and one copy of all loops is enough to load.
    #[cfg(target_arch = "wasm32")]
    return loops.with_simd(pulp::Scalar::new());
    #[cfg(not(target_arch = "wasm32"))]
    pulp::Arch::new().dispatch(loops)
}
