//! The sums that a loss is made of, in a form that adds up.

#[cfg(feature = "serde")]
mod form;
mod places;

use crate::definition::Role;
use crate::error::{Error, Result};
use crate::layout::{Summed, Weights};
use crate::order::{BLOCK, BlockSums, Exact};
use crate::reduction::Reduction;
use crate::request::{List, Part, Resolved, native};
use crate::tensor::TensorKind;
use places::Places;
use std::ops::Range;

/// The sums that a reduced loss is made of: of the terms, of their weights, and counts, and which items of
/// a batch they are of.
///
/// Totals of parts of a batch (micro-batches, files, machines) [merge](Totals::merge) into those of
/// the whole, in any order and grouping, each [part](crate::Batch::part) once: the result has the same
/// bits, however the batch was cut. A term is an element of a pointwise loss, a row of the others; each
/// block of 4096 terms is added up in a fixed order, and blocks without any rounding, so that totals
/// of whole blocks take some hundred bytes, however many these are. Of a block that a part holds some
/// terms of only, these are kept as they are, at most 4095 at each end, until the others come.
///
/// A sum past the range of float32 is infinite only once all blocks are added up; one of a block is
/// float32's. An infinity among the terms makes the sum infinite, infinities of both signs or a NaN
/// make it NaN.
///
/// The gradient of the whole batch's mean, part by part, is what a request with
/// [`denominator`](crate::Request::denominator) gives: the parts' gradients are those of the whole
/// batch, or, for inputs that the parts share, add up to them.
///
/// ```
/// use wgloss::{Batch, Evaluator, Mse, Part, Request, Tensor};
///
/// let [input, target] = [[1.0f32, 2.0, 3.0, 4.0], [0.0; 4]];
/// let part = |range: std::ops::Range<usize>| {
///     let part = Part { first: range.start as u64, of: Some(4) };
///     let input = Tensor::from_slice(&input[range.clone()], [range.len()])?;
///     let target = Tensor::from_slice(&target[range.clone()], [range.len()])?;
///     let inputs = [("input", input), ("target", target)];
///     let batch = Batch {
///         inputs: &inputs,
///         part: Some(part),
///         request: Request { totals: true, ..Request::default() },
///         ..Batch::default()
///     };
///     Ok(Evaluator::Cpu.evaluate_blocking(&Mse, &batch)?.totals.expect("they are asked for"))
/// };
/// let mut totals = part(3..4)?;
/// totals.merge(&part(0..2)?)?;
/// assert_eq!((totals.is_whole(), totals.missing()), (false, vec![2..3]));
/// totals.merge(&part(2..3)?)?;
/// assert!(totals.is_whole());
/// assert_eq!((totals.sum(), totals.count(), totals.value()), (30.0, 4, 7.5));
/// // What is there already is not counted twice.
/// let error = totals.merge(&part(3..4)?).unwrap_err().to_string();
/// assert_eq!(error, "totals: items 3..4 come twice: in 3..4 and in 0..4");
/// # Ok::<(), wgloss::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "form::Form", into = "form::Form"))]
pub struct Totals {
    about: About,
    places: Places,
    losses: BlockSums,
    /// Without terms where these have no weights.
    weights: BlockSums,
    /// The number of terms that are not ignored.
    kept: u64,
}

/// What totals are of; only those of the same add up.
#[derive(Clone, Debug, PartialEq)]
struct About {
    loss: String,
    reduction: Reduction,
    /// The options of the loss and their values.
    options: Vec<(String, String)>,
    /// The inputs, and what they hold.
    inputs: Vec<(String, String)>,
    classes: Option<u64>,
    weighted: bool,
    /// The terms of an item.
    each: u64,
    summed: Summed,
}

impl Totals {
    /// Adds the totals of another part of the batch. After an error they are what they were.
    ///
    /// # Errors
    /// If both have an item, or they are of another loss, reduction, option, number of classes or type of
    /// input, of a batch of another size, or only one of both has an input.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.about != other.about
            && let Some((own, others)) = difference(&self.facts_of_parts(), &other.facts_of_parts())
        {
            return Err(Error::argument("totals", others, own));
        }
        self.places.merge(&other.places)?;
        self.losses.merge(&other.losses);
        self.weights.merge(&other.weights);
        // No data have 2^64 terms, but what was read from a file may say so.
        self.kept = self.kept.saturating_add(other.kept);
        self.end();
        Ok(())
    }

    /// Merges the totals of any number of parts; `None` of none.
    ///
    /// # Errors
    /// As [`Totals::merge`].
    pub fn join<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Result<Option<Self>> {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next().cloned() else { return Ok(None) };
        parts.try_for_each(|part| all.merge(part))?;
        Ok(Some(all))
    }

    /// The same of a part at another place: a plan does not know where in a batch its inputs are from,
    /// and says the beginning of one of unknown size.
    ///
    /// # Errors
    /// If they are of a batch of known size, the part would end past the end of its batch, or blocks of
    /// 4096 terms would begin at other items: totals that hold whole blocks can be moved by whole blocks
    /// only.
    pub fn at(&self, part: Part) -> Result<Self> {
        if let Some(of) = self.places.of {
            let got = format!("{}, for totals of a batch of {of} items", part.first);
            return Err(Error::argument(
                "part",
                got,
                "totals of a plan, or a batch of unknown size",
            ));
        }
        let places = self.places.moved(part, self.about.each)?;
        let [from, to] = [&self.places, &places].map(|places| self.term(places.first()));
        if from % BLOCK != to % BLOCK && self.losses.cut_terms() < self.count() {
            let expected = format!("whole blocks of {BLOCK} terms from {from}");
            return Err(Error::argument(
                "part",
                format!("the place of its first term, {to},"),
                expected,
            ));
        }
        let moved = |sums: &BlockSums| sums.moved(from, to);
        let (losses, weights) = (moved(&self.losses), moved(&self.weights));
        let mut moved = Self { places, losses, weights, ..self.clone() };
        moved.end();
        Ok(moved)
    }

    /// Takes the last block as a whole one once the batch's end is there.
    fn end(&mut self) {
        if let Some(end) = self.places.end().map(|end| self.term(end)) {
            self.losses.end(end);
            self.weights.end(end);
        }
    }

    /// The first term of an item.
    fn term(&self, item: u64) -> u64 {
        item.saturating_mul(self.about.each)
    }

    /// The items that they are of: along the first axis of the losses, in order, without those that are
    /// missing between.
    pub fn covered(&self) -> Vec<Range<u64>> {
        self.places.covered().collect()
    }

    /// The items that are missing: of the whole batch or, where its size is not known, before the
    /// last one that is there.
    pub fn missing(&self) -> Vec<Range<u64>> {
        self.places.missing()
    }

    /// The number of items of the whole batch, if it is known.
    pub fn of(&self) -> Option<u64> {
        self.places.of
    }

    /// Whether they are of the whole batch; false where its size is not known.
    pub fn is_whole(&self) -> bool {
        self.places.of.is_some() && self.missing().is_empty()
    }

    /// What they are totals of, each fact in words; only totals with the same facts add up.
    fn facts(&self, options: bool) -> Vec<String> {
        let About { loss, reduction, inputs, classes, weighted, .. } = &self.about;
        let weights = if *weighted { "with" } else { "without" };
        let mut facts = vec![format!("{reduction} of {loss} {weights} weights")];
        if options {
            let options = self.about.options.iter();
            facts.extend(options.map(|(name, x)| format!("{loss} with {name}={x}")));
        }
        facts.extend(inputs.iter().map(|(name, held)| match held.as_str() {
            ABSENT => format!("{loss} without {name}"),
            held => format!("{loss} with {name} of {held}"),
        }));
        facts.extend(classes.map(|classes| format!("{loss} of {classes} classes")));
        facts
    }

    /// What tells whether parts are of one batch, which a denominator need not be.
    fn facts_of_parts(&self) -> Vec<String> {
        let About { loss, each, summed, .. } = &self.about;
        let mut facts = self.facts(true);
        facts.push(format!("{loss} of {each} losses an item"));
        facts.push(format!("{loss} added up by {}", format!("{summed:?}").to_lowercase()));
        facts
    }

    /// Refuses a batch that these totals cannot be of. Where a loss's own totals do not add up, those
    /// of other options have its denominator.
    pub(crate) fn check(&self, resolved: &Resolved) -> Result<()> {
        let expected = Self::of_nothing(resolved).facts(resolved.adds_up);
        match difference(&expected, &self.facts(resolved.adds_up)) {
            None => Ok(()),
            Some((expected, got)) => {
                Err(Error::argument("denominator", format!("the totals of {got}"), expected))
            }
        }
    }

    /// The loss's name.
    pub fn loss(&self) -> &str {
        &self.about.loss
    }

    /// The reduction that they were taken with.
    pub fn reduction(&self) -> Reduction {
        self.about.reduction
    }

    /// The sum of the terms, each with its weight.
    pub fn sum(&self) -> f32 {
        self.losses.total()
    }

    /// The sum of the weights of the kept terms; their number where they have no weights.
    #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
    pub fn weight(&self) -> f32 {
        if self.about.weighted { self.weights.total() } else { self.count() as f32 }
    }

    /// The number of terms.
    pub fn count(&self) -> u64 {
        self.places.count().saturating_mul(self.about.each)
    }

    /// The number of rows that are not ignored; of a loss without class indices, that of all terms.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// The loss: the sum, divided as the reduction says.
    pub fn value(&self) -> f32 {
        match self.about.reduction {
            Reduction::None | Reduction::Sum => self.sum(),
            Reduction::Mean | Reduction::BatchMean => self.sum() / self.divisor(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
    fn divisor(&self) -> f32 {
        let guarded = || self.about.options.iter().any(|(name, _)| name == MEAN_OF_NOTHING.0);
        match self.about.reduction {
            Reduction::Mean if self.count() == 0 && guarded() => 1.0,
            Reduction::BatchMean => self.places.count() as f32,
            _ => self.weight(),
        }
    }

    /// The value of the part that they were evaluated with: of its own mean, or its share in a given one.
    pub(crate) fn value_of(&self, resolved: &Resolved) -> f32 {
        let given = resolved.given.map(|[divisor, ..]| self.sum() / divisor);
        given.unwrap_or_else(|| self.value()) * resolved.loss_weight
    }

    /// What a plan with [`Request::denominator`](crate::Request::denominator) divides by, to be
    /// written into a buffer: the divisor of the mean, the number of kept rows, the mean, and 0.
    #[expect(clippy::cast_precision_loss, reason = "the kernels calculate in float32")]
    pub fn denominator(&self) -> [f32; 4] {
        let divisor = self.divisor();
        [divisor, self.kept as f32, self.sum() / divisor, 0.0]
    }

    /// From the sums of the terms of the request's part; the weights and the number of kept terms count
    /// only where a mean divides by the sum of weights.
    pub(crate) fn new(
        resolved: &Resolved,
        losses: BlockSums,
        weights: BlockSums,
        kept: u64,
    ) -> Self {
        let layout = &resolved.layout;
        let weighted = layout.is_weighted();
        let options = resolved.options.iter();
        let inputs = resolved.definition.inputs.iter().zip(&resolved.inputs);
        let held = |input, kind: &TensorKind| match native(input, kind.dtype) {
            dtype if dtype.is_float() => dtype.to_string(),
            _ => "integers".into(),
        };
        let held =
            |input, kind: &Option<_>| kind.as_ref().map_or(ABSENT.into(), |k| held(input, k));
        let about = About {
            loss: resolved.definition.name.into(),
            reduction: resolved.reduction,
            options: options.map(|(name, value)| ((*name).into(), value.clone())).collect(),
            inputs: inputs.map(|(own, kind)| (own.name.into(), held(own, kind))).collect(),
            classes: classes(resolved),
            weighted,
            each: resolved.terms_per_item(),
            summed: layout.summed,
        };
        let kept = if weighted { kept } else { layout.terms };
        let [_, order] = layout.summed.orders();
        let weights = if weighted { weights } else { BlockSums::new(order) };
        let places = Places::of_part(resolved.part, resolved.items());
        let mut totals = Self { about, places, losses, weights, kept };
        totals.end();
        totals
    }

    /// Of no terms.
    fn of_nothing(resolved: &Resolved) -> Self {
        let [losses, weights] = resolved.layout.summed.orders().map(BlockSums::new);
        Self::new(resolved, losses, weights, 0)
    }

    /// What only shapes tell of a whole batch: all but the sum, which is NaN. `None` where weights or
    /// ignored rows count, which are data.
    pub(crate) fn without_data(resolved: &Resolved) -> Option<Self> {
        let mut totals = Self::of_nothing(resolved);
        totals.losses.add_block(f32::NAN);
        (!totals.about.weighted).then_some(totals)
    }

    /// The sums of the losses.
    pub(crate) fn into_losses(self) -> BlockSums {
        self.losses
    }

    /// From what a plan has written.
    pub(crate) fn from_words(resolved: &Resolved, words: &[u32]) -> Self {
        let list = |list| {
            let (place, length) = resolved.totals_list(list);
            let [place, length] = [place, length].map(|n| usize::try_from(n).unwrap_or(0));
            &words[place..place + length]
        };
        let [order, weights_order] = resolved.layout.summed.orders();
        let terms = resolved.layout.terms;
        let sums = |order, whole, cut| {
            let mut sums = BlockSums::new(order);
            // Where all terms are kept, the kernels' blocks are not those of the larger batch.
            if resolved.begins_a_block() && !list(whole).is_empty() {
                sums.whole = Exact::of_digits(list(whole));
            }
            let first = resolved.first_term() + (terms - resolved.cut_terms());
            sums.add(first, bytemuck::cast_slice(list(cut)));
            sums
        };
        let losses = sums(order, List::Losses, List::CutLosses);
        let weights = sums(weights_order, List::Weights, List::CutWeights);
        let kept = match resolved.layout.weights {
            Weights::Kept => Exact::of_digits(list(List::Kept)).integer(),
            _ => terms,
        };
        Self::new(resolved, losses, weights, kept)
    }
}

/// What the totals of a loss tell beside its options whose mean over no term is 0 and not NaN.
pub(crate) const MEAN_OF_NOTHING: (&str, &str) = ("mean_of_nothing", "0");

/// What an input that was not given holds.
const ABSENT: &str = "nothing";

/// The first fact that differs, from both.
fn difference(own: &[String], others: &[String]) -> Option<(String, String)> {
    let fact =
        |facts: &[String], i: usize| facts.get(i).cloned().unwrap_or_else(|| "no more".into());
    let longest = own.len().max(others.len());
    let mut facts = (0..longest).map(|i| (fact(own, i), fact(others, i)));
    facts.find(|(own, other)| own != other)
}

/// The classes or features of a row, where terms are rows.
fn classes(resolved: &Resolved) -> Option<u64> {
    let first = resolved.inputs[0].as_ref().map_or(&[][..], |kind| &kind.shape);
    let classes = match resolved.definition.inputs[0].role {
        Role::Rows | Role::RowsOrClasses | Role::Regions => first.get(1).or(first.first()),
        Role::Scores | Role::Features => first.last(),
        _ => return resolved.layout.indices.map(|indices| indices.classes),
    };
    classes.map(|&classes| classes as u64)
}
