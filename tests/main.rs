//! All integration tests of the library, in one program: what takes long is to link wgpu.

mod common;

mod accumulate;
mod architecture;
mod boxes;
mod cancelled;
mod conformance;
mod corners;
mod counted;
mod ctc;
mod ctc_refused;
mod custom;
mod custom_built_in;
mod custom_losses;
mod embedding;
mod errors;
mod examples;
mod gradients;
mod kernels;
mod large;
mod limits;
mod linear_cross_entropy;
mod linear_forms;
mod linear_preference;
mod loss_scale;
mod lost;
mod matrix_products;
mod multilabel_margin;
mod numeric;
mod overlaps;
mod pairs;
mod pieces;
mod pointwise;
mod properties;
mod recording;
mod regions;
mod resident;
mod reuse;
mod rnnt;
mod rounding;
mod rows;
mod same_bits;
mod shared_buffers;
mod sizes;
mod streams;
mod sums;
mod sweep;
mod threads;
mod timestamps;
mod top_k;
mod totals;
mod types;
mod widths;

/// A file without its line above would compile and test nothing.
#[test]
fn every_file_is_a_module() {
    let here = include_str!("main.rs");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    for entry in std::fs::read_dir(folder).expect("the tests' folder") {
        let path = entry.expect("a file or folder").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let module = path.extension().is_some_and(|e| e == "rs") || path.join("mod.rs").exists();
        let named = here.contains(&format!("\nmod {name};\n")) || name == "main";
        assert!(named || !module, "mod {name}; is missing");
    }
}
