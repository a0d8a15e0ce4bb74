//! Which instructions loops run with.

use pulp::WithSimd;

/// Below so many numbers work is brief.
const BRIEF: usize = 1 << 14;

/// Whether a batch of so many numbers is brief work.
pub(crate) fn is_brief(numbers: usize) -> bool {
    numbers < BRIEF
}

/// Runs loops with the instructions that are chosen for them.
pub(crate) fn dispatch<W: WithSimd>(brief: bool, loops: W) -> W::Output {
    Instructions::chosen(brief).run(loops)
}

/// The instructions that loops run with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instructions {
    #[cfg(not(target_arch = "wasm32"))]
    arch: pulp::Arch,
}

impl Instructions {
    /// The widest of the processor; for brief work those of 256 bits at most. Processors lower their
    /// clock when 512 bits are met, and for longer than brief work takes: for whatever the program does
    /// next.
    pub(crate) fn chosen(brief: bool) -> Self {
        #[cfg(target_arch = "x86_64")]
        if brief && let Some(simd) = pulp::x86::V3::try_new() {
            return Self { arch: pulp::Arch::V3(simd) };
        }
        let _ = brief;
        Self {
            #[cfg(not(target_arch = "wasm32"))]
            arch: pulp::Arch::new(),
        }
    }

    /// Runs loops with them.
    #[inline(always)]
    pub(crate) fn run<W: WithSimd>(self, loops: W) -> W::Output {
        // WebAssembly's are chosen when it is compiled, and one copy of all loops is enough to load.
        #[cfg(target_arch = "wasm32")]
        return loops.with_simd(pulp::Scalar::new());
        #[cfg(not(target_arch = "wasm32"))]
        self.arch.dispatch(loops)
    }
}
