//! `wgloss total`: the loss of a batch whose parts were evaluated on their own.

use crate::error::{Error, Result};
use crate::files::{extension, list};
use crate::outputs::Output;
use crate::print;
use crate::report::digits;
use clap::Args;
use serde_json::json;
use std::fs;
use std::ops::Range;
use wgloss::Totals;
use wgloss_kit::numbers::json as number;

/// How the files of totals end: JSON, and the binary form.
pub(crate) const ENDINGS: [&str; 2] = ["json", "totals"];

/// The missing ranges that are shown, at most.
const SHOWN: usize = 8;

/// The arguments of `wgloss total`.
#[derive(Debug, Args)]
#[command(after_help = "\
Wherever the batch was cut, the loss is that of one run, bit for bit. Parts that overlap or come twice \
are an error. Where rows are missing, what is there is printed, and what is not, and the exit code is 4.

Example: wgloss eval mse input=p/ target=t/ --rows ..8192 --totals a.totals
         wgloss eval mse input=p/ target=t/ --rows 8192.. --totals b.totals
         wgloss total b.totals a.totals")]
pub(crate) struct Total {
    /// Totals of the parts in any order, as `wgloss eval --totals` writes them, JSON or binary; folders
    /// and patterns of such
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Write the joined totals to a file: JSON where its name ends in .json, or else their binary form
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
    /// Accept that rows are missing
    #[arg(long)]
    partial: bool,
    /// Print one JSON object, for an error too
    #[arg(long)]
    json: bool,
}

impl Total {
    /// Joins the totals and says what the loss of the whole is.
    pub(crate) fn run(self) -> Result<String> {
        let out = self.out.as_deref().map(|out| Output::new("--out".into(), out, &[]));
        let out = out.transpose()?;
        let mut files = Vec::new();
        for file in &self.files {
            let some = list(file).map_err(|problem| Error::file("FILE", file, problem))?;
            files.extend(some.unwrap_or_else(|| vec![file.clone()]));
        }
        let totals = join(&files)?;
        if let Some(out) = &out {
            out.write_whole(&written(&totals, &out.path)?)?;
        }
        let gaps = gaps(&totals).filter(|_| !self.partial).map(Error::Incomplete);
        let report = self.report(&totals, files.len(), gaps.as_ref());
        match gaps {
            None => Ok(report),
            Some(gaps) => {
                print(&report)?;
                Err(Error::Reported(Box::new(gaps)))
            }
        }
    }

    fn report(&self, totals: &Totals, files: usize, error: Option<&Error>) -> String {
        let (loss, reduction) = (totals.loss(), totals.reduction());
        let [value, sum, weight] = [totals.value(), totals.sum(), totals.weight()].map(f64::from);
        let (of, missing) = (totals.of(), totals.missing());
        if self.json {
            let ranges = |ranges: Vec<Range<u64>>| -> Vec<[u64; 2]> {
                ranges.iter().map(|rows| [rows.start, rows.end]).collect()
            };
            let mut object = json!({
                "loss": loss,
                "reduction": reduction.name(),
                "value": number(value),
                "sum": number(sum),
                "weight": number(weight),
                "count": totals.count(),
                "kept": totals.kept(),
                "files": files,
                "covered": ranges(totals.covered()),
                "missing": ranges(missing),
                "of": of,
                "whole": totals.is_whole(),
            });
            if let Some(error) = error {
                object["error"] = error.json();
            }
            return format!("{object}\n");
        }
        let covered = count(&totals.covered());
        let of = of.map_or("unknown".into(), |of| of.to_string());
        let mut text = format!(
            "loss    {}  ({loss}, {reduction})\nsum     {}\nweight  {}\ncount   {}\nkept    {}\n\
             rows    {covered} of {of}\n",
            digits(value),
            digits(sum),
            digits(weight),
            totals.count(),
            totals.kept()
        );
        if !missing.is_empty() {
            text += &format!("missing {}\n", brief(&missing));
        }
        text
    }
}

fn count(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|rows| rows.end - rows.start).sum()
}

/// Some ranges in words.
fn brief(ranges: &[Range<u64>]) -> String {
    let shown = ranges.iter().take(SHOWN).map(|rows| format!("{rows:?}"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match ranges.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Why totals are not those of a whole batch.
fn gaps(totals: &Totals) -> Option<String> {
    let missing = totals.missing();
    let (rows, accepts) = (count(&missing), "--partial accepts that");
    match totals.of() {
        _ if totals.is_whole() => None,
        Some(of) => {
            Some(format!("{rows} of {of} rows are missing: {}; {accepts}", brief(&missing)))
        }
        None if rows > 0 => {
            let gaps = brief(&missing);
            Some(format!(
                "{rows} rows are missing: {gaps}, and how many there are is unknown; {accepts}"
            ))
        }
        None => Some(format!("how many rows the whole batch has is unknown; {accepts}")),
    }
}

/// Joins files in the order of their rows, so that no more is kept than what two neighbours share.
fn join(files: &[String]) -> Result<Totals> {
    let mut covered = Vec::new();
    let mut firsts = Vec::new();
    for (place, file) in files.iter().enumerate() {
        let ranges = read("FILE", file)?.covered();
        firsts.push((ranges.first().map_or(0, |rows| rows.start), place));
        covered.extend(ranges.into_iter().map(|rows| (rows.start, rows.end, place)));
    }
    covered.sort_unstable();
    for pair in covered.windows(2) {
        let [(_, end, one), (start, _, other)] = [pair[0], pair[1]];
        if start < end {
            // Refused, with the words for it.
            merge(&mut read("FILE", &files[one])?, &files[one], &files[other])?;
        }
    }
    firsts.sort_unstable();
    let mut all: Option<(Totals, &str)> = None;
    for (_, place) in firsts {
        let file = files[place].as_str();
        match &mut all {
            None => all = Some((read("FILE", file)?, file)),
            Some((all, first)) => merge(all, first, file)?,
        }
    }
    let none = || Error::file("FILE", "", "no files, expected one at least");
    Ok(all.ok_or_else(none)?.0)
}

/// Adds the totals of a file to those of others, of which this is one.
fn merge(all: &mut Totals, first: &str, file: &str) -> Result<()> {
    let beside = |error| Error::file("FILE", file, format!("beside {first}: {error}"));
    all.merge(&read("FILE", file)?).map_err(beside)
}

/// Reads totals of either form, for an argument.
pub(crate) fn read(argument: &str, file: &str) -> Result<Totals> {
    let bytes = fs::read(file).map_err(|error| Error::file(argument, file, error))?;
    let none = |error: String| Error::file(argument, file, format!("no totals: {error}"));
    if bytes.trim_ascii_start().starts_with(b"{") {
        return serde_json::from_slice(&bytes).map_err(|error| none(error.to_string()));
    }
    Totals::from_bytes(&bytes).map_err(|error| none(error.to_string()))
}

/// Totals in the form that a file's name asks for.
pub(crate) fn written(totals: &Totals, path: &str) -> Result<Vec<u8>> {
    if extension(path) == "json" {
        return Ok(serde_json::to_vec(totals).map_err(std::io::Error::from)?);
    }
    Ok(totals.to_bytes())
}
