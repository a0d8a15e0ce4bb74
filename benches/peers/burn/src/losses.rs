//! Burn's losses under wgloss's names.

use crate::inputs::Inputs;
use burn::nn::loss::{
    CTCLossConfig, CosineEmbeddingLossConfig, CrossEntropyLossConfig, KLDivLossConfig, MseLoss,
    Reduction, SmoothL1LossConfig, TripletMarginLossConfig,
};
use burn::tensor::Tensor;
use std::error::Error;

/// A loss of inputs that lie on the device.
pub(crate) struct Loss {
    run: Box<dyn Fn() -> Tensor<1>>,
    gradients: bool,
}

impl Loss {
    /// The loss that a workload asks for.
    pub(crate) fn new(inputs: &Inputs) -> Result<Self, Box<dyn Error>> {
        let run: Box<dyn Fn() -> Tensor<1>> = match inputs.loss() {
            "mse_loss" => {
                let [input, target] = pair::<1>(inputs, ["input", "target"])?;
                let loss = MseLoss::new();
                Box::new(move || loss.forward(input.clone(), target.clone(), Reduction::Mean))
            }
            "smooth_l1_loss" => {
                let [input, target] = pair::<1>(inputs, ["input", "target"])?;
                let loss = SmoothL1LossConfig::new().init();
                Box::new(move || {
                    let (input, target) = (input.clone(), target.clone());
                    loss.forward_with_reduction(input, target, Reduction::Mean)
                })
            }
            "kl_div" => {
                let [input, target] = pair::<2>(inputs, ["input", "target"])?;
                let loss = KLDivLossConfig::new().init();
                Box::new(move || loss.forward(input.clone(), target.clone(), Reduction::BatchMean))
            }
            "cross_entropy" => {
                let (input, target) = (inputs.floats::<2>("input")?, inputs.integers("target")?);
                let loss = CrossEntropyLossConfig::new().init(&input.device());
                Box::new(move || loss.forward(input.clone(), target.clone()))
            }
            "linear_cross_entropy" => {
                let [input, weight] = pair::<2>(inputs, ["input", "linear_weight"])?;
                let target = inputs.integers("target")?;
                let loss = CrossEntropyLossConfig::new().init(&input.device());
                Box::new(move || {
                    let logits = input.clone().matmul(weight.clone().transpose());
                    loss.forward(logits, target.clone())
                })
            }
            "triplet_margin_loss" => {
                let [anchor, positive] = pair::<2>(inputs, ["anchor", "positive"])?;
                let negative = inputs.floats("negative")?;
                let loss = TripletMarginLossConfig::new().init();
                Box::new(move || {
                    let (anchor, positive) = (anchor.clone(), positive.clone());
                    loss.forward(anchor, positive, negative.clone(), Reduction::Mean)
                })
            }
            "cosine_embedding_loss" => {
                let [input1, input2] = pair::<2>(inputs, ["input1", "input2"])?;
                let target = inputs.floats::<1>("target")?.int();
                let loss = CosineEmbeddingLossConfig::new().init();
                Box::new(move || loss.forward(input1.clone(), input2.clone(), target.clone()))
            }
            "ctc_loss" => {
                let log_probs = inputs.floats("log_probs")?;
                let targets = inputs.integers("targets")?;
                let [steps, labels] =
                    ["input_lengths", "target_lengths"].map(|name| inputs.integers(name));
                let (steps, labels) = (steps?, labels?);
                let loss = CTCLossConfig::new().init();
                Box::new(move || {
                    let (steps, labels) = (steps.clone(), labels.clone());
                    let (log_probs, targets) = (log_probs.clone(), targets.clone());
                    loss.forward_with_reduction(log_probs, targets, steps, labels, Reduction::Mean)
                })
            }
            // Its binary cross entropy takes targets of 0 and 1 alone.
            name => return Err(format!("Burn has no {name} of such inputs").into()),
        };
        Ok(Self { run, gradients: inputs.has_gradients() })
    }

    pub(crate) fn run(&self) -> Tensor<1> {
        (self.run)()
    }

    pub(crate) fn has_gradients(&self) -> bool {
        self.gradients
    }
}

fn pair<const D: usize>(
    inputs: &Inputs,
    names: [&str; 2],
) -> Result<[Tensor<D>; 2], Box<dyn Error>> {
    Ok([inputs.floats(names[0])?, inputs.floats(names[1])?])
}
