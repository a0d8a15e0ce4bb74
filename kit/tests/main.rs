//! What the kit promises to the program and to the page.

/// Names with texts.
type Given = [(&'static str, &'static str)];

mod catalogue;
mod curves;
mod files;
mod histogram;
mod options;
mod pinned;
