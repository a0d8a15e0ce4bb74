//! The transducer on the CPU: what is over classes in float32, a time step on a core, and the recursion
//! over nodes with mantissas in float64, a sequence on a core.

use super::Rnnt;
use super::shape::{Sequence, Shape};
use crate::cpu::{Results, Weights, Work, dispatch, divisor, is_brief, numeric};
use crate::error::Result;
use crate::losses::scaled::{NEVER, ONE, Scaled};
use crate::request::{Resolved, Slot, Status, Upstream};
use crate::tensor::Tensor;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Numbers that are added up side by side.
const LANES: usize = 32;

/// What a node's log-softmax says: its largest logit, the logarithm of the sum of exponentials less that,
/// and the log-probabilities of the blank and of the next label. The recursion leaves the slopes of these
/// two in their places, and the probability that a path passes the node.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    peak: f32,
    log_sum: f32,
    blank: f32,
    label: f32,
    passes: f32,
}

/// The nodes of a time step, as far as the target goes: their log-softmax.
struct Gather<'a> {
    logits: &'a [f32],
    classes: usize,
    blank: usize,
    labels: &'a [usize],
    nodes: &'a mut [Node],
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.logits.chunks_exact(self.classes);
        for (u, (row, node)) in rows.zip(self.nodes).enumerate() {
            let (peak, log_sum) = log_sum(row);
            let log_prob = |class: usize| (row[class] - peak) - log_sum;
            node.peak = peak;
            node.log_sum = log_sum;
            node.blank = log_prob(self.blank);
            node.label = self.labels.get(u).map_or(f32::NEG_INFINITY, |&label| log_prob(label));
        }
    }
}

/// The largest number, and the logarithm of the sum of exponentials less that, of which the largest is
/// added at last: a probability near 1 keeps its distance from 1.
#[inline(always)]
fn log_sum(row: &[f32]) -> (f32, f32) {
    let (groups, rest) = row.as_chunks::<LANES>();
    let mut last = [f32::NEG_INFINITY; LANES];
    last[..rest.len()].copy_from_slice(rest);
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut peaks = last;
    for group in groups {
        peaks.iter_mut().zip(group).for_each(|(peak, &x)| *peak = larger(*peak, x));
    }
    let peak = peaks.into_iter().fold(f32::MIN, larger);
    let (mut sums, mut ties) = ([0.0; LANES], [0.0; LANES]);
    for group in groups.iter().chain([&last]) {
        for k in 0..LANES {
            let x = group[k];
            let e = numeric::exp_of_negative(x - peak);
            sums[k] += if x == peak { 0.0 } else { e };
            ties[k] += if x == peak { 1.0 } else { 0.0 };
        }
    }
    let (sum, ties): (f32, f32) = (sums.iter().sum(), ties.iter().sum());
    // Without a largest finite logit there are no probabilities.
    let broken = ties == 0.0 || !peak.is_finite() || sum.is_nan();
    (peak, if broken { f32::NAN } else { numeric::ln_1p(sum + (ties - 1.0)) })
}

/// The gradient of a node.
struct Slopes<'a> {
    logits: &'a [f32],
    node: Node,
    /// What each number is limited to.
    most: f32,
    scale: f32,
    places: &'a mut [f32],
}

impl WithSimd for Slopes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Node { peak, log_sum, passes, .. } = self.node;
        for (place, &x) in self.places.iter_mut().zip(self.logits) {
            let slope = passes * numeric::exp_of_negative((x - peak) - log_sum);
            *place = self.scale * limited(slope, self.most);
        }
    }
}

/// Within a limit; NaN stays.
#[inline(always)]
fn limited(slope: f32, most: f32) -> f32 {
    let low = if slope < -most { -most } else { slope };
    if low > most { most } else { low }
}

/// The recursion over the nodes of a sequence, `columns` apart from step to step. Returns the loss and,
/// where the gradient is wanted, leaves what it needs in the nodes.
fn recursion(nodes: &mut [Node], columns: usize, sequence: Sequence, wanted: bool) -> f32 {
    let Sequence { steps, labels } = sequence;
    let arcs = |node: &Node| [node.blank, node.label].map(Scaled::exponential);
    let mut stay = vec![NEVER; labels + 1];
    let mut alphas = Vec::with_capacity(if wanted { steps * (labels + 1) } else { 0 });
    for t in 0..steps {
        let mut go = NEVER;
        for (u, (stay, node)) in stay.iter_mut().zip(&nodes[t * columns..]).enumerate() {
            let start = t == 0 && u == 0;
            let alpha = if start { ONE } else { stay.plus(go).normalised() };
            let [blank, label] = arcs(node);
            (*stay, go) = (alpha.times(blank), alpha.times(label));
            if wanted {
                alphas.push(alpha);
            }
        }
    }
    let likelihood = stay[labels].normalised();
    let loss = -likelihood.logarithm();
    if wanted && loss.is_finite() {
        differentiate(nodes, columns, sequence, &alphas, likelihood);
    } else if wanted {
        let nan = f32::NAN;
        let rows = nodes.chunks_mut(columns).take(steps);
        let nodes = rows.flat_map(|row| row.iter_mut().take(labels + 1));
        nodes.for_each(|node| *node = Node { blank: nan, label: nan, passes: nan, ..*node });
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounding to float32 is the purpose")]
    let loss = loss as f32;
    loss
}

/// The recursion from the last node on, and the slopes: with the share q of the paths through a node that
/// go on with an arc of probability p, that of the arc's class is the node's probability times p - q.
fn differentiate(
    nodes: &mut [Node],
    columns: usize,
    Sequence { steps, labels }: Sequence,
    alphas: &[Scaled],
    likelihood: Scaled,
) {
    let inverse = |x: Scaled| Scaled { mantissa: 1.0 / x.mantissa, exponent: -x.exponent };
    let mut betas = vec![NEVER; labels + 1];
    betas[labels] = ONE;
    for t in (0..steps).rev() {
        for u in (0..=labels).rev() {
            let node = &mut nodes[t * columns + u];
            let [blank, label] = [node.blank, node.label].map(Scaled::exponential);
            let by_blank = betas[u].times(blank);
            let by_label = if u < labels { betas[u + 1].times(label) } else { NEVER };
            let beta = by_blank.plus(by_label).normalised();
            betas[u] = beta;
            let alpha = alphas[t * (labels + 1) + u];
            if alpha.mantissa == 0.0 || beta.mantissa == 0.0 {
                *node = Node { blank: 0.0, label: 0.0, passes: 0.0, ..*node };
                continue;
            }
            let passes = alpha.times(beta).times(inverse(likelihood)).number();
            let share = inverse(beta);
            let slope = |p: Scaled, on: Scaled| passes * (p.number() - on.times(share).number());
            #[expect(clippy::cast_possible_truncation, reason = "float32 slopes are the purpose")]
            let [blank, label, passes] =
                [slope(blank, by_blank), slope(label, by_label), passes].map(|x| x as f32);
            *node = Node { blank, label, passes, ..*node };
        }
    }
}

/// The labels of each target as classes.
fn labels(
    resolved: &Resolved,
    shape: &Shape,
    blank: usize,
    targets: &[i128],
    sequences: &[Sequence],
) -> Result<Vec<Vec<usize>>> {
    let is_label = |class: &usize| *class < shape.classes && *class != blank;
    let label = |place: usize| usize::try_from(targets[place]).ok().filter(is_label);
    let places = |n: usize| (n * shape.longest()..).take(sequences[n].labels);
    let all = (0..sequences.len()).flat_map(places);
    let bad: Vec<usize> = all.filter(|&place| label(place).is_none()).collect();
    if let Some(&place) = bad.first() {
        let status = Status { count: bad.len() as u64, row: place as u64, value: targets[place] };
        return Err(status.error(resolved));
    }
    Ok((0..sequences.len()).map(|n| places(n).filter_map(label).collect()).collect())
}

pub(super) fn evaluate(rnnt: &Rnnt, work: &Work<'_>, results: &mut Results<'_>) -> Result<()> {
    let Work { resolved, inputs, upstream, cancel } = work;
    let (shape, upstream) = (Shape::of(resolved), upstream.as_deref());
    shape.check_lengths(inputs)?;
    let integers = |i: usize| inputs[i].map_or(Vec::new(), Tensor::to_integers);
    let sequences = shape.sequences([&integers(2), &integers(3)]);
    let sequences: Vec<Sequence> = sequences.into_iter().flatten().collect();
    let blank = rnnt.blank_of(shape.classes).unwrap_or_default();
    let labels = labels(resolved, &shape, blank, &integers(1), &sequences)?;
    let Some(logits) = inputs[0] else { unreachable!("the inputs were checked") };
    let Shape { steps, columns, classes, .. } = shape;
    let brief = is_brief(logits.len());
    // The nodes of a row of the lattice that its sequence has, and where their logits are.
    let read = |row: usize| {
        let sequence = sequences[row / steps];
        let own = if row % steps < sequence.steps { sequence.labels + 1 } else { 0 };
        let start = row * columns * classes;
        (own, start..start + own * classes)
    };

    let mut nodes = vec![Node::default(); shape.nodes()];
    nodes.par_chunks_mut(columns).enumerate().try_for_each_init(
        Vec::new,
        |room, (row, nodes)| {
            cancel.check()?;
            let (own, places) = read(row);
            if own > 0 {
                let logits = logits.floats(places, room);
                let labels = &labels[row / steps];
                let nodes = &mut nodes[..own];
                dispatch(brief, Gather { logits, classes, blank, labels, nodes });
            }
            Ok(())
        },
    )?;

    let slot = resolved.gradients.first().map(|&i| Slot::Gradient(i));
    let wanted = slot.is_some();
    let items = nodes.par_chunks_mut((steps * columns).max(1)).zip(&sequences);
    let losses = items.map(|(nodes, sequence)| {
        cancel.check()?;
        Ok(recursion(nodes, columns, *sequence, wanted))
    });
    let losses: Vec<f32> = losses.collect::<Result<_>>()?;

    let divisor = divisor(resolved, || 1.0);
    if let Some(slot) = slot {
        let mut gradient = results.memory(slot, logits.len())?;
        let most = if rnnt.clamp > 0.0 { rnnt.clamp } else { f32::INFINITY };
        let rows = gradient.par_chunks_mut(columns * classes).zip(nodes.par_chunks(columns));
        rows.enumerate().try_for_each_init(Vec::new, |room, (row, (places, nodes))| {
            cancel.check()?;
            let n = row / steps;
            let upstream = match (upstream, resolved.upstream) {
                (Some(upstream), Upstream::Terms) => upstream[n],
                (Some(upstream), _) => upstream[0],
                (None, _) => 1.0,
            };
            let scale = upstream / divisor;
            let (own, inside) = read(row);
            let (places, padding) = places.split_at_mut(own * classes);
            padding.fill(0.0);
            let logits = logits.floats(inside, room);
            let logits = logits.chunks_exact(classes);
            let places = places.chunks_exact_mut(classes);
            for (u, ((places, logits), &node)) in places.zip(logits).zip(nodes).enumerate() {
                dispatch(brief, Slopes { logits, node, most, scale, places });
                places[blank] = scale * limited(node.blank, most);
                if let Some(&label) = labels[n].get(u) {
                    places[label] = scale * limited(node.label, most);
                }
            }
            Ok(())
        })?;
        results.put(slot, gradient)?;
    }
    results.put_losses(losses.into(), divisor, &Weights::default())
}
