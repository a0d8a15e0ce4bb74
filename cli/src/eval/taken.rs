//! What becomes of the outputs of an evaluation as they are computed.

use super::progress::Progress;
use crate::outputs::Writer;
use crate::report::{Terms, numbers};
use std::io;
use wgloss::{Output, Sink, TensorKind};

/// Who sees losses as they are computed.
pub(crate) type See<'s> = &'s mut (dyn FnMut(&[f32]) + Send);

/// Writes outputs to their files, and sums the unreduced losses up.
pub(crate) struct Taken<'w, 'o> {
    /// All outputs, with the shapes that they have of all chunks; none once they have begun.
    pub(crate) outputs: Vec<(Output, TensorKind)>,
    /// The first row of all.
    pub(crate) first: usize,
    /// The files of the outputs.
    pub(crate) files: Vec<(Output, &'w mut Writer<'o>)>,
    /// What is told of the unreduced losses.
    pub(crate) terms: Option<&'w mut Terms>,
    /// Who sees the unreduced losses.
    pub(crate) see: Option<See<'w>>,
    pub(crate) progress: Progress,
}

impl Sink for Taken<'_, '_> {
    /// Those of all chunks begin with the first.
    fn begin(&mut self, _: &[(Output, TensorKind)]) -> io::Result<()> {
        for (output, kind) in self.outputs.drain(..) {
            for (_, file) in self.files.iter_mut().filter(|(own, _)| *own == output) {
                file.begin(&kind.shape);
            }
            if let (Output::Value, Some(terms)) = (output, &mut self.terms) {
                terms.begin(&kind.shape, self.first);
            }
        }
        Ok(())
    }

    fn take(&mut self, output: Output, elements: &[u8]) -> io::Result<()> {
        // A file that cannot be written to its end does not cost what else is computed.
        for (_, file) in self.files.iter_mut().filter(|(own, _)| *own == output) {
            file.write(elements);
        }
        if let (Output::Value, Some(terms)) = (output, &mut self.terms) {
            terms.add(elements);
        }
        if let (Output::Value, Some(see)) = (output, &mut self.see) {
            numbers(elements, see);
        }
        Ok(())
    }

    fn progress(&mut self, done: u64, all: u64) {
        self.progress.tell(done, all);
    }
}
