//! `wgloss total`: the loss of a batch whose parts were evaluated on their own.

use crate::error::{Error, Result};
use crate::report::{digits, number};
use crate::tell;
use clap::Args;
use serde_json::json;
use std::fs;
use wgloss::Totals;

/// The arguments of `wgloss total`.
#[derive(Debug, Args)]
#[command(after_help = "\
Where all parts but the last are multiples of 4096 terms, the loss is that of one run, bit for bit.

Example: wgloss eval mse input=a.npz:p target=a.npz:t --totals a.json
         wgloss eval mse input=b.npz:p target=b.npz:t --totals b.json
         wgloss total a.json b.json")]
pub(crate) struct Total {
    /// Totals of the parts in their order, as `wgloss eval --totals` writes them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Print one JSON object, for an error too
    #[arg(long)]
    json: bool,
}

impl Total {
    /// Adds up the totals and says what the loss of the whole is.
    pub(crate) fn run(self) -> Result<String> {
        let mut totals: Option<Totals> = None;
        for file in &self.files {
            let part = read(file)?;
            match &mut totals {
                None => totals = Some(part),
                Some(totals) => {
                    if !totals.is_whole() {
                        tell(&format!(
                            "note: what comes before {file} ends within a block of 4096 terms: the \
                             last digit may differ from that of one run"
                        ));
                    }
                    totals.merge(&part).map_err(|error| Error::file("FILE", file, error))?;
                }
            }
        }
        Ok(totals.map_or_else(String::new, |totals| self.report(&totals)))
    }

    fn report(&self, totals: &Totals) -> String {
        let (loss, reduction) = (totals.loss(), totals.reduction());
        let [value, sum, weight] = [totals.value(), totals.sum(), totals.weight()].map(f64::from);
        if self.json {
            let object = json!({
                "loss": loss,
                "reduction": reduction.name(),
                "value": number(value),
                "sum": number(sum),
                "weight": number(weight),
                "count": totals.count(),
                "kept": totals.kept(),
                "parts": self.files,
            });
            return format!("{object}\n");
        }
        format!(
            "loss    {}  ({loss}, {reduction})\nsum     {}\nweight  {}\ncount   {}\nkept    {}\n",
            digits(value),
            digits(sum),
            digits(weight),
            totals.count(),
            totals.kept()
        )
    }
}

fn read(file: &str) -> Result<Totals> {
    let text = fs::read_to_string(file).map_err(|error| Error::file("FILE", file, error))?;
    serde_json::from_str(&text)
        .map_err(|error| Error::file("FILE", file, format!("no totals: {error}")))
}
