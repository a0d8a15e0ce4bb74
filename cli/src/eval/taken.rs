//! What becomes of the outputs of an evaluation as they are computed.

use super::progress::Progress;
use crate::outputs::Writer;
use crate::report::Terms;
use std::io;
use wgloss::{Output, Sink, TensorKind};

/// Writes outputs to their files, and sums the unreduced losses up.
pub(crate) struct Taken<'w, 'o> {
    /// The files of the outputs.
    pub(crate) files: Vec<(Output, &'w mut Writer<'o>)>,
    /// What is told of the unreduced losses.
    pub(crate) terms: Option<&'w mut Terms>,
    pub(crate) progress: Progress,
}

impl Sink for Taken<'_, '_> {
    fn begin(&mut self, outputs: &[(Output, TensorKind)]) -> io::Result<()> {
        for (output, kind) in outputs {
            for (_, file) in self.files.iter_mut().filter(|(own, _)| own == output) {
                file.begin(&kind.shape);
            }
            if let (Output::Value, Some(terms)) = (output, &mut self.terms) {
                terms.begin(&kind.shape);
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
        Ok(())
    }

    fn progress(&mut self, done: u64, all: u64) {
        self.progress.tell(done, all);
    }
}
