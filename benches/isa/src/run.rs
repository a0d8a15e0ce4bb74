//! Has all kernels compiled, on as many cores as there are.

use crate::chips::Chip;
use crate::measured::Measured;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::{fs, thread};

/// The word that has this program compile on the driver that the environment names.
pub(crate) const COMPILE: &str = "compile";

/// The kernels that a process compiles: it takes long to start, and may be the last one at work.
const AT_ONCE: usize = 24;

/// A kernel's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kernel {
    /// Workload, place among its kernels, and what the kernel is called.
    pub(crate) name: String,
    /// The type of floats, and the size of subgroups, if they are used.
    pub(crate) kind: String,
    path: PathBuf,
}

impl Kernel {
    /// Whether it is what runs on a chip whose smallest subgroups have so many lanes.
    fn suits(&self, lanes: u32) -> bool {
        self.kind.split_once("-subgroups").is_none_or(|(_, own)| own == lanes.to_string())
    }
}

/// The kernels in a folder that `wgloss bench --kernels` wrote.
pub(crate) fn kernels(folder: &Path) -> Result<Vec<Kernel>, String> {
    let entries = |folder: &Path| {
        let all = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok::<_, String>(all.filter_map(|entry| Some(entry.ok()?.path())).collect::<BTreeSet<_>>())
    };
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut kernels = Vec::new();
    for kind in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&kind)? {
            kernels.push(Kernel { name: name(&path), kind: name(&kind), path });
        }
    }
    if kernels.is_empty() {
        return Err(format!("{}: no kernels", folder.display()));
    }
    // What is the same for several types goes by the widest one's name.
    kernels.sort_by_key(|one: &Kernel| {
        (one.name.clone(), !one.kind.starts_with("float32"), one.kind.clone())
    });
    Ok(kernels)
}

/// A kernel on a chip.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) chip: Chip,
    pub(crate) kernel: Kernel,
    pub(crate) measured: Measured,
}

/// What the drivers are called, and what they make of the kernels.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) drivers: BTreeMap<Chip, String>,
    pub(crate) rows: Vec<Row>,
}

/// Has each text compiled once for each chip: what is the same for several workloads goes by the first one's
/// name.
pub(crate) fn compile(
    chips: &[Chip],
    mesa: Option<&Path>,
    kernels: &[Kernel],
    show: Option<&str>,
    place: &Path,
) -> Result<Compiled, String> {
    let mut texts = BTreeMap::new();
    for kernel in kernels {
        let text = fs::read_to_string(&kernel.path)
            .map_err(|error| format!("{}: {error}", kernel.path.display()))?;
        texts.insert(&kernel.path, text);
    }
    let mut jobs = Vec::new();
    for chip in chips {
        let suitable = kernels.iter().filter(|kernel| kernel.suits(chip.lanes));
        let mut first = BTreeMap::new();
        suitable.for_each(|kernel| {
            first.entry(&texts[&kernel.path]).or_insert(&kernel.path);
        });
        let paths: Vec<_> = first.into_values().collect();
        jobs.extend(paths.chunks(AT_ONCE).map(|some| (*chip, some.to_vec())));
    }
    let (jobs, done) = (Mutex::new(jobs.into_iter()), Mutex::new(Vec::new()));
    let work = || -> Result<(), String> {
        loop {
            let job = jobs.lock().map_err(|error| error.to_string())?.next();
            let Some((chip, paths)) = job else { return Ok(()) };
            let (driver, measured) = on_driver(chip, mesa, &paths, show, place)?;
            let mut done = done.lock().map_err(|error| error.to_string())?;
            done.extend(
                paths
                    .into_iter()
                    .zip(measured)
                    .map(|(path, one)| (chip, driver.clone(), path, one)),
            );
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let ended: Result<(), String> = thread::scope(|scope| {
        let all: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        all.into_iter()
            .try_for_each(|one| one.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    });
    ended?;
    let done = done.into_inner().map_err(|error| error.to_string())?;
    let drivers = done.iter().map(|(chip, driver, ..)| (*chip, driver.clone())).collect();
    let known: BTreeMap<_, _> =
        done.into_iter().map(|(chip, _, path, one)| ((chip, path.clone()), one)).collect();
    let row = |(chip, kernel): (&Chip, &Kernel)| {
        let measured = known.get(&(*chip, kernel.path.clone()))?.clone();
        Some(Row { chip: *chip, kernel: kernel.clone(), measured })
    };
    let pairs = chips.iter().flat_map(|chip| kernels.iter().map(move |kernel| (chip, kernel)));
    Ok(Compiled { drivers, rows: pairs.filter_map(row).collect() })
}

/// The driver's name, and what it makes of each.
fn on_driver(
    chip: Chip,
    mesa: Option<&Path>,
    paths: &[&PathBuf],
    show: Option<&str>,
    place: &Path,
) -> Result<(String, Vec<Measured>), String> {
    let problem = |error: std::io::Error| format!("{}: {error}", chip.name);
    let mut command = chip.command(mesa, place)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.envs(show.map(|part| ("WGLOSS_ISA_SHOW", part)));
    let mut child = command.spawn().map_err(problem)?;
    if let Some(mut input) = child.stdin.take() {
        let lines: String = paths.iter().map(|path| format!("{}\n", path.display())).collect();
        input.write_all(lines.as_bytes()).map_err(problem)?;
    }
    let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
    let mut lines = lines.into_iter().flatten().map_while(Result::ok);
    let driver = lines.next();
    let measured: Vec<_> = lines.filter_map(|line| Measured::from_fields(&line)).collect();
    let status = child.wait().map_err(problem)?;
    match (driver, paths.get(measured.len())) {
        (Some(driver), None) if status.success() => Ok((driver, measured)),
        (_, unfinished) => {
            let at = unfinished.map_or("the end".into(), |path| path.display().to_string());
            Err(format!("{}: the driver gave up at {at} ({status})", chip.name))
        }
    }
}
