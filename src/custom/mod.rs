//! Custom losses: one WGSL function in, or those of a row, loss and gradient kernels out.

mod advice;
mod arrays;
mod blocks;
mod compiled;
mod cpu;
mod derive;
mod interpret;
mod items;
mod kernels;
mod library;
mod loss;
mod made;
mod names;
mod number;
mod parsed;
mod refusal;
mod repeats;
mod rows;
mod signature;
mod source;
mod words;

pub use loss::Custom;
