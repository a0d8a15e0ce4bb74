//! wgloss inside Burn: any of its losses, and their gradients, on Burn's tensors, device and queue,
//! without a copy. Three are compared with Burn's own, and so is a training with either cross entropy.

mod loss;

use burn::nn::LinearConfig;
use burn::nn::loss::{CrossEntropyLossConfig, HuberLossConfig, TripletMarginLossConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor, activation::relu};
use loss::BurnLoss;
use std::error::Error;
use wgloss::{Gpu, Reduction};

const NORMAL: Distribution = Distribution::Normal(0.0, 3.0);

fn main() -> Result<(), Box<dyn Error>> {
    // Burn makes its device, and wgloss works on the same one.
    let (device, setup) = Device::wgpu_options().init_with_setup()?;
    let gpu = Gpu::from_device(setup.device, setup.queue);
    println!("on {}", gpu.adapter_info().name);
    let device = device.autodiff();
    device.seed(0);
    triplet_margin(&gpu, &device)?;
    huber(&gpu, &device)?;
    cross_entropy(&gpu, &device)
}

/// Three inputs, each with a gradient.
fn triplet_margin(gpu: &Gpu, device: &Device) -> Result<(), Box<dyn Error>> {
    let inputs = [(); 3].map(|()| Tensor::<2>::random([64, 100], NORMAL, device).require_grad());
    let [anchor, positive, negative] = inputs.clone();
    // Burn adds nothing to the differences.
    let loss = wgloss::TripletMargin { eps: 0.0, ..Default::default() };
    let ours = BurnLoss::new(gpu, Box::new(loss), Reduction::Sum).forward([
        ("anchor", anchor.clone().into_dispatch()),
        ("positive", positive.clone().into_dispatch()),
        ("negative", negative.clone().into_dispatch()),
    ]);
    let sum = burn::nn::loss::Reduction::Sum;
    let theirs = TripletMarginLossConfig::new().init().forward(anchor, positive, negative, sum);
    compare("triplet margin", &inputs, ours, theirs)
}

/// A loss by its name, of a transposed tensor.
fn huber(gpu: &Gpu, device: &Device) -> Result<(), Box<dyn Error>> {
    let leaf = Tensor::<3>::random([5, 6, 70], NORMAL, device).require_grad();
    let target = Tensor::<3>::random([70, 6, 5], NORMAL, device);
    // Burn goes back through a tensor's graph once, so each loss has one of its own.
    let input = || leaf.clone().swap_dims(0, 2);
    let loss = BurnLoss::new(gpu, wgloss::by_name("huber_loss")?, Reduction::Mean);
    let ours = |input: Tensor<3>, target: Tensor<3>| {
        loss.forward([("input", input.into_dispatch()), ("target", target.into_dispatch())])
    };
    let mean = burn::nn::loss::Reduction::Mean;
    let theirs = HuberLossConfig::new(1.0).init().forward(input(), target.clone(), mean);
    let value = ours(input().inner(), target.clone().inner());
    check("huber, off autodiff", &value.try_to_vec_as()?, &theirs.clone().try_to_vec_as()?)?;
    let ours = ours(input(), target);
    compare("huber", &[leaf], ours, theirs)
}

/// Class indices as targets, and a training.
fn cross_entropy(gpu: &Gpu, device: &Device) -> Result<(), Box<dyn Error>> {
    let loss = BurnLoss::new(gpu, Box::new(wgloss::CrossEntropy::default()), Reduction::Mean);
    let ours = |logits: Tensor<2>, labels: Tensor<1, Int>| {
        loss.forward([("input", logits.into_dispatch()), ("target", labels.into_dispatch())])
    };
    let loss = CrossEntropyLossConfig::new().init(device);
    let theirs = |logits, labels| loss.forward(logits, labels);

    let logits = Tensor::<2>::random([64, 1000], NORMAL, device).require_grad();
    let labels = Tensor::<1, Int>::random([64], Distribution::Uniform(0.0, 1000.0), device);
    let values = (ours(logits.clone(), labels.clone()), theirs(logits.clone(), labels));
    compare("cross entropy", &[logits], values.0, values.1)?;

    let (ours, theirs) = (train(device, ours)?, train(device, theirs)?);
    let [first, .., last] = ours[..] else { return Err("no training".into()) };
    println!("training with wgloss took the loss from {first} to {last}");
    check("losses in training", &ours, &theirs)?;
    if last < first / 4.0 { Ok(()) } else { Err("the training did not learn".into()) }
}

/// A loss, and its gradients by leaves of the graph.
fn compare<const D: usize>(
    what: &str,
    leaves: &[Tensor<D>],
    ours: Tensor<1>,
    theirs: Tensor<1>,
) -> Result<(), Box<dyn Error>> {
    check(what, &ours.clone().try_to_vec_as()?, &theirs.clone().try_to_vec_as()?)?;
    // The factor shows that the gradient that comes from above is passed on.
    let [ours, theirs] = [ours, theirs].map(|loss| (loss * 64.0).backward());
    for leaf in leaves {
        let [ours, theirs] = [&ours, &theirs].map(|all| leaf.grad(all).ok_or("no gradient"));
        check(&format!("{what}'s gradient"), &ours?.try_to_vec_as()?, &theirs?.try_to_vec_as()?)?;
    }
    Ok(())
}

/// Trains a classifier of points by their quadrants, from the same start each time: the loss at
/// every step.
fn train(
    device: &Device,
    loss: impl Fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>,
) -> Result<Vec<f32>, Box<dyn Error>> {
    device.seed(0);
    let points = Tensor::<2>::random([96, 2], Distribution::Normal(0.0, 1.0), device);
    let labels = points.clone().prod_dim(1).greater_elem(0.0).int().reshape([96]);
    let mut model = [(2, 32), (32, 2)].map(|(from, to)| LinearConfig::new(from, to).init(device));
    let mut optimizer = AdamConfig::new().init();
    let mut losses = Vec::new();
    for _ in 0..50 {
        let logits = model[1].forward(relu(model[0].forward(points.clone())));
        let value = loss(logits, labels.clone());
        losses.extend(value.try_to_vec_as::<f32>()?);
        let gradients = GradientsParams::from_grads(value.backward(), &model);
        model = optimizer.step(0.03, model, gradients);
    }
    Ok(losses)
}

fn check(what: &str, ours: &[f32], theirs: &[f32]) -> Result<(), Box<dyn Error>> {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    // Where terms cancel, what is left has their errors.
    let scale = theirs.iter().fold(0.0_f32, |most, their| most.max(their.abs()));
    let mut largest = 0.0_f32;
    for (i, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let difference = (our - their).abs();
        // Not the other way round: a NaN is no agreement.
        let agree = difference <= 1e-5 * their.abs() + 1e-6 * scale;
        if !agree {
            return Err(format!("{what} {i}: wgloss has {our}, Burn {their}").into());
        }
        largest = largest.max(difference);
    }
    println!("{what}: {} numbers, Burn's differ by {largest:e} at most", ours.len());
    Ok(())
}
