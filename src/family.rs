//! What a loss is, and what a family of losses does: how data run through it.

use crate::cancel::Cancel;
use crate::cpu::{Results, Weights, Work};
use crate::definition::{Definition, Input, Options, Role, Sample, Whole};
use crate::dispatch::Builder;
use crate::error::{Error, Result, listed};
use crate::layout::Layout;
use crate::reduction::{Divisor, Reduction};
use crate::request::{Part, Request, Resolved, Upstream};
use crate::tensor::{Tensor, TensorKind};
use crate::terms::Terms;
use crate::totals::MEAN_OF_NOTHING;
use std::borrow::Cow;
use std::fmt::Debug;

/// A loss with its options set.
///
/// The losses are those of the [catalogue](crate::catalogue) and [`Custom`](crate::Custom) ones: how
/// one is computed is the crate's own, so that it cannot be implemented outside.
pub trait Loss: Options + Debug + Send + Sync {
    /// The facts that do not depend on the options.
    fn definition(&self) -> &'static Definition;

    /// The target that marks a row as ignored.
    fn ignore_index(&self) -> Option<i64> {
        None
    }

    /// What tells a custom loss from others of its name: a digest of its text.
    #[doc(hidden)]
    fn digest(&self) -> Option<u64> {
        None
    }

    /// The words that its kernels read from a buffer.
    #[doc(hidden)]
    fn table(&self) -> Cow<'static, [u32]> {
        self.definition().shader.table.into()
    }

    /// Whether a mean over no term is 0 instead of NaN: it divides by at least 1.
    #[doc(hidden)]
    fn guards_mean(&self) -> bool {
        false
    }

    /// Small inputs that fit together, of all that must be given: `wgloss show` plans them.
    fn example(&self) -> Vec<(&'static str, TensorKind)> {
        self.family().example()
    }

    /// A few numbers that mean something for each input of a loss whose shapes are its own, or of a loss of
    /// vectors: what curves start from. An input that may have two forms is there in both, in the usual one first.
    fn sample(&self) -> Vec<Sample> {
        Vec::new()
    }

    /// Checks that totals of parts of a batch add up: not where a term depends on a mean over the
    /// batch.
    ///
    /// # Errors
    /// Why they do not.
    #[doc(hidden)]
    fn check_totals(&self, _inputs: &[Option<TensorKind>]) -> Result<()> {
        Ok(())
    }

    /// Checks that there is a gradient by an input, where the definition does not tell why not.
    ///
    /// # Errors
    /// Why there is none.
    #[doc(hidden)]
    fn check_gradient(&self, _input: usize) -> Result<()> {
        Ok(())
    }

    /// Whether there may be a reason for NaN that the numbers do not tell: loops that go on for too long.
    #[doc(hidden)]
    fn may_give_up(&self) -> bool {
        false
    }

    /// How data run through it.
    #[doc(hidden)]
    fn family(&self) -> Box<dyn Family + '_>;
}

impl<L: Loss + 'static> From<L> for Box<dyn Loss> {
    fn from(loss: L) -> Self {
        Box::new(loss)
    }
}

/// How data run through a loss: how its inputs lie, how a batch is cut, its kernels, the loops of the
/// CPU backend and the reference. Each folder of `families` has one for many losses; a loss that fits
/// none has its own.
pub trait Family: Send + Sync {
    /// Checks the shapes and lays the inputs out.
    ///
    /// # Errors
    /// If they do not fit.
    fn layout(&self, inputs: &[Option<TensorKind>], reduction: Reduction) -> Result<Layout>;

    /// Small inputs that fit together, of all that must be given.
    fn example(&self) -> Vec<(&'static str, TensorKind)>;

    /// Checks that there is a gradient by an input of these types and shapes, which have been laid out.
    ///
    /// # Errors
    /// Why there is none.
    fn check_gradient(&self, _inputs: &[Option<TensorKind>], _input: usize) -> Result<()> {
        Ok(())
    }

    /// Checks what only the data tell, where they are on the host.
    ///
    /// # Errors
    /// If they do not fit.
    fn check(&self, _resolved: &Resolved, _inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        Ok(())
    }

    /// Checks, where an output is NaN, that it is not because a term was given up.
    ///
    /// # Errors
    /// Which term, and why.
    fn check_given_up(&self, _resolved: &Resolved, _inputs: &[Option<&Tensor<'_>>]) -> Result<()> {
        Ok(())
    }

    /// How a batch can be cut into pieces that are evaluated on their own; `None` where it cannot.
    fn cut(&self, _resolved: &Resolved) -> Option<Cut> {
        None
    }

    /// The weights of the terms on the host, where a mean divides by their sum, or totals tell it.
    ///
    /// # Errors
    /// If a class index is outside its range, or it is cancelled.
    fn weights(
        &self,
        _resolved: &Resolved,
        _inputs: &[Option<&Tensor<'_>>],
        _cancel: Cancel<'_>,
    ) -> Result<Weights> {
        Ok(Weights::default())
    }

    /// The axis of an input along which the items of the batch lie, of which there can be fewer; `None`
    /// where it has no part in them.
    fn batch_axis(&self, _resolved: &Resolved, _input: usize) -> Option<usize> {
        None
    }

    /// Whether the kernels leave out the items past a number in a buffer.
    fn counts(&self) -> bool {
        false
    }

    /// Adds the dispatches of a plan.
    ///
    /// # Errors
    /// If a size is past the device's limits.
    fn dispatch(&self, builder: &mut Builder<'_>) -> Result<()>;

    /// The outputs of the CPU backend in float32.
    ///
    /// # Errors
    /// If a class index is outside its range, there is no memory for an output, a sink takes none, or
    /// it is cancelled.
    fn compute(&self, work: &Work<'_>, results: &mut Results<'_>) -> Result<()>;

    /// The textbook terms and derivatives in float64: what tests compare with.
    fn reference(&self, resolved: &Resolved, inputs: &[Option<Vec<f64>>]) -> Terms;
}

/// How a batch is cut along its elements, its items, or its first axis.
#[derive(Debug)]
pub struct Cut {
    /// What each input has in a piece; of one that is absent nothing is read.
    pub(crate) inputs: Vec<Share>,
    /// The shape of the losses of one element or one item.
    pub(crate) terms: Vec<usize>,
    /// A piece is a multiple of so many.
    pub(crate) step: usize,
}

/// What an input has in a piece.
#[derive(Clone, Debug)]
pub(crate) enum Share {
    /// For each element or item a tensor of this shape.
    Unit(Vec<usize>),
    /// All that it has, in this shape, as every other piece.
    All(Vec<usize>),
}

/// Checks a request of a loss: names, options, types and shapes.
pub(crate) fn resolve(
    loss: &dyn Loss,
    inputs: &[(&str, TensorKind)],
    request: &Request<'_>,
) -> Result<Resolved> {
    let definition = loss.definition();
    let inputs = placed(definition, inputs)?;
    loss.validate()?;
    check_inputs(definition, &inputs, request.reduction)?;
    let family = loss.family();
    let mut layout = family.layout(&inputs, request.reduction)?;
    if loss.guards_mean() {
        layout.divisor = layout.divisor.guarded();
    }
    let mut gradients = Vec::new();
    for name in request.gradients {
        let input = definition.input(name)?;
        if gradients.contains(&input) {
            return Err(Error::Repeated { argument: format!("gradient {name}"), times: 2 });
        }
        loss.check_gradient(input)?;
        check_gradient(definition, &inputs, input)?;
        family.check_gradient(&inputs, input)?;
        gradients.push(input);
    }
    let &Request {
        gradients: _,
        reduction,
        value,
        gradient_type,
        loss_scale,
        loss_weight,
        accumulate,
        counted,
        upstream,
        totals,
        denominator,
        label,
    } = request;
    if !value && gradients.is_empty() && !totals {
        return Err(Error::argument("value", "false without gradients", "something to compute"));
    }
    check_reduction(request)?;
    let options = if totals || denominator { facts(loss) } else { Vec::new() };
    let add_up = loss.check_totals(&inputs);
    let adds_up = add_up.is_ok();
    if totals && !denominator {
        add_up?;
    }
    let upstream = match (upstream, reduction) {
        (false, _) => Upstream::One,
        (true, Reduction::None) => Upstream::Terms,
        (true, _) => Upstream::Scalar,
    };
    for (name, number) in [("loss_scale", loss_scale), ("loss_weight", loss_weight)] {
        if !number.is_finite() || number == 0.0 {
            let expected = "a finite number other than 0";
            return Err(Error::argument(name, number.to_string(), expected));
        }
    }
    let resolved = Resolved {
        definition,
        inputs,
        reduction,
        value,
        gradients,
        upstream,
        totals,
        denominator,
        given: None,
        gradient_type,
        loss_scale,
        loss_weight,
        accumulate,
        counted,
        label: label.map(String::from),
        options,
        adds_up,
        guarded: loss.guards_mean(),
        part: Part::default(),
        ignored: loss.ignore_index(),
        table: loss.table(),
        layout,
    };
    if counted {
        check_counted(loss, &resolved)?;
    }
    if totals && resolved.weight_is_shared() {
        let expected = "one for each term: parts of the batch would share it";
        return Err(Error::argument("totals", "a weight that broadcasts", expected));
    }
    if totals && reduction == Reduction::BatchMean {
        let Divisor::Count(divisor) = resolved.layout.divisor else { return Ok(resolved) };
        if divisor != resolved.items() {
            let first = definition.inputs[0].name;
            let got = format!("batchmean of an {first} that broadcasts along the batch");
            return Err(Error::argument("totals", got, format!("an {first} with all its items")));
        }
    }
    Ok(resolved)
}

/// Refuses to read the number of items from a buffer where that is not made for.
fn check_counted(loss: &dyn Loss, resolved: &Resolved) -> Result<()> {
    let why = if resolved.totals || resolved.denominator {
        "with totals or a denominator"
    } else if !loss.family().counts() {
        "with a loss that has kernels of its own"
    } else if resolved.layout.output.is_empty() {
        "without an axis of the batch"
    } else if resolved.weight_is_shared() {
        "with a weight that broadcasts and divides the mean"
    } else {
        return Ok(());
    };
    Err(Error::argument("counted", format!("true {why}"), "false"))
}

/// What totals tell of a loss beside its name.
fn facts(loss: &dyn Loss) -> Vec<(&'static str, String)> {
    let digest = loss.digest().map(|digest| ("source", format!("{digest:016x}")));
    let guarded = loss.guards_mean().then(|| (MEAN_OF_NOTHING.0, MEAN_OF_NOTHING.1.into()));
    loss.values().into_iter().chain(digest).chain(guarded).collect()
}

/// The inputs in the definition's order.
fn placed(
    definition: &Definition,
    inputs: &[(&str, TensorKind)],
) -> Result<Vec<Option<TensorKind>>> {
    let mut places: Vec<Option<TensorKind>> = vec![None; definition.inputs.len()];
    for (name, kind) in inputs {
        let place = &mut places[definition.input(name)?];
        if place.replace(kind.clone()).is_some() {
            return Err(Error::Repeated { argument: (*name).into(), times: 2 });
        }
    }
    Ok(places)
}

fn check_inputs(
    definition: &Definition,
    inputs: &[Option<TensorKind>],
    reduction: Reduction,
) -> Result<()> {
    if !definition.reductions.contains(&reduction) {
        let known = listed(definition.reductions.iter().map(|r| r.name()));
        return Err(Error::argument("reduction", reduction.name(), known));
    }
    let rank = inputs[0].as_ref().map_or(0, |first| first.shape.len());
    for (input, kind) in definition.inputs.iter().zip(inputs) {
        match kind {
            Some(kind) => {
                kind.elements(input.name)?;
                check_dtype(input, kind, rank)?;
            }
            None if input.optional => {}
            None => return Err(missing(definition, input.name)),
        }
    }
    Ok(())
}

fn missing(definition: &Definition, name: &str) -> Error {
    let needed = definition.inputs.iter().filter(|input| !input.optional);
    Error::Missing {
        argument: name.into(),
        loss: definition.name,
        needed: listed(needed.map(|input| input.name)),
    }
}

/// Floats of a lower rank than the first input's are no probabilities: they are class indices that
/// were saved as floats.
fn check_dtype(input: &Input, kind: &TensorKind, rank: usize) -> Result<()> {
    let is_float = kind.dtype.is_float();
    let fits = match input.role {
        Role::Index | Role::Marks | Role::ListedClasses | Role::OwnIntegers => !is_float,
        _ if input.whole().is_some() => !is_float,
        Role::Vectors(_) | Role::ElementVectors(_) => is_float,
        Role::IndexOrRows => !is_float || kind.shape.len() >= rank,
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let integers = format!("an integer type: in NumPy, {}.astype(\"int64\")", input.name);
    let expected = match input.role {
        Role::Vectors(_) | Role::ElementVectors(_) => "a float type".into(),
        _ if input.whole() == Some(Whole::Flag) => format!(
            "booleans or integers, of which 0 is false: in NumPy, {}.astype(\"bool\")",
            input.name
        ),
        Role::IndexOrRows => format!("{integers}, or probabilities in the shape of the classes"),
        _ => integers,
    };
    Err(Error::DType { argument: input.name.into(), got: kind.dtype.to_string(), expected })
}

/// Totals are of a sum, and a denominator is that of a mean.
fn check_reduction(request: &Request<'_>) -> Result<()> {
    let (argument, expected) = match request.reduction {
        Reduction::None if request.totals => ("totals", "reduction mean, sum or batchmean"),
        Reduction::None | Reduction::Sum if request.denominator => {
            ("denominator", "reduction mean or batchmean")
        }
        _ => return Ok(()),
    };
    Err(Error::argument(argument, format!("with reduction {}", request.reduction), expected))
}

fn check_gradient(
    definition: &'static Definition,
    inputs: &[Option<TensorKind>],
    input: usize,
) -> Result<()> {
    let own = &definition.inputs[input];
    let argument = format!("gradient {}", own.name);
    let Some(kind) = &inputs[input] else {
        return Err(Error::argument(&argument, "an absent input", "an input that is given"));
    };
    if own.differentiable && kind.dtype.is_float() {
        return Ok(());
    }
    let known = definition.inputs.iter().filter(|i| i.differentiable).map(|i| i.name);
    let known = listed(known);
    let got = format!("{} of {}", own.name, kind.dtype);
    Err(Error::argument(&argument, got, format!("a differentiable input of a float type: {known}")))
}
