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
#[command(
    name = "wgloss",
    version,
    after_help = "\
An error is one line on standard error, `wgloss: error: ...`, and exit code 2. With --json it is also
one object on standard output, {\"error\": {\"kind\": ..., \"message\": ...}}, with what was computed all
the same, where the kind is one of usage, file, output, not_finite, unknown_name, missing, repeated,
shape, dtype, size, argument, target_out_of_range, custom_loss, limit, memory, sink, no_adapter,
device_lost and refused."
)]
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
    let command = match Cli::try_parse() {
        Ok(cli) => Ok(cli.command),
        Err(asked) if is_help(&asked) => asked.exit(),
        Err(error) => Err(error.into()),
    };
    match command.and_then(run).and_then(|text| print(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if wants_json() && !matches!(error, error::Error::Reported(_)) {
                // The line below tells those who see no standard output.
                let _ = print(&format!("{}\n", serde_json::json!({ "error": error.json() })));
            }
            tell(&format!("error: {}", error.line()));
            ExitCode::from(error.code())
        }
    }
}

fn run(command: Command) -> Result<String> {
    match command {
        Command::Eval(eval) => eval.run(),
        Command::Total(total) => total.run(),
        Command::List(list) => list.run(),
        Command::Show(show) => show.run(),
        Command::Plot(plot) => plot.run(),
        Command::Bench(bench) => bench.run(),
        Command::Devices => devices::run(),
    }
}

/// Whether the help or the version is to be printed, and nothing is wrong.
fn is_help(error: &clap::Error) -> bool {
    use clap::error::ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
    };
    matches!(error.kind(), DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion)
}

/// Whether --json was given, even where the other arguments cannot be read.
fn wants_json() -> bool {
    std::env::args_os().any(|argument| argument == "--json")
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
