//! `wgloss`: losses of files, on a GPU or the CPU.

use std::process::ExitCode;

fn main() -> ExitCode {
    wgloss_cli::run(std::env::args_os()).into()
}
