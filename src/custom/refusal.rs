//! Refusals: why, and at which line and column of the user's own text.

use crate::error::Error;
use naga::Span;

/// What cannot be done with a place in the source.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    span: Span,
    reason: String,
}

impl Refusal {
    pub(super) fn new(span: Span, reason: impl Into<String>) -> Self {
        Self { span, reason: reason.into() }
    }

    /// The error, with the place in the user's own text.
    pub(super) fn error(&self, text: &str) -> Error {
        let offset = self.span.to_range().map_or(0, |range| range.start);
        error_at(text, offset, &self.reason)
    }
}

/// An error at a byte of the text, or at its end.
pub(super) fn error_at(text: &str, offset: usize, reason: impl Into<String>) -> Error {
    let (line, column) = place(text, offset);
    Error::Custom { line, column, reason: reason.into() }
}

/// The line and column of a byte of the text, or of its end.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The error that a name of the user's is one of the kernels' too.
pub(super) fn taken(text: &str, offset: usize, name: &str) -> Error {
    error_at(text, offset, format!("the kernels have a name {name} too: rename yours"))
}
