//! The dispatches of CTC. Time is cut into windows, so that no invocation runs through too many
//! rounds of a loop and everything kept for the steps of a window can be bound at once. The first
//! states of a window are the last ones of its neighbour: cutting changes no bit.

use super::kernel::Spec;
use super::shape::{LONGEST, Shape};
use crate::dispatch::{Builder, MOST_ROUNDS, index, limits};
use crate::error::{Error, Result};
use crate::kernel::uniform;
use crate::request::{Losses, Slot};

/// The words of a pair of states, and of a sequence's record.
const PAIR_WORDS: u64 = 4;
const RECORD_WORDS: u64 = 5;

uniform! {
    /// The window of CTC's kernels.
    struct StepsWindow {
        steps: u32,
        first: u32,
        last: u32,
        batch: u32,
        classes: u32,
        places: u32,
        longest: u32,
        width: u32,
        source: u32,
        destination: u32,
        rest: u32,
        alphas: u32,
        betas: u32,
        records: u32,
        links: u32,
        losses: u32,
        divisor: f32,
        scale: f32,
        weight: f32,
        shift: u32,
        gradient_shift: u32,
    }
}

/// Where things lie in the scratch.
#[derive(Clone, Copy, Debug, Default)]
struct Places {
    records: u64,
    links: u64,
    losses: u64,
    /// Alpha between windows, one place or with gradients one for each window.
    carried: u64,
    rest: u64,
    alphas: u64,
    betas: u64,
}

pub(super) fn build(builder: &mut Builder<'_>) -> Result<()> {
    let resolved = builder.resolved;
    let shape = Shape::of(resolved);
    let losses = resolved.losses();
    let parameters = builder.parameters();
    let most_threads = 1 << limits::invocations(builder.limits).min(256).ilog2();
    let labels_per_lane = builder.tuning.labels_per_lane.max(1) as usize;
    let spec = Spec { parameters, resolved, shape, losses, most_threads, labels_per_lane };
    let gradient = !resolved.gradients.is_empty() && shape.steps > 0;
    let mut places = Places::default();
    if losses == Losses::Scratch {
        places.losses = builder.reserve(shape.batch as u64)?;
    }
    if shape.batch > 0 && (gradient || losses != Losses::Nowhere) {
        check_rounds(&spec)?;
        let planned = Planned::new(builder, &spec, gradient, places)?;
        planned.push(builder)?;
    }
    if losses == Losses::Scratch {
        let keep = builder.losses_destination();
        builder.push_losses(places.losses, shape.batch as u64, keep)?;
    }
    Ok(())
}

/// Refuses sizes whose loops would be too long, or whose numbers float32 would not hold.
fn check_rounds(spec: &Spec<'_>) -> Result<()> {
    let Shape { classes, batch, places, padded, longest, steps } = spec.shape;
    let check = |name: &str, got: usize, unit: &'static str, limit: u64, why: &'static str| {
        let (argument, got) = (name.to_string(), got as u64);
        if got <= limit {
            Ok(())
        } else {
            Err(Error::Limit { argument, got, unit, limit, name: why })
        }
    };
    let rounds = "rounds of a loop";
    let most = (MOST_ROUNDS - LONGEST as u64) / 2;
    check("targets", longest, "labels in a target", LONGEST as u64, rounds)?;
    check("log_probs", classes, "classes", most * spec.gradient_threads() as u64, rounds)?;
    let exact = "integers of float32";
    check("log_probs", steps, "time steps", 1 << 24, exact)?;
    if padded {
        return Ok(());
    }
    check("log_probs", batch, "sequences of concatenated targets", most, rounds)?;
    check("targets", places, "labels in all", 1 << 24, exact)
}

/// Everything but the sum over the sequences.
struct Planned<'a, 'b> {
    spec: &'b Spec<'a>,
    gradient: bool,
    places: Places,
    /// The steps of a window.
    window: u64,
}

impl<'a, 'b> Planned<'a, 'b> {
    fn new(
        builder: &mut Builder<'_>,
        spec: &'b Spec<'a>,
        gradient: bool,
        mut places: Places,
    ) -> Result<Self> {
        let shape = spec.shape;
        let (batch, labels) = (shape.batch as u64, shape.places as u64);
        places.records = builder.reserve(batch * RECORD_WORDS)?;
        if gradient {
            places.links = builder.reserve(labels)?;
            if let (Slot::Staging(input), _) = spec.gradient_place() {
                builder.stage(input, builder.resolved.gradient_elements(input));
            }
        }
        let step_words = PAIR_WORDS * (batch + labels);
        let window = window(builder, spec, step_words, gradient);
        let windows = (shape.steps as u64).div_ceil(window).max(1);
        if windows > 1 {
            let kept = if gradient { windows } else { 1 };
            places.carried = builder.reserve(kept * step_words)?;
            places.rest = builder.reserve(step_words)?;
        }
        if gradient {
            places.alphas = builder.reserve(window * step_words)?;
            places.betas = builder.reserve(window * step_words)?;
        }
        Ok(Self { spec, gradient, places, window })
    }

    fn push(&self, builder: &mut Builder<'_>) -> Result<()> {
        let Shape { steps, batch, places, .. } = self.spec.shape;
        let (steps, batch) = (steps as u64, batch as u64);
        if places > 0 {
            let groups = (places as u64).div_ceil(64);
            let window = self.window(builder, 0, groups)?;
            builder.push(self.spec.targets(self.gradient), &window, &[], groups)?;
        }
        let windows = steps.div_ceil(self.window).max(1);
        if !self.gradient || windows > 1 {
            for number in 0..windows {
                self.push_window(builder, number, batch, self.spec.recursion(false))?;
            }
        }
        if self.gradient {
            for number in (0..windows).rev() {
                self.push_window(builder, number, 2 * batch, self.spec.recursion(true))?;
                let rows = batch * self.steps_of(number);
                let groups = rows.div_ceil(self.spec.gradient_rows() as u64);
                self.push_window(builder, number, groups, self.spec.gradient())?;
            }
            if let (Slot::Staging(input), _) = self.spec.gradient_place() {
                builder.push_rounding(input)?;
            }
        }
        Ok(())
    }

    fn steps_of(&self, number: u64) -> u64 {
        (self.spec.shape.steps as u64 - number * self.window).min(self.window)
    }

    /// A dispatch over a window of steps, which sees no more of the tensors over time.
    fn push_window(
        &self,
        builder: &mut Builder<'_>,
        number: u64,
        groups: u64,
        kernel: crate::kernel::Kernel,
    ) -> Result<()> {
        let Shape { batch, classes, .. } = self.spec.shape;
        let numbers = (batch * classes) as u64;
        let (first, steps) = (number * self.window, self.steps_of(number));
        let alignment: u64 = builder.limits.min_storage_buffer_offset_alignment.into();
        let region = |slot: Slot, size: u64| {
            let start = first * numbers * size;
            let offset = start / alignment * alignment;
            let end = start + steps * numbers * size;
            ((slot, offset, (end - offset).next_multiple_of(4)), (start - offset) / size)
        };
        let size = element_size(self.spec);
        let (slot, dtype) = self.spec.gradient_place();
        let (log_probs, shift) = region(Slot::Input(0), size);
        let (gradient, gradient_shift) = region(slot, dtype.size() as u64);
        let regions = [log_probs, gradient];
        let window = StepsWindow {
            shift: index(shift)?,
            gradient_shift: index(gradient_shift)?,
            ..self.window(builder, number, groups)?
        };
        builder.push(kernel, &window, &regions, groups)
    }

    /// The window of what reads no tensor over time.
    fn window(&self, builder: &Builder<'_>, number: u64, groups: u64) -> Result<StepsWindow> {
        let shape = self.spec.shape;
        let step_words = PAIR_WORDS * (shape.batch + shape.places) as u64;
        // Alpha before a window: in a place of its own where it is needed again for the gradient.
        let before =
            |number: u64| self.places.carried + if self.gradient { number * step_words } else { 0 };
        let first = number * self.window;
        Ok(StepsWindow {
            steps: index(shape.steps as u64)?,
            first: index(first)?,
            last: index(first + self.steps_of(number))?,
            batch: index(shape.batch as u64)?,
            classes: index(shape.classes as u64)?,
            places: index(shape.places as u64)?,
            longest: index(shape.longest as u64)?,
            width: builder.width(groups)?.max(1),
            source: index(before(number))?,
            destination: index(before(number + 1))?,
            rest: index(self.places.rest)?,
            alphas: index(self.places.alphas)?,
            betas: index(self.places.betas)?,
            records: index(self.places.records)?,
            links: index(self.places.links)?,
            losses: index(self.places.losses)?,
            divisor: builder.divisor(),
            scale: builder.resolved.scale(),
            weight: builder.resolved.loss_weight,
            shift: 0,
            gradient_shift: 0,
        })
    }
}

fn element_size(spec: &Spec<'_>) -> u64 {
    spec.resolved.inputs[0].as_ref().map_or(4, |kind| kind.dtype.size() as u64)
}

fn gradient_size(spec: &Spec<'_>) -> u64 {
    spec.gradient_place().1.size() as u64
}

/// The steps of a window: all, or as many as fit into what can be bound at once. Where not even one
/// fits, the builder says what is too large.
fn window(builder: &Builder<'_>, spec: &Spec<'_>, step_words: u64, gradient: bool) -> u64 {
    let Shape { steps, batch, classes, .. } = spec.shape;
    let (steps, numbers) = (steps as u64, (batch * classes).max(1) as u64);
    let limits = builder.limits;
    let binding = limits.max_storage_buffer_binding_size;
    let rounds = MOST_ROUNDS / 2 / (spec.pairs() as u64 + 1);
    let size = element_size(spec);
    let widest = if gradient { size.max(gradient_size(spec)) } else { size } * numbers;
    let alignment: u64 = limits.min_storage_buffer_offset_alignment.into();
    let most = rounds.min(binding.saturating_sub(alignment) / widest).max(1);
    let least = steps.div_ceil(most).max(1);
    if !gradient {
        return steps.div_ceil(least).max(1);
    }
    let scratch = binding.min(limits.max_buffer_size) / 4;
    let fits = |&window: &u64| {
        let carried = if window < steps { steps.div_ceil(window) + 1 } else { 0 };
        builder.scratch_words() + (2 * window + carried) * step_words <= scratch
    };
    (least..=steps).map(|windows| steps.div_ceil(windows)).find(fits).unwrap_or(1)
}
