//! The dispatches of the clipped policy gradient.

use super::{ADVANTAGES, DEFINITION, Grpo, INPUTS, LOG_PROBS, MASK, OLD, REFERENCE, shape};
use crate::dispatch::limits::check_rounds;
use crate::dispatch::{Builder, MOST_ROUNDS, TOTAL, index, narrow};
use crate::error::Result;
use crate::kernel::storage::{Loads, Stores, floats, stores};
use crate::kernel::{Destination, Header, Kernel, NUMERIC, REDUCE, store_loss, uniform};
use crate::order::BLOCK;
use crate::reduction::{Divisor, Reduction};
use crate::request::{List, Resolved, Slot, Upstream};

uniform! {
    /// The window of `sequences.wgsl`.
    struct SequencesWindow {
        sequences: u32,
        tokens: u32,
        width: u32,
        counts: u32,
        ratios: u32,
        factors: u32,
    }
}

uniform! {
    /// The window of `count.wgsl`.
    struct CountWindow {
        sequences: u32,
        counts: u32,
    }
}

uniform! {
    /// The window of `tokens.wgsl`.
    struct TokensWindow {
        elements: u32,
        first: u32,
        destination: u32,
        width: u32,
        tokens: u32,
        counts: u32,
        ratios: u32,
        factors: u32,
        divisor: f32,
        scale: f32,
        weight: f32,
    }
}

/// What 64 lanes go through.
const MOST: u64 = 64 * MOST_ROUNDS;

/// Where in the scratch what the tokens of a sequence have in common is.
#[derive(Clone, Copy, Default)]
struct Common {
    counts: u64,
    ratios: u64,
    factors: u64,
}

pub(super) fn build(loss: &Grpo, builder: &mut Builder<'_>) -> Result<()> {
    let resolved = builder.resolved;
    let [sequences, tokens] = shape(resolved);
    let last = builder.losses_destination();
    if resolved.layout.terms == 0 {
        return if resolved.sums_losses() { builder.push_no_losses(last) } else { Ok(()) };
    }
    let counts = resolved.layout.divisor == Divisor::Weights && !resolved.denominator;
    let mut common = Common::default();
    builder.in_place = Ok(());
    if counts || loss.divides_by_tokens(resolved) || loss.is_of_sequences() {
        builder.in_place = Err("the ratios of sequences are read before");
        check_rounds(INPUTS[LOG_PROBS].name, tokens, "tokens of a sequence", MOST)?;
        common = Common {
            counts: builder.reserve(sequences)?,
            ratios: builder.reserve(sequences)?,
            factors: builder.reserve(sequences)?,
        };
        let window = SequencesWindow {
            sequences: index(sequences)?,
            tokens: index(tokens)?,
            width: builder.width(sequences)?,
            counts: index(common.counts)?,
            ratios: index(common.ratios)?,
            factors: index(common.factors)?,
        };
        builder.push(of_sequences(loss, resolved), &window, &[], sequences)?;
    }
    if counts {
        check_rounds(INPUTS[LOG_PROBS].name, sequences, "sequences", MOST)?;
        let window = CountWindow { sequences: index(sequences)?, counts: index(common.counts)? };
        builder.push(of_count(), &window, &[], 1)?;
    }
    push_tokens(loss, builder, common, last)
}

/// The pass over all tokens, cut into windows that can be bound.
fn push_tokens(
    loss: &Grpo,
    builder: &mut Builder<'_>,
    common: Common,
    last: Destination,
) -> Result<()> {
    let resolved = builder.resolved;
    let (terms, [_, tokens]) = (resolved.layout.terms, shape(resolved));
    let losses = resolved.reduction == Reduction::None && resolved.value;
    let blocks = terms.div_ceil(BLOCK);
    let sums = resolved.sums_losses();
    let sum = sums.then(|| builder.block_sums(blocks, List::Losses, TOTAL)).transpose()?;
    let direct = sum.is_some_and(|sum| sum.is_direct());
    let keep = sums.then_some(if direct { last } else { Destination::Scratch });
    if !losses && sum.is_none() && resolved.gradients.is_empty() {
        return Ok(());
    }
    let kernel = of_tokens(loss, builder, losses, keep);
    let mut slots: Vec<(Slot, u64)> = Vec::new();
    for i in [LOG_PROBS, OLD, REFERENCE, MASK] {
        slots.extend(resolved.inputs[i].as_ref().map(|k| (Slot::Input(i), k.dtype.size() as u64)));
    }
    let gradient = (Slot::Gradient(LOG_PROBS), resolved.gradient_dtype(LOG_PROBS).size() as u64);
    slots.push(gradient);
    if resolved.reduction == Reduction::None {
        slots.extend([(Slot::Value, 4), (Slot::Upstream, 4)]);
    }
    let limit = builder.limits.max_storage_buffer_binding_size.min(1 << 31);
    let most = (limit / 4 / BLOCK).max(1) * BLOCK;
    let mut first = 0;
    while first < terms {
        let block = first / BLOCK;
        let end = sum.map_or(blocks, |sum| sum.end_of_round(block).min(blocks));
        let count = most.min((end * BLOCK).min(terms) - first);
        let groups = count.div_ceil(BLOCK);
        narrow("log_probs", first + count)?;
        let window = TokensWindow {
            elements: index(count)?,
            first: index(first)?,
            destination: index(sum.map_or(0, |sum| sum.place(block)))?,
            width: builder.width(groups)?,
            tokens: index(tokens)?,
            counts: index(common.counts)?,
            ratios: index(common.ratios)?,
            factors: index(common.factors)?,
            divisor: builder.divisor(),
            scale: builder.resolved.scale(),
            weight: builder.resolved.loss_weight,
        };
        let region =
            |&(slot, size): &(Slot, u64)| (slot, first * size, (count * size).next_multiple_of(4));
        let regions: Vec<_> = slots.iter().map(region).collect();
        builder.push(kernel.clone(), &window, &regions, groups)?;
        first += count;
        if let Some(sum) = sum.filter(|_| first.div_ceil(BLOCK) == end) {
            builder.sum_round(&sum, end)?;
        }
    }
    sum.map_or(Ok(()), |sum| builder.finish_sum(&sum, last))
}

/// Declares an input, and says whether it is given.
fn declare(header: &mut Header, resolved: &Resolved, input: usize) -> bool {
    let kind = &resolved.inputs[input];
    if let Some(kind) = kind {
        floats(header, Slot::Input(input), INPUTS[input].name, kind.dtype, Loads::Singles);
    }
    kind.is_some()
}

/// `mask_of(i)`, `ratio_of(i)` and `factor_of(i)`; the log-probabilities are declared before.
fn declare_ratios(header: &mut Header, resolved: &Resolved, ratios: bool, factors: bool) {
    let mask = if declare(header, resolved, MASK) { "mask_at(i)" } else { "1.0" };
    let mut ratio = "0.0";
    if ratios && declare(header, resolved, OLD) {
        ratio = "log_probs_at(i) - old_log_probs_at(i)";
    }
    let mut factor = "1.0";
    if factors && resolved.upstream == Upstream::Terms {
        header.read(Slot::Upstream, "upstream", "array<f32>");
        factor = "upstream[i]";
    }
    for (name, number) in [("mask", mask), ("ratio", ratio), ("factor", factor)] {
        header.line(&format!("fn {name}_of(i: u32) -> f32 {{ return {number}; }}"));
    }
}

fn of_sequences(loss: &Grpo, resolved: &Resolved) -> Kernel {
    let mut header = Header::new();
    let ratios = loss.is_of_sequences();
    if ratios && resolved.inputs[OLD].is_some() {
        declare(&mut header, resolved, LOG_PROBS);
    }
    declare_ratios(&mut header, resolved, ratios, ratios && !resolved.gradients.is_empty());
    header.write(Slot::Scratch, "scratch", "array<f32>");
    let skeleton = include_str!("../../../shaders/own/grpo_loss/sequences.wgsl");
    header.join(label("sequences"), &[NUMERIC, REDUCE, skeleton])
}

fn of_count() -> Kernel {
    let mut header = Header::new();
    header.write(Slot::Scratch, "scratch", "array<f32>");
    let skeleton = include_str!("../../../shaders/own/grpo_loss/count.wgsl");
    header.join(label("count"), &[skeleton])
}

/// The pass that writes losses or adds them up, and the gradient.
fn of_tokens(
    loss: &Grpo,
    builder: &Builder<'_>,
    losses: bool,
    keep: Option<Destination>,
) -> Kernel {
    let resolved = builder.resolved;
    let mut header = Header::of_loss(&builder.parameters());
    let sequences = loss.is_of_sequences();
    declare(&mut header, resolved, LOG_PROBS);
    declare(&mut header, resolved, ADVANTAGES);
    declare_ratios(&mut header, resolved, !sequences, !resolved.gradients.is_empty());
    match keep {
        Some(keep) => keep.declare(&mut header),
        None => header.line("fn store_total(block: u32, total: f32) {}"),
    }
    header.constant("SUMS", keep.is_some());
    let mut ratio = "ratio_of(i)";
    if sequences {
        header.write(Slot::Scratch, "scratch", "array<f32>");
        ratio = "scratch[window.ratios + sequence]";
    }
    let mut divergence = "vec2<f32>()";
    if loss.beta > 0.0 && declare(&mut header, resolved, REFERENCE) {
        divergence = "divergence(log_probs_at(i), reference_log_probs_at(i), options())";
    }
    let mut factor = "1.0";
    if loss.divides_by_tokens(resolved) {
        header.write(Slot::Scratch, "scratch", "array<f32>");
        factor = "1.0 / max(f32(bitcast<u32>(scratch[window.counts + sequence])), 1.0)";
    }
    let mut body = format!(
        "    let flag = mask_of(i);
    let factor = {factor};
    let own = policy({ratio}, advantages_at(sequence), options());
    let other = {divergence};
    let loss = masked(flag, factor * (own.x + other.x));\n"
    );
    if losses {
        header.write(Slot::Value, "losses", "array<f32>");
        let store = store_loss(&mut header, "losses[i]", "loss * window.weight");
        body += &format!("    {store}\n");
    }
    let mut scale = "0.0".to_string();
    if !resolved.gradients.is_empty() {
        scale = resolved.upstream.declare(&mut header, resolved.divisor_in_scratch());
        let slot = Slot::Gradient(LOG_PROBS);
        let dtype = resolved.gradient_dtype(LOG_PROBS);
        stores(&mut header, slot, "gradient", dtype, Stores::Singles);
        let by_ratio = match (sequences, resolved.upstream) {
            (true, Upstream::Terms) => "scratch[window.factors + sequence]",
            (true, _) => "1.0",
            (false, _) => "factor_of(i)",
        };
        body += &format!(
            "    let slope = {by_ratio} * own.y + factor_of(i) * other.y;
    store_gradient(i, masked(flag, scale * factor * slope));\n"
        );
    }
    header.line(&format!("fn gradient_scale() -> f32 {{\n    return {scale};\n}}"));
    header.line(&format!(
        "fn masked(flag: f32, number: f32) -> f32 {{
    return select(select(not_a_number(), 0.0, flag == 0.0), number, flag == 1.0);
}}
fn evaluate(i: u32, sequence: u32, scale: f32) -> f32 {{\n{body}    return loss;\n}}"
    ));
    let skeleton = include_str!("../../../shaders/own/grpo_loss/tokens.wgsl");
    header.join(label("tokens"), &[NUMERIC, REDUCE, skeleton, DEFINITION.shader.text])
}

fn label(what: &str) -> String {
    format!("wgloss {} {what}", DEFINITION.name)
}
