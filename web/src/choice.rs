//! Which loss, with which options and numbers.

use serde::Deserialize;
use wgloss::{Custom, Loss};
use wgloss_kit::curves::Curve;
use wgloss_kit::{Result, options};

/// What is given for inputs, by name.
type Given<'a> = Vec<(&'static str, &'a str)>;

/// A loss as the page names it.
#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    /// A name of the catalogue's, or what a custom loss is called.
    loss: String,
    /// The text of a custom loss.
    custom: Option<String>,
    /// Options and numbers of inputs, by name.
    values: Vec<(String, String)>,
    /// The number that varies, `NAME` or `NAME[INDEX]`.
    by: Option<String>,
}

impl Choice {
    /// The loss with its default options.
    fn loss(&self) -> Result<Box<dyn Loss>> {
        Ok(match &self.custom {
            Some(text) => Box::new(Custom::named(&self.loss, text)?),
            None => wgloss::by_name(&self.loss)?,
        })
    }

    /// The loss with the options that are set, and what is given for its inputs.
    pub(crate) fn configured(&self) -> Result<(Box<dyn Loss>, Given<'_>)> {
        let mut loss = self.loss()?;
        let inputs: Vec<_> = loss.definition().inputs.iter().map(|input| input.name).collect();
        let values: Vec<_> = self.values.iter().map(|(name, text)| (&**name, &**text)).collect();
        let given = options::assign(loss.as_mut(), &values, &inputs)?;
        Ok((loss, given))
    }

    /// The curve by the number that varies.
    pub(crate) fn curve(&self) -> Result<Curve> {
        let (loss, given) = self.configured()?;
        Curve::new(loss, &given, self.by.as_deref())
    }
}
