//! The one error type of the crate.

mod near;

pub use near::brief;
pub(crate) use near::{meant, plain};

use std::fmt::Debug;
use std::ops::Range;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. Each message names the argument, what was found and what was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No loss, input or option has this name. The message suggests near names.
    #[error("{what} {name:?} is not known; {}", near::choices(.name, .known))]
    UnknownName {
        /// What was looked up: "loss", "input", ...
        what: String,
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// An input that the loss needs was not given.
    #[error("{argument}: missing; {loss} needs {needed}")]
    Missing {
        /// The input's name.
        argument: String,
        /// The loss's name.
        loss: &'static str,
        /// Everything the loss needs, separated by commas.
        needed: String,
    },
    /// An input, option or output was given twice.
    #[error("{argument}: given {times} times, expected once")]
    Repeated {
        /// The name.
        argument: String,
        /// How often it was given.
        times: usize,
    },
    /// A tensor's shape or rank does not fit.
    #[error("{argument}: shape {got:?} does not fit, expected {expected}")]
    Shape {
        /// The tensor's name.
        argument: String,
        /// Its shape.
        got: Vec<usize>,
        /// What would fit.
        expected: String,
    },
    /// A tensor's element type does not fit.
    #[error("{argument}: element type {got} does not fit, expected {expected}")]
    DType {
        /// The tensor's name.
        argument: String,
        /// Its type.
        got: String,
        /// What would fit.
        expected: String,
    },
    /// A tensor or buffer has the wrong number of bytes, or starts at an unusable place.
    #[error("{argument}: {what} is {got}, expected {expected}")]
    Size {
        /// The tensor's or buffer's name.
        argument: String,
        /// "size in bytes", "offset", ...
        what: &'static str,
        /// What was found.
        got: u64,
        /// What was expected.
        expected: String,
    },
    /// An option is outside its range or cannot be read.
    #[error("{argument}: {got} is not valid, expected {expected}")]
    Argument {
        /// The option's name.
        argument: String,
        /// Its value.
        got: String,
        /// What would be valid.
        expected: String,
    },
    /// Targets hold class indices outside the classes; the first one is given.
    #[error(
        "{argument}{} is {value}, expected 0 to {last}{ignored}{}",
        shown(.index),
        if *count == 1 { String::new() } else { format!(" ({count} such in all)") }
    )]
    TargetOutOfRange {
        /// The target's name.
        argument: String,
        /// The first such place, counted over the flattened target.
        row: u64,
        /// The same as indices of the target, one for each dimension.
        index: Vec<u64>,
        /// Its value.
        value: i128,
        /// The last class.
        last: u64,
        /// " or N, which is ignored" or " without N" where the loss has such a value; ", each once in a row"
        /// where a value may not come twice.
        ignored: String,
        /// How many places are so.
        count: u64,
    },
    /// Totals of parts that have the same items.
    #[error("totals: items {items:?} come twice: in {part:?} and in {there:?}")]
    Twice {
        /// The items that both have.
        items: Range<u64>,
        /// What is added.
        part: Range<u64>,
        /// What is there.
        there: Range<u64>,
    },
    /// A custom loss that is not valid, or has no derivative.
    #[error("custom loss, line {line}, column {column}: {reason}")]
    Custom {
        /// The line in the loss's own text, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// More than the device or the kernels can take.
    #[error("{argument}: {got} {unit}, at most {limit} ({name})")]
    Limit {
        /// What is too large.
        argument: String,
        /// Its size.
        got: u64,
        /// The unit of both numbers.
        unit: &'static str,
        /// The largest that works.
        limit: u64,
        /// The name of the limit.
        name: &'static str,
    },
    /// The system has no memory for a result.
    #[error("{argument}: needs {bytes} bytes of memory{}", told(*available))]
    Memory {
        /// The output.
        argument: String,
        /// Its size.
        bytes: u64,
        /// The bytes that are available, where the system tells.
        available: Option<u64>,
    },
    /// A [`Sink`](crate::Sink) did not take an output.
    #[error("{argument}: {reason}")]
    Sink {
        /// The output, or "outputs" for what was to come.
        argument: String,
        /// What the sink says.
        reason: String,
    },
    /// No adapter that can run compute shaders, or none of that name.
    #[error("no usable GPU adapter{wanted}: found {found}; {hint}")]
    NoAdapter {
        /// " named ..." where a name was asked for.
        wanted: String,
        /// What there is.
        found: String,
        /// What to install.
        hint: &'static str,
    },
    /// The device was lost or destroyed before its results could be read.
    #[error("the GPU device was lost (at {doing}): {reason}")]
    DeviceLost {
        /// What was under way.
        doing: String,
        /// What wgpu says.
        reason: String,
    },
    /// wgpu refused something that should have been valid: a bug here or in a driver, or an encoder
    /// that is finished or of another `wgpu::Instance`.
    #[error("wgpu refused {what}: {reason}")]
    Refused {
        /// What was asked of it.
        what: String,
        /// Its message.
        reason: String,
    },
    /// [`Batch::cancel`](crate::Batch::cancel) was set.
    #[error("the evaluation was cancelled")]
    Cancelled,
    /// A thread that worked in the background was not started, or has panicked.
    #[error("{doing} in the background: {reason}")]
    Background {
        /// What it was for.
        doing: &'static str,
        /// What happened to it.
        reason: String,
    },
}

impl Error {
    /// That no such name is known, and which are.
    pub fn unknown_name<'a>(
        what: impl Into<String>,
        name: impl Into<String>,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known = known.into_iter().map(String::from).collect();
        Self::UnknownName { what: what.into(), name: name.into(), known }
    }

    /// A word for the kind of error, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownName { .. } => "unknown_name",
            Self::Missing { .. } => "missing",
            Self::Repeated { .. } => "repeated",
            Self::Twice { .. } => "twice",
            Self::Shape { .. } => "shape",
            Self::DType { .. } => "dtype",
            Self::Size { .. } => "size",
            Self::Argument { .. } => "argument",
            Self::TargetOutOfRange { .. } => "target_out_of_range",
            Self::Custom { .. } => "custom_loss",
            Self::Limit { .. } => "limit",
            Self::Memory { .. } => "memory",
            Self::Sink { .. } => "sink",
            Self::NoAdapter { .. } => "no_adapter",
            Self::DeviceLost { .. } => "device_lost",
            Self::Refused { .. } => "refused",
            Self::Cancelled => "cancelled",
            Self::Background { .. } => "background",
        }
    }

    pub(crate) fn shape(argument: &str, got: &[usize], expected: impl Into<String>) -> Self {
        Self::Shape { argument: argument.into(), got: got.to_vec(), expected: expected.into() }
    }

    pub(crate) fn sink(argument: impl ToString, error: &std::io::Error) -> Self {
        Self::Sink { argument: argument.to_string(), reason: error.to_string() }
    }

    pub(crate) fn argument(
        argument: &str,
        got: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Argument { argument: argument.into(), got: got.into(), expected: expected.into() }
    }
}

/// What there is of memory, for a message.
fn told(available: Option<u64>) -> String {
    available.map_or_else(String::new, |bytes| format!(", {bytes} are available"))
}

/// Indices behind a tensor's name, `[2, 3]`; nothing for a scalar.
fn shown(index: &[u64]) -> String {
    if index.is_empty() { String::new() } else { format!("{index:?}") }
}

/// Joins names for a message.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
