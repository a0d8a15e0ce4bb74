//! The program `wgloss`: losses of files, on a GPU or the CPU.

mod along;
mod arguments;
mod bench;
mod devices;
mod error;
mod eval;
mod files;
mod interrupts;
mod list;
mod outputs;
mod parts;
mod plot;
mod report;
mod show;
mod total;

use clap::{Parser, Subcommand};
use error::Result;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};

/// Loss functions of files, on a GPU or the CPU.
#[derive(Debug, Parser)]
#[command(
    name = "wgloss",
    version,
    after_help = "\
An error is one line on standard error, `wgloss: error: ...`, and exit code 2; 3 where --strict finds a \
loss that is not finite, 4 where `wgloss total` finds rows missing. With --json it is also one object on \
standard output, {\"error\": {\"kind\": ..., \"message\": ...}}, with what was computed all the same, where \
the kind is one of usage, file, output, not_finite, incomplete, unknown_name, missing, repeated, twice, \
shape, dtype, size, argument, target_out_of_range, custom_loss, limit, memory, sink, no_adapter, \
device_lost and refused."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evaluate a loss, and its gradients, of arrays in files
    Eval(Box<eval::Eval>),
    /// Join the totals of a batch's parts
    Total(total::Total),
    /// Say how a batch divides among workers
    Parts(parts::Parts),
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

/// Runs the program with these arguments, of which the first is its name, and returns its exit code.
/// Signals that end it are watched from now on.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    interrupts::watch();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = match Cli::try_parse_from(&arguments) {
        Ok(cli) => Ok(cli.command),
        Err(asked) if is_help(&asked) => return help(&asked),
        Err(error) => Err(error.into()),
    };
    match command.and_then(Command::run).and_then(|text| print(&text)) {
        Ok(()) => 0,
        Err(error) => {
            if wants_json(&arguments) && !matches!(error, error::Error::Reported(_)) {
                // The line below tells those who see no standard output.
                let _ = print(&format!("{}\n", serde_json::json!({ "error": error.json() })));
            }
            tell(&format!("error: {}", error.line()));
            error.code()
        }
    }
}

impl Command {
    fn run(self) -> Result<String> {
        match self {
            Self::Eval(eval) => eval.run(),
            Self::Total(total) => total.run(),
            Self::Parts(parts) => parts.run(),
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Plot(plot) => plot.run(),
            Self::Bench(bench) => bench.run(),
            Self::Devices => devices::run(),
        }
    }
}

/// Whether the help or the version is to be printed, and nothing is wrong.
fn is_help(error: &clap::Error) -> bool {
    use clap::error::ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
    };
    matches!(error.kind(), DisplayHelp | DisplayHelpOnMissingArgumentOrSubcommand | DisplayVersion)
}

/// Prints the help or the version, in colours where a terminal shows them, and returns the exit code.
fn help(asked: &clap::Error) -> u8 {
    // That its reader has seen enough is no error.
    let _ = asked.print();
    let _ = std::io::stdout().flush();
    u8::try_from(asked.exit_code()).unwrap_or(2)
}

/// Whether --json was given, even where the other arguments cannot be read.
fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--json")
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
