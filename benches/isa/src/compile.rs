//! What runs on a chip's driver: it compiles the kernels whose paths it reads.

use crate::assembly;
use crate::measured::Measured;
use crate::translate::translate;
use crate::vulkan::{Compiled, Driver};
use std::io::{self, Write};

/// Reads paths from standard input, and writes what each is compiled to in a line, after the driver's name.
pub(crate) fn all() -> Result<(), String> {
    let driver = Driver::open()?;
    let show = std::env::var("WGLOSS_ISA_SHOW").ok();
    let told = |error: io::Error| error.to_string();
    println!("{}", driver.name);
    for path in io::stdin().lines() {
        let path = path.map_err(told)?;
        let text = std::fs::read_to_string(&path).map_err(told)?;
        let translated = translate(&text, driver.abilities)?;
        let compiled = driver.compile(&translated).map_err(|error| format!("{path}: {error}"))?;
        if show.as_ref().is_some_and(|part| path.contains(part)) {
            eprintln!("{path}\n{:?}\n{}", compiled.statistics, compiled.assembly);
        }
        println!("{}", measured(&compiled).to_fields());
        io::stdout().flush().map_err(told)?;
    }
    Ok(())
}

/// The driver's own numbers, by whatever names drivers have for them, and what is counted.
fn measured(compiled: &Compiled) -> Measured {
    let of = |names: &[&str]| -> u64 {
        let found = compiled.statistics.iter().filter(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, value)| value).sum()
    };
    let counted = assembly::count(&compiled.assembly);
    let hot = counted.hot();
    Measured {
        registers: of(&["VGPRs", "Number of GPRs", "Max live registers"]),
        waves: of(&["Subgroups per SIMD", "Max warps/SM", "Max dispatch width", "Max Waves"]),
        spills: of(&[
            "Spilled VGPRs",
            "Spilled SGPRs",
            "Spill Count",
            "Fill Count",
            "Spills to mem",
        ]),
        scratch: of(&["Scratch size", "Scratch Memory Size", "SLM Size"]),
        instructions: of(&["Instructions", "Instruction count", "Instruction Count"]),
        barriers: counted.all.barriers.into(),
        slots: hot.slots.into(),
        share: counted.share_of_products(),
        loads: hot.loads.map(u64::from),
        stores: hot.stores.map(u64::from),
    }
}
