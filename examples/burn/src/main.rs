//! wgloss inside Burn: cross entropy and its gradient on Burn's tensors, device and queue, without a
//! copy. Both are compared with those of Burn's own loss, and so is a training with either.

mod loss;

use burn::nn::LinearConfig;
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor, activation::relu};
use loss::CrossEntropy;
use std::error::Error;
use wgloss::Gpu;

fn main() -> Result<(), Box<dyn Error>> {
    // Burn makes its device, and wgloss works on the same one.
    let (device, setup) = Device::wgpu_options().init_with_setup()?;
    let gpu = Gpu::from_device(setup.device, setup.queue);
    println!("on {}", gpu.adapter_info().name);
    let device = device.autodiff();
    let burn = CrossEntropyLossConfig::new().init(&device);
    compare(&gpu, &device, &burn)?;

    let planned = CrossEntropy::new(&gpu, [96, 2])?;
    let ours = train(&device, |logits, labels| planned.forward(logits, labels))?;
    let theirs = train(&device, |logits, labels| burn.forward(logits, labels))?;
    let [first, .., last] = ours[..] else { return Err("no training".into()) };
    println!("training with wgloss took the loss from {first} to {last}");
    check("losses in training", &ours, &theirs)?;
    if last < first / 4.0 { Ok(()) } else { Err("the training did not learn".into()) }
}

/// One loss and its gradient.
fn compare(gpu: &Gpu, device: &Device, burn: &CrossEntropyLoss) -> Result<(), Box<dyn Error>> {
    device.seed(0);
    let normal = Distribution::Normal(0.0, 3.0);
    let logits = Tensor::<2>::random([64, 1000], normal, device).require_grad();
    let labels = Tensor::<1, Int>::random([64], Distribution::Uniform(0.0, 1000.0), device);
    let ours = CrossEntropy::new(gpu, logits.dims())?.forward(logits.clone(), labels.clone());
    let theirs = burn.forward(logits.clone(), labels);
    check("loss", &ours.try_to_vec_as()?, &theirs.try_to_vec_as()?)?;
    // The factor shows that the gradient that comes from above is passed on.
    let gradient = |loss: Tensor<1>| logits.grad(&(loss * 64.0).backward()).ok_or("no gradient");
    check("gradient", &gradient(ours)?.try_to_vec_as()?, &gradient(theirs)?.try_to_vec_as()?)
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
    let mut largest = 0.0_f32;
    for (i, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let difference = (our - their).abs();
        // Not the other way round: a NaN is no agreement.
        let agree = difference <= 1e-5 * their.abs() + 1e-6;
        if !agree {
            return Err(format!("{what} {i}: wgloss has {our}, Burn {their}").into());
        }
        largest = largest.max(difference);
    }
    println!("{what}: {} numbers, Burn's differ by {largest:e} at most", ours.len());
    Ok(())
}
