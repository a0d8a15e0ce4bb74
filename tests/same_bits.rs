//! What else is asked for changes no bit of an output: a compiler that fuses or reorders what a pass
//! computes must do it alike in each.

use crate::common::catalogue::{Inputs, all_inputs, examples};
use crate::common::{self, Random, differentiable};
use std::collections::HashMap;
use wgloss::{
    Activation, Batch, CrossEntropy, DType, Dice, Evaluator, GeneralizedDice, KlDiv, Loss,
    PoissonNll, Reduction, Request, TripletMargin, losses,
};

/// The catalogue, options that choose another formula, and the custom losses of the examples.
fn all_losses() -> Vec<Box<dyn Loss>> {
    let mut all = losses::catalogue();
    all.push(Box::new(KlDiv { log_target: true }));
    all.push(Box::new(PoissonNll { log_input: false, full: true, ..PoissonNll::default() }));
    all.push(Box::new(CrossEntropy { z_loss: 0.1, softcap: 5.0, ..CrossEntropy::default() }));
    all.push(Box::new(TripletMargin { p: 3.0, swap: true, ..TripletMargin::default() }));
    let softmax = Activation::Softmax;
    all.push(Box::new(Dice { activation: softmax, squared: true, ..Dice::default() }));
    let sigmoid = Activation::Sigmoid;
    all.push(Box::new(GeneralizedDice { activation: sigmoid, ..GeneralizedDice::default() }));
    all.extend(examples());
    all
}

/// Each way to ask for some of the outputs.
fn requests<'a>(names: &'a [&'a str]) -> Vec<(bool, &'a [&'a str])> {
    let alone = names.chunks(1).flat_map(|name| [(false, name), (true, name)]);
    [(true, &[][..]), (true, names), (false, names)].into_iter().chain(alone).collect()
}

/// The outputs that differ from those that were met before under the same name.
fn differences(
    backend: &Evaluator,
    loss: &dyn Loss,
    inputs: &Inputs,
    reduction: Reduction,
    met: &mut HashMap<String, Vec<u32>>,
) -> Vec<String> {
    let names = differentiable(loss, inputs);
    let mut found = Vec::new();
    for (value, gradients) in requests(&names) {
        let request = Request { reduction, value, gradients, ..Request::default() };
        let batch = Batch { inputs, request, ..Batch::default() };
        let answer = backend.evaluate_blocking(loss, &batch).expect("a valid batch");
        let value = answer.value.iter().map(|value| ("value", value));
        let gradients = answer.gradients.iter().map(|(name, gradient)| (&**name, gradient));
        for (name, tensor) in value.chain(gradients) {
            let bits: Vec<u32> = tensor.to_f32().iter().map(|x| x.to_bits()).collect();
            let first = met.entry(name.into()).or_insert_with(|| bits.clone());
            let differ = first.iter().zip(&bits).filter(|(a, b)| a != b).count();
            if differ > 0 {
                let (of, all) = (loss.definition().name, bits.len());
                let Request { value, gradients, .. } = batch.request;
                let asked = format!("value {value}, gradients {gradients:?}");
                found.push(format!("{of} {name}: {differ} of {all} with {asked}"));
            }
        }
    }
    found
}

#[test]
fn outputs_have_the_same_bits_whatever_else_is_asked_for() {
    let (many, few) = (Evaluator::Gpu(common::gpu()), common::limited(128 << 20, 65_535, 4));
    let mut random = Random(67);
    let mut found = Vec::new();
    for (i, loss) in all_losses().iter().enumerate() {
        let loss = loss.as_ref();
        // Whole blocks or parts of one, by turns.
        let all = all_inputs(loss, DType::F32, &mut random);
        let inputs = &all[(1 + i % 2).min(all.len() - 1)];
        let reductions = loss.definition().reductions;
        let reduction = reductions[i / 2 % reductions.len()];
        let mut met = HashMap::new();
        found.extend(differences(&many, loss, inputs, reduction, &mut met));
        // A pass for each gradient, and small inputs out of the scratch memory.
        let few = differences(&few, loss, inputs, reduction, &mut met);
        found.extend(few.into_iter().map(|line| format!("few buffers: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
