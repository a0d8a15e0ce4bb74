//! `wgloss`: losses of files, on a GPU or the CPU.

mod arguments;
mod bench;
mod devices;
mod error;
mod eval;
mod files;
mod interrupts;
mod list;
mod outputs;
mod plot;
mod report;
mod show;
mod total;

use clap::{Parser, Subcommand};
use error::Result;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Loss functions of files, on a GPU or the CPU.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evaluate a loss, and its gradients, of arrays in files
    Eval(eval::Eval),
    /// Add up the totals of a batch's parts
    Total(total::Total),
    /// List the losses with their inputs, options and reductions
    List(list::List),
    /// Show a loss's formula and the exact WGSL that is compiled for it
    Show(show::Show),
    /// Draw losses and their slopes against an input
    Plot(plot::Plot),
    /// Time the losses on a GPU and on the CPU
    Bench(bench::Bench),
    /// List the GPU adapters with their limits and features
    Devices,
}

fn main() -> ExitCode {
    interrupts::watch();
    let run = match Cli::parse().command {
        Command::Eval(eval) => eval.run(),
        Command::Total(total) => total.run(),
        Command::List(list) => Ok(list.run()),
        Command::Show(show) => show.run(),
        Command::Plot(plot) => plot.run(),
        Command::Bench(bench) => bench.run(),
        Command::Devices => devices::run(),
    };
    match run.and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("error: {}", error.line()));
            ExitCode::from(error.code())
        }
    }
}

/// Writes to standard output. That its reader has seen enough is no error.
fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a line to standard error.
fn tell(message: &str) {
    // There is nobody left to be told that standard error is closed.
    let _ = writeln!(std::io::stderr(), "wgloss: {message}");
}
