//! What GPUs' compilers make of the workloads' kernels, on a machine without these GPUs.
//!
//! Mesa's drivers compile for GPUs that are not there. `wgloss-isa FOLDER` has them compile the kernels
//! that `wgloss bench --kernels FOLDER` wrote, and prints a line for each. It fails where one spills
//! registers, has its own memory, or moves its bulk in narrow pieces; with `--limits FILE` also where one has
//! more instructions than the file says, which `--write` brings up to date.

mod assembly;
mod chips;
mod compile;
mod limits;
mod measured;
mod run;
mod translate;
mod vulkan;

use chips::Chip;
use limits::Limits;
use measured::Measured;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str =
    "wgloss-isa [--chips NAME,...] [--mesa ROOT] [--limits FILE [--write]] [--show PART] FOLDER";

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    /// By default all whose drivers are there.
    chips: Option<Vec<Chip>>,
    /// Where a Mesa lies that is not the system's.
    mesa: Option<PathBuf>,
    limits: Option<PathBuf>,
    write: bool,
    /// Kernels whose instructions are printed: those with this in their names.
    show: Option<String>,
    folder: PathBuf,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word}: its value is missing; {USAGE}"));
            match word.as_str() {
                "--chips" => {
                    let named = value()?.split(',').map(Chip::named).collect::<Result<_, _>>()?;
                    asked.chips = Some(named);
                }
                "--mesa" => asked.mesa = Some(value()?.into()),
                "--limits" => asked.limits = Some(value()?.into()),
                "--show" => asked.show = Some(value()?),
                "--write" => asked.write = true,
                _ if word.starts_with('-') => return Err(format!("{word} is not known; {USAGE}")),
                _ => asked.folder = word.into(),
            }
        }
        if asked.folder.as_os_str().is_empty() {
            return Err(USAGE.into());
        }
        Ok(asked)
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    let done = if words.next_if(|word| word == run::COMPILE).is_some() {
        compile::all()
    } else {
        Asked::read(words).and_then(|asked| check(&asked))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wgloss-isa: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Compiles, prints, compares.
fn check(asked: &Asked) -> Result<(), String> {
    let place = Place::new()?;
    let mesa = asked.mesa.as_deref();
    let found = || chips::ALL.into_iter().filter(|chip| chip.is_there(mesa, &place.0)).collect();
    let chips: Vec<_> = asked.chips.clone().unwrap_or_else(found);
    if chips.is_empty() {
        return Err("no driver of Mesa's that compiles for GPUs that are not there".into());
    }
    let kernels = run::kernels(&asked.folder)?;
    let compiled = run::compile(&chips, mesa, &kernels, asked.show.as_deref(), &place.0)?;
    compiled.drivers.values().for_each(|driver| println!("{driver}"));
    println!("{}", Measured::HEAD);
    compiled.rows.iter().for_each(|row| println!("{}", row.measured.line(&row.chip, &row.kernel)));
    let Some(path) = &asked.limits else { return Ok(()) };
    if asked.write {
        Limits::of(&compiled).write(path)?;
    }
    let broken = Limits::read(path)?.broken(&compiled);
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// A folder that is there as long as this is.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("wgloss-isa-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left of it is nobody's loss.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
