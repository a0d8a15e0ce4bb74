//! The pointwise family on the CPU.

use super::block::{Block, Runs};
use super::shape::{Access, Axis, Broadcast};
use super::sums::Sums;
use crate::cpu::{Outputs, divisor};
use crate::numbers::{Numbers, Spare};
use crate::order::{BLOCK_SIZE, tree_sum};
use crate::reduction::{Divisor, Reduction};
use crate::request::{Resolved, Slot, Upstream};
use crate::tensor::Tensor;
use crate::totals::Totals;
use rayon::prelude::*;
use std::borrow::Cow;

/// An input, read as the output's elements are.
struct Operand<'a> {
    values: Cow<'a, [f32]>,
    access: Access,
    place: usize,
}

impl Operand<'_> {
    /// The operand at the output's elements from `first` on; `spread` is used where they are apart.
    fn block<'b>(
        &'b self,
        axes: &[Axis],
        first: usize,
        spread: &'b mut Vec<f32>,
        count: usize,
    ) -> &'b [f32] {
        spread.clear();
        match self.access {
            Access::Dense => return &self.values[first..first + count],
            Access::Single => spread.resize(count, self.values[0]),
            Access::Strided => spread.extend((first..first + count).map(|i| {
                let (mut rest, mut offset) = (i as u64, 0);
                for axis in axes {
                    offset += rest % axis.size * axis.strides[self.place];
                    rest /= axis.size;
                }
                self.values[usize::try_from(offset).unwrap_or(usize::MAX)]
            })),
        }
        spread
    }
}

pub(super) fn evaluate(
    formula: &dyn Runs,
    resolved: &Resolved,
    tensors: &[Option<&Tensor<'_>>],
    upstream: Option<&[f32]>,
    spare: &mut Spare,
) -> Outputs {
    let Broadcast { axes, access } = &Broadcast::of(resolved);
    let operand = |i: usize| {
        let (tensor, access) = (tensors[i]?, access[i]?);
        Some(Operand { values: tensor.to_f32(), access, place: i })
    };
    let roles = resolved.definition.inputs.iter().map(|input| input.role);
    let is_weight: Vec<bool> = roles.map(|role| role.is_weight()).collect();
    let arguments: Vec<usize> = (0..tensors.len()).filter(|&i| !is_weight[i]).collect();
    let weight_place = is_weight.iter().position(|&is| is);
    let weight = weight_place.and_then(operand);
    let weights = || weight.as_ref().map_or(Vec::new(), |weight| block_sums(&weight.values));
    let divisor = divisor(resolved, || tree_sum(weights()));
    let weights = if resolved.totals { weights() } else { Vec::new() };
    let by_term = resolved.upstream == Upstream::Terms;
    let scale = upstream.filter(|_| !by_term).map_or(1.0, |upstream| upstream[0]) / divisor;
    let pass = Pass {
        formula,
        axes,
        operands: arguments.iter().map(|&i| operand(i)).collect(),
        weight,
        upstream: upstream.filter(|_| by_term).unwrap_or(&[]),
        scale,
        count: usize::try_from(resolved.layout.terms).unwrap_or(usize::MAX),
    };
    let wanted: Vec<(usize, usize)> = resolved
        .gradients
        .iter()
        .filter_map(|&i| Some((i, arguments.iter().position(|&a| a == i)?)))
        .collect();
    let weight_gradient = resolved.gradients.iter().any(|&i| is_weight[i]);
    let none = resolved.reduction == Reduction::None;
    let mut results = pass.run(none && resolved.value, !none, &wanted, weight_gradient, spare);
    let total = tree_sum(results.sums.clone());
    let mean = resolved.given.map_or(total / divisor, |[_, _, mean, _]| mean);
    let mut tensors = Vec::new();
    for slot in resolved.outputs() {
        tensors.push(match slot {
            Slot::Gradient(i) if is_weight[i] => {
                let weighted = resolved.layout.divisor == Divisor::Weights;
                let mean = if weighted { mean } else { 0.0 };
                pass.gathered(resolved, i, &results.unweighted, scale * mean).into()
            }
            Slot::Gradient(i) => {
                let at = wanted.iter().position(|w| w.0 == i).unwrap_or_default();
                if access[i] == Some(Access::Dense) {
                    std::mem::take(&mut results.gradients[at])
                } else {
                    pass.gathered(resolved, i, &results.gradients[at], 0.0).into()
                }
            }
            _ if none => std::mem::take(&mut results.losses),
            _ => vec![total / divisor].into(),
        });
    }
    let totals = || Totals::new(resolved, results.sums, weights, resolved.layout.terms);
    let totals = resolved.totals.then(totals);
    Outputs { tensors, totals }
}

/// The sums of the blocks of a tensor.
fn block_sums(values: &[f32]) -> Vec<f32> {
    values.par_chunks(BLOCK_SIZE).map(|block| Sums::of(block).total()).collect()
}

struct Pass<'a> {
    formula: &'a dyn Runs,
    axes: &'a [Axis],
    /// The arguments, absent ones included.
    operands: Vec<Option<Operand<'a>>>,
    weight: Option<Operand<'a>>,
    upstream: &'a [f32],
    scale: f32,
    count: usize,
}

/// What a pass came to; what was not wanted is empty.
#[derive(Default)]
struct Results {
    losses: Numbers,
    sums: Vec<f32>,
    gradients: Vec<Numbers>,
    /// The losses without their weight, times the scale: the gradient of the weight.
    unweighted: Numbers,
}

impl Pass<'_> {
    fn run(
        &self,
        losses: bool,
        sums: bool,
        wanted: &[(usize, usize)],
        unweighted: bool,
        spare: &mut Spare,
    ) -> Results {
        let size = |wanted: bool| if wanted { self.count } else { 0 };
        let blocks = self.count.div_ceil(BLOCK_SIZE);
        let mut results = Results {
            losses: spare.numbers(size(losses)),
            sums: vec![0.0; if sums { blocks } else { 0 }],
            gradients: wanted.iter().map(|_| spare.numbers(self.count)).collect(),
            unweighted: spare.numbers(size(unweighted)),
        };
        {
            let mut losses = results.losses.chunks_mut(BLOCK_SIZE);
            let mut sums = results.sums.iter_mut();
            let mut unweighted = results.unweighted.chunks_mut(BLOCK_SIZE);
            let mut gradients: Vec<_> =
                results.gradients.iter_mut().map(|g| g.chunks_mut(BLOCK_SIZE)).collect();
            let tasks: Vec<_> = (0..blocks)
                .map(|block| {
                    let mut by_component = [None, None, None, None];
                    for (chunks, &(_, component)) in gradients.iter_mut().zip(wanted) {
                        by_component[component] = chunks.next();
                    }
                    (block, losses.next(), sums.next(), by_component, unweighted.next())
                })
                .collect();
            // Fewer blocks take less time than another core takes to begin.
            tasks.into_par_iter().with_min_len(4).for_each_init(
                || std::array::from_fn::<Vec<f32>, 5, _>(|_| Vec::new()),
                |spreads, (block, losses, sum, gradients, unweighted)| {
                    self.run_one(spreads, block, losses, sum, gradients, unweighted);
                },
            );
        }
        results
    }

    fn run_one(
        &self,
        spreads: &mut [Vec<f32>; 5],
        block: usize,
        losses: Option<&mut [f32]>,
        sum: Option<&mut f32>,
        gradients: [Option<&mut [f32]>; 4],
        unweighted: Option<&mut [f32]>,
    ) {
        let first = block * BLOCK_SIZE;
        let count = BLOCK_SIZE.min(self.count - first);
        let [spreads @ .., weight_spread] = spreads;
        let mut arguments = [&[][..]; 4];
        for ((argument, operand), spread) in arguments.iter_mut().zip(&self.operands).zip(spreads) {
            if let Some(operand) = operand {
                *argument = operand.block(self.axes, first, spread, count);
            }
        }
        let weight = match &self.weight {
            Some(weight) => weight.block(self.axes, first, weight_spread, count),
            None => &[],
        };
        let upstream = self.upstream.get(first..first + count).unwrap_or_default();
        let scale = self.scale;
        let mut block = Block { count, arguments, weight, upstream, scale, losses, sum, gradients };
        self.formula.run(&mut block);
        if let Some(unweighted) = unweighted {
            self.formula.run(&mut Block {
                weight: &[],
                losses: Some(unweighted),
                sum: None,
                gradients: [None, None, None, None],
                ..block
            });
            let factors = upstream.iter().copied().chain(std::iter::repeat(1.0));
            unweighted.iter_mut().zip(factors).for_each(|(term, g)| *term *= scale * g);
        }
    }

    /// Sums the terms of each element of an input over the places that it was broadcast to, less
    /// `offset` for each element.
    fn gathered(&self, resolved: &Resolved, input: usize, terms: &[f32], offset: f32) -> Vec<f32> {
        let size = resolved.gradient_elements(input);
        let mut sums = vec![0.0f64; usize::try_from(size).unwrap_or(usize::MAX)];
        for (i, &term) in terms.iter().enumerate() {
            let (mut rest, mut place) = (i as u64, 0);
            for axis in self.axes {
                place += rest % axis.size * axis.strides[input];
                rest /= axis.size;
            }
            sums[usize::try_from(place).unwrap_or(usize::MAX)] += f64::from(term);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a float32 gradient is the purpose")]
        sums.into_iter().map(|sum| (sum - f64::from(offset)) as f32).collect()
    }
}
