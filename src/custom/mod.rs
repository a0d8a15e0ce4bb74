//! Custom losses: one WGSL function in, loss and gradient kernels out.

mod advice;
mod arrays;
mod compiled;
mod cpu;
mod derive;
mod interpret;
mod kernels;
mod library;
mod loss;
mod made;
mod names;
mod number;
mod parsed;
mod refusal;
mod signature;
mod source;
mod words;

pub use loss::Custom;
