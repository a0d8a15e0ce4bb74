//! Rows of results as text.

use wgloss_bench::{Place, Row, Site};

/// What the columns are.
pub(super) const COLUMNS: [&str; 6] = ["median ms", "min ms", "MB moved", "GB/s", "roof", "clock"];

/// What it ran on, and the table's head.
pub(super) fn header(sites: &[Site]) -> String {
    let mut text = String::new();
    for site in sites {
        let roof = site.roof / 1e9;
        text += &format!("{}  {}; a copy moves {roof:.1} GB/s\n", site.place().name(), site.name);
    }
    let gain = if sites.len() > 1 { "gpu gain" } else { "" };
    let line = line("workload", "", &COLUMNS.map(String::from), gain);
    text + "\n" + &line
}

/// The rows of one workload.
pub(super) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        let (name, place) = (if i == 0 { &row.workload } else { "" }, row.backend.name());
        text += &match cells(row) {
            Ok(cells) => line(name, place, &cells, &gain(row, rows)),
            Err(problem) => format!("{name:31} {place:4} {problem}\n"),
        };
    }
    text
}

/// The table's cells behind the workload and the backend, or what is wrong.
#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
pub(super) fn cells(row: &Row) -> Result<[String; 6], &str> {
    if let Some(problem) = &row.error {
        return Err(problem);
    }
    let number = |number: Option<f64>| number.map_or(String::new(), three);
    let roof = row.roof_percent.map_or(String::new(), |percent| format!("{percent:.0} %"));
    Ok([
        number(row.median_ms),
        number(row.min_ms),
        three(row.bytes as f64 / 1e6),
        number(row.gb_per_s),
        roof,
        row.clock.clone().unwrap_or_default(),
    ])
}

/// Beside the CPU's row, how many times as fast the workload is on the GPU.
pub(super) fn gain(row: &Row, rows: &[Row]) -> String {
    let gain = match rows {
        [gpu, cpu] if row.backend == Place::Cpu => gpu.gain_over(cpu),
        _ => None,
    };
    gain.map_or(String::new(), |gain| format!("{gain:.2}x"))
}

fn line(name: &str, place: &str, cells: &[String; 6], gain: &str) -> String {
    let [median, min, bytes, rate, roof, clock] = cells;
    let line = format!(
        "{name:31} {place:4} {median:>9} {min:>9} {bytes:>9} {rate:>8} {roof:>7}  {clock:10} {gain:>9}"
    );
    format!("{}\n", line.trim_end())
}

/// Three significant digits, or as many as a whole number has.
pub(super) fn three(x: f64) -> String {
    match x {
        _ if x >= 100.0 => format!("{x:.0}"),
        _ if x >= 10.0 => format!("{x:.1}"),
        _ if x >= 1.0 => format!("{x:.2}"),
        _ if x >= 0.1 => format!("{x:.3}"),
        _ => format!("{x:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_run_says_why() {
        let row = Row {
            workload: "mse_fwd".into(),
            backend: Place::Gpu,
            dtype: "float32".into(),
            value: None,
            median_ms: None,
            min_ms: None,
            wall_ms: None,
            wall_min_ms: None,
            runs: None,
            runs_per_sample: None,
            clock: None,
            bytes: 4,
            memory_bytes: None,
            gb_per_s: None,
            roof_percent: None,
            error: Some("too large".into()),
        };
        let cpu = Row { backend: Place::Cpu, wall_ms: Some(1.0), error: None, ..row.clone() };
        let text = text(&[row, cpu]);
        assert!(
            text.lines().next().is_some_and(|line| line.ends_with(" gpu  too large")),
            "{text}"
        );
        assert!(!text.contains("NaN") && !text.contains("x\n"), "{text}");
    }
}
