//! Inputs and gradients as structs, so that the compiler checks their names.

use crate::error::{Error, Result};

/// A loss whose inputs and gradients are structs, in a module of the loss's name.
///
/// ```
/// use wgloss::cross_entropy::{Inputs, Wanted};
/// use wgloss::{Named, Names};
///
/// let inputs = Inputs { input: "logits", target: "labels", weight: None };
/// assert_eq!(inputs.named(), [("input", "logits"), ("target", "labels")]);
/// let wanted = Wanted { input: true, ..Wanted::default() };
/// assert_eq!(wanted.names(), ["input"]);
/// ```
///
/// An input that the loss has not does not compile, nor does one that is missing, nor a gradient by
/// one that has none, nor the inputs of another loss:
///
/// ```compile_fail,E0560
/// let inputs = wgloss::cross_entropy::Inputs { input: 1, targets: 2, weight: None };
/// ```
/// ```compile_fail,E0063
/// let inputs = wgloss::cross_entropy::Inputs { input: 1, weight: None };
/// ```
/// ```compile_fail,E0560
/// let wanted = wgloss::nll_loss::Wanted { target: true, ..Default::default() };
/// ```
/// ```compile_fail,E0308
/// fn evaluate<L: wgloss::Typed>(loss: L, inputs: L::Inputs<i32>) {}
///
/// evaluate(wgloss::Nll::default(), wgloss::mse_loss::Inputs { input: 1, target: 2, weight: None });
/// ```
pub trait Typed {
    /// Something for each input, for an optional one perhaps.
    type Inputs<T>: Named<T>;
    /// Something for each gradient, perhaps.
    type Gradients<T>: Named<T> + FromNamed<T> + Default;
    /// Which gradients are wanted; by default none.
    type Wanted: Names + Default;
}

/// Fields that have names.
pub trait Named<T> {
    /// The fields that are given, with their names, in the order of the definition.
    fn named(self) -> Vec<(&'static str, T)>;
}

/// Fields that can be given by their names.
pub trait FromNamed<T>: Sized {
    /// The fields that these names have; others are absent.
    ///
    /// # Errors
    /// If there is no field of a name, or it is given twice.
    fn from_named(named: impl IntoIterator<Item = (&'static str, T)>) -> Result<Self>;
}

/// A choice of names.
pub trait Names {
    /// The names that are chosen, in the order of the definition.
    fn names(self) -> Vec<&'static str>;
}

/// The fields that are given.
pub(crate) fn given<T, const N: usize>(
    fields: [(&'static str, Option<T>); N],
) -> Vec<(&'static str, T)> {
    fields.into_iter().filter_map(|(name, field)| Some((name, field?))).collect()
}

/// Gives the field of a name what belongs to it.
pub(crate) fn give<T>(
    fields: &mut [(&'static str, &mut Option<T>)],
    name: &str,
    value: T,
) -> Result<()> {
    let Some(place) = fields.iter().position(|(known, _)| *known == name) else {
        let known = fields.iter().map(|(name, _)| *name);
        return Err(Error::unknown_name("gradient", name, known));
    };
    match fields[place].1.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Repeated { argument: format!("gradient {name}"), times: 2 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::huber_loss::{Gradients, Inputs, Wanted};

    #[test]
    fn what_is_absent_has_no_name() {
        let inputs = Inputs { input: 1, target: 2, weight: None };
        assert_eq!(inputs.named(), [("input", 1), ("target", 2)]);
        let inputs = Inputs { weight: Some(3), ..inputs };
        assert_eq!(inputs.named(), [("input", 1), ("target", 2), ("weight", 3)]);
        assert_eq!(Gradients { target: Some(2), ..Gradients::default() }.named(), [("target", 2)]);
        assert_eq!(
            Wanted { input: true, target: false, weight: true }.names(),
            ["input", "weight"]
        );
    }

    #[test]
    fn names_lead_to_fields() {
        let gradients = Gradients::from_named([("weight", 3), ("input", 1)]);
        assert_eq!(gradients, Ok(Gradients { input: Some(1), target: None, weight: Some(3) }));
        let error = |named: &[(&'static str, i32)]| {
            let gradients = Gradients::from_named(named.iter().copied());
            gradients.expect_err("names that do not fit").to_string()
        };
        let unknown = "gradient \"x\" is not known; known: input, target, weight";
        assert_eq!(error(&[("x", 1)]), unknown);
        let twice = "gradient input: given 2 times, expected once";
        assert_eq!(error(&[("input", 1), ("input", 1)]), twice);
    }
}
