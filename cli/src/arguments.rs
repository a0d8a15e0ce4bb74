//! The loss and `NAME=VALUE` on the command line.

use crate::error::{Error, Result};
use clap::Args;
use std::path::Path;
use wgloss::{Custom, Loss};
use wgloss_kit::options;

/// Which loss.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The loss; `wgloss list` shows them
    #[arg(required_unless_present = "custom")]
    loss: Option<String>,
    /// Instead of a loss, a WGSL file with `fn value` of one to four f32; its gradient is derived
    #[arg(long, value_name = "FILE")]
    custom: Option<String>,
}

impl Which {
    /// The loss with its default options. A custom one takes no name, so that the first word of the
    /// arguments is one of them.
    pub(crate) fn open(&self, arguments: &mut Vec<String>) -> Result<Chosen> {
        let Some(path) = &self.custom else {
            return Ok(Chosen::Known(wgloss::by_name(self.loss.as_deref().unwrap_or_default())?));
        };
        arguments.splice(0..0, self.loss.clone());
        custom(path).map(Chosen::Custom)
    }
}

/// The loss of a WGSL file.
pub(crate) fn custom(path: &str) -> Result<Custom> {
    let source =
        std::fs::read_to_string(path).map_err(|error| Error::file("--custom", path, error))?;
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy();
    Custom::named(&stem, &source).map_err(|error| Error::file("--custom", path, error))
}

/// A loss of the catalogue, or one's own.
#[derive(Debug)]
pub(crate) enum Chosen {
    Known(Box<dyn Loss>),
    Custom(Custom),
}

impl Chosen {
    pub(crate) fn loss_ref(&self) -> &dyn Loss {
        match self {
            Self::Known(loss) => loss.as_ref(),
            Self::Custom(custom) => custom,
        }
    }

    pub(crate) fn into_loss(self) -> Box<dyn Loss> {
        match self {
            Self::Known(loss) => loss,
            Self::Custom(custom) => custom.into(),
        }
    }

    pub(crate) fn loss(&mut self) -> &mut dyn Loss {
        match self {
            Self::Known(loss) => loss.as_mut(),
            Self::Custom(custom) => custom,
        }
    }
}

/// Splits `NAME=VALUE` at its first `=`; a file's name may hold more of them.
pub(crate) fn split<'a>(what: &str, text: &'a str, known: &[&str]) -> Result<(&'a str, &'a str)> {
    text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(
        || {
            Error::argument(
                what,
                format!("{text:?}"),
                format!("NAME=VALUE, where NAME is one of {}", known.join(", ")),
            )
        },
    )
}

/// Sets the options among the arguments and returns the rest, which are inputs and their files.
pub(crate) fn assign<'a>(
    loss: &mut dyn Loss,
    arguments: &'a [String],
    inputs: &[&'static str],
) -> Result<Vec<(&'static str, &'a str)>> {
    let (what, known) = options::known(loss, inputs);
    let mut pairs = Vec::new();
    for argument in arguments {
        pairs.push(split(what, argument, &known)?);
    }
    Ok(options::assign(loss, &pairs, inputs)?)
}
