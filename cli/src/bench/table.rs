//! `wgloss bench --table`: results of many machines as one table.

use super::row::three;
use crate::error::{Error, Result};
use std::fs;
use wgloss_bench::{Place, Results};

/// The workloads with a column: what only moves, rows that fit into registers and rows that do not, what
/// computes, and what is too small for either.
const SHOWN: [&str; 5] = [
    "mse_fwdbwd",
    "ce_16384x1000_fwdbwd",
    "ce_128x128256_fwdbwd",
    "linear_ce_256x512x32000_fwdbwd",
    "small_mse_fwdbwd",
];

/// Results as a Markdown table, by adapter and date.
pub(super) fn table(files: &[String]) -> Result<String> {
    let mut all = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    all.sort_by(|a, b| key(a).cmp(&key(b)));
    let workloads = SHOWN.map(|name| format!(" `{name}` |")).concat();
    let mut text =
        format!("| adapter | driver | CPU | measured by | date | copy, GB/s |{workloads}\n");
    text += &format!("| --- | --- | --- | --- | --- | ---: |{}\n", " ---: |".repeat(SHOWN.len()));
    for results in &all {
        text += &line(results);
    }
    Ok(text)
}

fn read(file: &str) -> Result<Results> {
    let problem = |problem: &dyn ToString| Error::file("--table", file, problem.to_string());
    let text = fs::read_to_string(file).map_err(|error| problem(&error))?;
    Results::from_json(&text).map_err(|error| problem(&error))
}

fn key(results: &Results) -> (&str, &str, &str, Option<&str>) {
    let adapter = results.gpu.as_ref().map_or("", |gpu| &gpu.name);
    (adapter, &results.date, &results.program, results.browser.as_deref())
}

fn line(results: &Results) -> String {
    let gpu = results.gpu.as_ref();
    let driver = gpu.map(|gpu| {
        let parts = [&gpu.driver, &gpu.driver_info, &gpu.backend];
        let known: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).cloned().collect();
        known.join(" ")
    });
    let by = match results.browser.as_deref().map(browser) {
        Some(browser) => format!("{} {}, {browser}", results.program, results.wgloss),
        None => format!("{} {}", results.program, results.wgloss),
    };
    let texts = [
        gpu.map_or("none".into(), |gpu| gpu.name.clone()),
        driver.unwrap_or_default(),
        format!("{}, {} threads", results.cpu.name, results.cpu.threads),
        by,
        results.date.clone(),
        results.roofs.gpu_copy_gb_per_s.map_or("-".into(), three),
    ];
    let cells = texts.into_iter().chain(SHOWN.map(|workload| cell(results, workload)));
    let cells = cells.map(|cell| format!(" {} |", cell.replace('|', "\\|").replace('\n', " ")));
    format!("|{}\n", cells.collect::<String>())
}

/// Milliseconds of float32, percent of what a copy moves, and the gain over the CPU.
fn cell(results: &Results, workload: &str) -> String {
    let measured = || {
        let row = results.row(workload, Place::Gpu).filter(|row| row.dtype == "float32")?;
        let gain = results.gain(workload).map_or(String::new(), |gain| format!(", {gain:.2}x"));
        Some(format!("{} ms, {:.0} %{gain}", three(row.median_ms?), row.roof_percent?))
    };
    measured().unwrap_or_else(|| "-".into())
}

/// The browser's name and version in what it says of itself, in which it names others that it is like.
fn browser(agent: &str) -> String {
    let names = ["Edg/", "OPR/", "Firefox/", "HeadlessChrome/", "Chrome/", "Version/"];
    let word = |name: &str| agent.split_whitespace().find(|word| word.starts_with(name));
    // Safari's.
    names.into_iter().find_map(word).unwrap_or(agent).replacen("Version/", "Safari/", 1)
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_named() {
        let like = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
        let of = |rest: &str| browser(&format!("{like} {rest}"));
        assert_eq!(of("Chrome/156.0.0.0 Safari/537.36"), "Chrome/156.0.0.0");
        assert_eq!(of("Chrome/156.0.0.0 Safari/537.36 Edg/156.0"), "Edg/156.0");
        assert_eq!(
            browser("Mozilla/5.0 (X11; rv:160.0) Gecko/20100101 Firefox/160.0"),
            "Firefox/160.0"
        );
        assert_eq!(of("Version/20.1 Safari/605.1.15"), "Safari/20.1");
        assert_eq!(browser("another one"), "another one");
    }
}
