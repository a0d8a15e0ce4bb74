//! The families: how data run through losses of one kind, a folder for each.

pub(crate) mod pairs;
pub(crate) mod pointwise;
pub(crate) mod products;
pub(crate) mod regions;
pub(crate) mod rows;
