//! The loss and `NAME=VALUE` on the command line.

use crate::error::{Error, Result};
use crate::files::{Input, Reader};
use clap::Args;
use std::path::Path;
use wgloss::definition::Options;
use wgloss::{Custom, Loss};
use wgloss_kit::options;

/// Which loss.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The loss; `wgloss list` shows them
    #[arg(required_unless_present = "custom")]
    loss: Option<String>,
    /// Instead of a loss, a WGSL file with `fn value` of up to 16 f32, i32, u32, bool, or vectors of f32; or,
    /// with a struct Item, of what is gathered over rows, as `examples/losses_over_rows` has; its gradient
    /// is derived
    #[arg(long, value_name = "FILE")]
    custom: Option<String>,
    /// The numbers of a custom loss's parameter of type array, from a file; a short one is also set by
    /// NAME=1,2,3
    #[arg(long, value_name = "NAME=FILE", requires = "custom")]
    table: Vec<String>,
    /// Instead of a custom loss, its derivative by an argument, or by a number of a vector (box.x), whose
    /// gradients are second derivatives: --derivative p --grad t=FILE is the mixed one by p and t
    #[arg(long, value_name = "ARGUMENT", requires = "custom")]
    derivative: Vec<String>,
    /// Instead of a custom loss, its derivative along the directions of some arguments, which are
    /// inputs NAME_direction; its gradients by the arguments are the Hessian's product with them
    #[arg(long, value_name = "ARGUMENT,...", value_delimiter = ',', requires = "custom")]
    along: Vec<String>,
}

impl Which {
    /// The loss with its default options. A custom one takes no name, so that the first word of the
    /// arguments is one of them.
    pub(crate) fn open(&self, arguments: &mut Vec<String>) -> Result<Chosen> {
        let Some(path) = &self.custom else {
            return Ok(Chosen::Known(wgloss::by_name(self.loss.as_deref().unwrap_or_default())?));
        };
        arguments.splice(0..0, self.loss.clone());
        let mut custom = custom(path)?;
        self.set_tables(&mut custom, arguments)?;
        for argument in &self.derivative {
            custom = custom.derivative(argument)?;
        }
        if !self.along.is_empty() {
            let along: Vec<&str> = self.along.iter().map(|argument| &**argument).collect();
            custom = custom.along(&along)?;
        }
        Ok(Chosen::Custom(custom))
    }

    /// Sets the parameters that are in files.
    fn set_tables(&self, custom: &mut Custom, arguments: &[String]) -> Result<()> {
        let known: Vec<_> = custom.options().into_iter().map(|(name, _)| name).collect();
        let mut set = Vec::new();
        for table in &self.table {
            let (name, file) = split("--table", table, &known)?;
            let Some(name) = known.iter().find(|own| **own == name) else {
                return Err(wgloss::Error::unknown_name("--table", name, known).into());
            };
            let again = arguments.iter().filter_map(|own| own.split_once('='));
            if set.contains(name) || again.into_iter().any(|(own, _)| own == *name) {
                let argument = (*name).to_string();
                return Err(wgloss::Error::Repeated { argument, times: 2 }.into());
            }
            set.push(*name);
            let input = Input::open(name, file)?;
            let rows = Reader::new(&input).rows(0..input.rows(), Vec::new())?;
            let tensor = input.tensor(&rows, input.rows())?;
            if tensor.shape().len() != 1 {
                let got = format!("shape {:?}", tensor.shape());
                return Err(Error::argument(name, got, "numbers along one axis"));
            }
            custom.set_table(name, &tensor.to_f64())?;
        }
        Ok(())
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
