//! The dispatches of the transducer. Nodes are cut into windows that can be bound, and diagonals into
//! such that no invocation runs through too many rounds of a loop: cutting changes no bit.

use super::kernel::Spec;
use super::shape::Shape;
use crate::dispatch::{Builder, MOST_ROUNDS, index, limits};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, uniform};
use crate::request::{Losses, Slot};

/// The words of a node, of a diagonal's column between windows, and of a sequence's record.
const NODE_WORDS: u64 = 4;
const PAIR_WORDS: u64 = 4;
const RECORD_WORDS: u64 = 4;

/// The longest target: a lane keeps some columns of it in registers.
const LONGEST: usize = 10_000;

uniform! {
    /// The window of the transducer's kernels.
    struct LatticeWindow {
        batch: u32,
        steps: u32,
        columns: u32,
        classes: u32,
        first: u32,
        last: u32,
        diagonals: u32,
        width: u32,
        nodes: u32,
        alphas: u32,
        betas: u32,
        carried: u32,
        records: u32,
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
    nodes: u64,
    alphas: u64,
    betas: u64,
    carried: u64,
    records: u64,
    losses: u64,
}

pub(super) fn build(builder: &mut Builder<'_>) -> Result<()> {
    let resolved = builder.resolved;
    let shape = Shape::of(resolved);
    let losses = resolved.losses();
    let parameters = builder.parameters();
    let most_threads = 1 << limits::invocations(builder.limits).min(256).ilog2();
    let spec = Spec { parameters, resolved, shape, losses, most_threads };
    let gradient = !resolved.gradients.is_empty();
    let batch = shape.batch as u64;
    let mut places = Places::default();
    if losses == Losses::Scratch {
        places.losses = builder.reserve(batch)?;
    }
    if shape.nodes() > 0 && (gradient || losses != Losses::Nowhere) {
        check_sizes(&spec)?;
        Planned::new(builder, &spec, gradient, places)?.push(builder)?;
    }
    if losses == Losses::Scratch {
        let keep = builder.losses_destination();
        builder.push_losses(places.losses, batch, keep)?;
    }
    Ok(())
}

/// Refuses sizes whose loops would be too long, or whose numbers the kernels would not hold.
fn check_sizes(spec: &Spec<'_>) -> Result<()> {
    let Shape { steps, classes, .. } = spec.shape;
    let check = |name: &str, got: u64, unit: &'static str, limit: u64, why: &'static str| {
        let argument = name.to_string();
        if got <= limit {
            Ok(())
        } else {
            Err(Error::Limit { argument, got, unit, limit, name: why })
        }
    };
    let rounds = "rounds of a loop";
    check("targets", spec.shape.longest() as u64, "labels in a target", LONGEST as u64, rounds)?;
    let most = MOST_ROUNDS / 3 * 4 * spec.node_threads() as u64;
    check("logits", classes as u64, "classes", most, rounds)?;
    check("logits", steps as u64, "time steps", 1 << 24, "integers of float32")?;
    let most = (u32::MAX / 4).into();
    check("logits", spec.shape.nodes() as u64, "steps of all labels", most, "32-bit indices")
}

/// Everything but the sum over the sequences.
struct Planned<'a, 'b> {
    spec: &'b Spec<'a>,
    gradient: bool,
    places: Places,
    /// The diagonals of a window.
    window: u64,
}

impl<'a, 'b> Planned<'a, 'b> {
    fn new(
        builder: &mut Builder<'_>,
        spec: &'b Spec<'a>,
        gradient: bool,
        mut places: Places,
    ) -> Result<Self> {
        let (batch, nodes) = (spec.shape.batch as u64, spec.shape.nodes() as u64);
        places.records = builder.reserve(batch * RECORD_WORDS)?;
        places.nodes = builder.reserve(nodes * NODE_WORDS)?;
        if gradient {
            places.alphas = builder.reserve(2 * nodes)?;
            places.betas = builder.reserve(2 * nodes)?;
        }
        let diagonals = diagonals(&spec.shape);
        // Beside what is done before the first diagonal.
        let window = (MOST_ROUNDS / 2 / (spec.columns() as u64 + 1)).clamp(1, diagonals);
        if window < diagonals {
            let directions = if gradient { 2 } else { 1 };
            let columns = spec.shape.columns as u64;
            places.carried = builder.reserve(directions * batch * columns * PAIR_WORDS)?;
        }
        Ok(Self { spec, gradient, places, window })
    }

    fn push(&self, builder: &mut Builder<'_>) -> Result<()> {
        let shape = self.spec.shape;
        let batch = shape.batch as u64;
        let places = batch * shape.longest() as u64;
        if places > 0 {
            let groups = places.div_ceil(64);
            let window = self.window(builder, [0, 0], groups)?;
            builder.push(self.spec.targets(), &window, &[], groups)?;
        }
        self.push_nodes(builder, &self.spec.nodes())?;
        let (diagonals, kernel) = (diagonals(&shape), self.spec.recursion(self.gradient));
        let groups = if self.gradient { 2 * batch } else { batch };
        let mut first = 0;
        while first < diagonals {
            let last = diagonals.min(first + self.window);
            let window = self.window(builder, [first, last], groups)?;
            builder.push(kernel.clone(), &window, &[], groups)?;
            first = last;
        }
        if self.gradient { self.push_nodes(builder, &self.spec.gradient()) } else { Ok(()) }
    }

    /// A kernel over nodes, window by window, each of which sees no more of the logits and their gradient.
    fn push_nodes(&self, builder: &mut Builder<'_>, kernel: &Kernel) -> Result<()> {
        let (nodes, classes) = (self.spec.shape.nodes() as u64, self.spec.shape.classes as u64);
        let resolved = builder.resolved;
        let size = |slot: Slot| match slot {
            Slot::Input(i) => {
                resolved.inputs[i].as_ref().map_or(4, |kind| kind.dtype.size() as u64)
            }
            _ => resolved.gradient_dtype(0).size() as u64,
        };
        let slots = [Slot::Input(0), Slot::Gradient(0)];
        let slots = slots.into_iter().filter(|&slot| kernel.binding(slot).is_some());
        let slots: Vec<(Slot, u64)> = slots.map(|slot| (slot, size(slot))).collect();
        let alignment: u64 = builder.limits.min_storage_buffer_offset_alignment.into();
        let widest = slots.iter().map(|slot| slot.1).max().unwrap_or(4) * classes;
        let binding = builder.limits.max_storage_buffer_binding_size.min(1 << 31);
        let most = (binding.saturating_sub(alignment) / widest).max(1);
        let mut first = 0;
        while first < nodes {
            let last = nodes.min(first + most);
            let groups = (last - first).div_ceil(self.spec.nodes_of_a_group() as u64);
            let mut window = self.window(builder, [first, last], groups)?;
            let mut regions = Vec::new();
            for &(slot, size) in &slots {
                let start = first * classes * size;
                let offset = start / alignment * alignment;
                let end = last * classes * size;
                regions.push((slot, offset, (end - offset).next_multiple_of(4)));
                let shift = index((start - offset) / size)?;
                match slot {
                    Slot::Input(_) => window.shift = shift,
                    _ => window.gradient_shift = shift,
                }
            }
            builder.push(kernel.clone(), &window, &regions, groups)?;
            first = last;
        }
        Ok(())
    }

    fn window(
        &self,
        builder: &Builder<'_>,
        [first, last]: [u64; 2],
        groups: u64,
    ) -> Result<LatticeWindow> {
        let Shape { batch, steps, columns, classes } = self.spec.shape;
        let Places { nodes, alphas, betas, carried, records, losses } = self.places;
        Ok(LatticeWindow {
            batch: index(batch as u64)?,
            steps: index(steps as u64)?,
            columns: index(columns as u64)?,
            classes: index(classes as u64)?,
            first: index(first)?,
            last: index(last)?,
            diagonals: index(diagonals(&self.spec.shape))?,
            width: builder.width(groups)?.max(1),
            nodes: index(nodes)?,
            alphas: index(alphas)?,
            betas: index(betas)?,
            carried: index(carried)?,
            records: index(records)?,
            losses: index(losses)?,
            divisor: builder.divisor(),
            scale: builder.resolved.scale(),
            weight: builder.resolved.loss_weight,
            shift: 0,
            gradient_shift: 0,
        })
    }
}

/// The diagonals of nodes with the same t + u.
fn diagonals(shape: &Shape) -> u64 {
    (shape.steps + shape.columns - 1) as u64
}
