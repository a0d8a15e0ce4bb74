//! Plans that are made beside the program.

use super::Plan;
use super::pending::{Pending, in_background};
use crate::error::Result;
use crate::family::{Loss, resolve};
use crate::gpu::Gpu;
use crate::request::Request;
use crate::tensor::TensorKind;

impl Plan {
    /// [`Plan::new`] in the background: a program that draws or trains goes on while kernels are
    /// compiled, which takes milliseconds on one driver and seconds on another.
    ///
    /// It runs on a thread of its own, which ends with it. Encodings of other plans and plans whose
    /// kernels are there wait for none that is compiled. Some drivers crash where a program ends while
    /// they compile: wait for what is under way before.
    ///
    /// In a browser, which compiles beside the page by itself, it is done before this returns.
    ///
    /// # Errors
    /// The result has those of [`Plan::new`], and [`Error::Background`](crate::Error::Background) if no
    /// thread can be started.
    pub fn prepare(
        gpu: &Gpu,
        loss: impl Into<Box<dyn Loss>>,
        inputs: &[(&str, TensorKind)],
        request: &Request<'_>,
    ) -> Pending<Self> {
        let (gpu, loss) = (gpu.clone(), loss.into());
        let resolved = resolve(&*loss, inputs, request);
        in_background("a plan", move || Self::of_resolved(&gpu, &*loss, resolved?))
    }

    /// Compiles in the background what encodings need where an input lies in a buffer that is also
    /// written, and the gradients of these inputs over them. Without it, the first such encoding does.
    /// With no inputs it is for tensors that share a buffer side by side.
    ///
    /// It runs as [`Plan::prepare`] does.
    ///
    /// # Errors
    /// If there is no such input, or its gradient was not requested or cannot be
    /// [in place](Plan::in_place). The result has those of [`Plan::new`].
    pub fn prepare_in_place(&self, inputs: &[&str]) -> Result<Pending<()>> {
        let in_place = self.replaced(inputs)?;
        let kernels: Vec<_> = self.steps.iter().map(|step| step.pipeline.kernel.clone()).collect();
        let gpu = self.gpu.clone();
        Ok(in_background("kernels of a plan", move || {
            let shared = |kernel: &crate::kernel::Kernel| kernel.clone().shared(&in_place);
            kernels.iter().try_for_each(|kernel| gpu.pipeline(&shared(kernel)).map(drop))
        }))
    }
}
