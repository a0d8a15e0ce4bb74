//! Makes a JavaScript module of a WebAssembly file: `wgloss-web-bindgen FILE.wasm FOLDER`.
//!
//! The command of the same name has to be of exactly the library's version. This one always is, since
//! both are of one lock file.

use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, folder] = arguments.as_slice() else {
        eprintln!("usage: wgloss-web-bindgen FILE.wasm FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    let bindgen = bindgen.input_path(input).out_name("wgloss").typescript(true);
    let made =
        bindgen.web(true).and_then(|own| own.omit_default_module_path(false).generate(folder));
    if let Err(error) = made {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
