//! How many instructions kernels may have.

use crate::measured::Measured;
use crate::run::{Compiled, Kernel, Row};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The chip whose instructions are kept.
const CHIP: &str = "navi21";

const HEAD: &str = "\
# What a lane may have of arithmetic for every 16 bytes that it moves, on navi21, by type of floats, and with
# subgroups where these make a difference. A star is a kernel that moves less than a half of its bytes in the
# widest pieces, as one that has little to move may. `wgloss-isa --limits FILE --write FOLDER` writes this.
";

/// Where a kernel's number is in its line.
const KINDS: [&str; 6] = [
    "float32",
    "float16",
    "bfloat16",
    "float32-subgroups32",
    "float16-subgroups32",
    "bfloat16-subgroups32",
];

/// The numbers by kernel and kind, and whether the kernel may move its bytes in narrow pieces.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// The driver that they are of.
    driver: String,
    kernels: BTreeMap<String, ([Option<u64>; KINDS.len()], bool)>,
}

/// The widest pieces of a kernel's bulk, in words.
fn widest(kernel: &Kernel) -> usize {
    if kernel.kind.starts_with("float32") { 4 } else { 2 }
}

impl Limits {
    /// What has been measured, as limits.
    pub(crate) fn of(compiled: &Compiled) -> Self {
        let driver = driver(compiled).map_or("", String::as_str);
        let mut limits = Self { driver: driver.into(), ..Self::default() };
        for Row { kernel, measured, .. } in compiled.rows.iter().filter(|row| row.chip.name == CHIP)
        {
            let (numbers, narrow) = limits.kernels.entry(kernel.name.clone()).or_default();
            *narrow |= measured.is_narrow(widest(kernel));
            if let Some(place) = KINDS.iter().position(|kind| *kind == kernel.kind) {
                numbers[place] = Some(measured.per_16_bytes());
            }
        }
        limits
    }

    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let problem = |what: &str| format!("{}: {what}", path.display());
        let text = fs::read_to_string(path).map_err(|error| problem(&error.to_string()))?;
        let mut limits = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(driver) = line.strip_prefix("driver: ") {
                limits.driver = driver.into();
                continue;
            }
            let words: Vec<_> = line.split_whitespace().collect();
            let [numbers @ .., name] = &words[..] else { continue };
            let (starred, numbers) = match numbers {
                [rest @ .., "*"] => (true, rest),
                all => (false, all),
            };
            let numbers: Vec<_> = numbers.iter().map(|word| word.parse().ok()).collect();
            let numbers = numbers.try_into().map_err(|_| problem(line))?;
            limits.kernels.insert((*name).into(), (numbers, starred));
        }
        Ok(limits)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let mut text = format!("{HEAD}driver: {}\n", self.driver);
        for (name, (numbers, narrow)) in &self.kernels {
            let number = |one: &Option<u64>| one.map_or("-".into(), |number| number.to_string());
            let numbers: String = numbers.iter().map(|one| format!("{:>5}", number(one))).collect();
            text += &format!("{numbers} {} {name}\n", if *narrow { "*" } else { " " });
        }
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// What is wrong with kernels: a line each.
    pub(crate) fn broken(&self, compiled: &Compiled) -> Vec<String> {
        // Another version of the driver has other numbers.
        let same = driver(compiled) == Some(&self.driver);
        if !same {
            eprintln!("wgloss-isa: the numbers are of {}: not compared", self.driver);
        }
        let mut broken = Vec::new();
        for Row { chip, kernel, measured } in compiled.rows.iter().filter(|row| row.chip.is_held())
        {
            let known = self.kernels.get(&kernel.name);
            let place = KINDS.iter().position(|kind| *kind == kernel.kind);
            let limit = known.zip(place).and_then(|((numbers, _), place)| numbers[place]);
            let may_be_narrow = known.is_some_and(|(_, narrow)| *narrow);
            let mut problems = faults(kernel, measured, may_be_narrow);
            if same && chip.name == CHIP {
                match limit {
                    None => problems.push("a kernel without a number".into()),
                    Some(limit) if measured.per_16_bytes() > limit => problems.push(format!(
                        "{} instructions for 16 bytes, at most {limit}",
                        measured.per_16_bytes()
                    )),
                    Some(_) => {}
                }
            }
            let line =
                |problem| format!("{} {} {}: {problem}", chip.name, kernel.kind, kernel.name);
            broken.extend(problems.into_iter().map(line));
        }
        broken
    }
}

/// What the driver is called whose numbers are kept.
fn driver(compiled: &Compiled) -> Option<&String> {
    compiled.drivers.iter().find(|(chip, _)| chip.name == CHIP).map(|(_, driver)| driver)
}

/// What no kernel may have.
fn faults(kernel: &Kernel, measured: &Measured, may_be_narrow: bool) -> Vec<String> {
    let mut faults = Vec::new();
    if measured.spills > 0 {
        faults.push(format!("{} registers spilled", measured.spills));
    }
    if measured.scratch > 0 {
        faults.push(format!("{} bytes of memory of its own", measured.scratch));
    }
    let words = widest(kernel);
    if measured.is_narrow(words) && !may_be_narrow {
        faults.push(format!("most bytes move in pieces of less than {}", 4 * words));
    }
    faults
}
