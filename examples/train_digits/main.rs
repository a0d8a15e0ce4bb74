//! Trains a classifier of handwritten digits on the GPU:
//!
//!     cargo run --release --example train_digits       # a softmax classifier
//!     cargo run --release --example train_digits 32    # with a hidden layer of 32 units
//!
//! The layers are the program's own (`network.rs`, `layer.wgsl`). wgloss records the cross entropy and
//! its gradient between their forward and their backward pass, in the same command encoder. Nothing
//! is read back but the loss, every 50 steps.

mod buffers;
mod network;

use buffers::{read, storage};
use indicatif::ProgressBar;
use network::Network;
use std::{error::Error, fs::File};
use wgloss::{Bindings, CrossEntropy, DType, Gpu, Plan, Request, TensorKind};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PIXELS: usize = 64;
const DIGITS: usize = 10;
const STEPS: u64 = 300;

fn main() -> Result<()> {
    let mut widths = vec![PIXELS];
    for width in std::env::args().skip(1) {
        widths.push(width.parse().map_err(|error| format!("width {width:?}: {error}"))?);
    }
    widths.push(DIGITS);
    let gpu = Gpu::new_blocking()?;
    let (images, labels, training) = digits()?;
    let network = Network::new(&gpu, &widths, &images, training)?;
    let [logits, gradient] = network.output();

    // The loss of the training rows, which come first.
    let request = Request::with_gradients(&["input"]);
    let plan = Plan::new(
        &gpu,
        &CrossEntropy::default(),
        &[
            ("input", TensorKind::new(DType::F32, [training, DIGITS])),
            ("target", TensorKind::new(DType::I64, [training])),
        ],
        &request,
    )?
    .with_kept_sets(1);
    let (target, loss) = (storage(&gpu, &labels[..training]), storage(&gpu, &[0f32]));
    let bindings = Bindings {
        inputs: &[
            ("input", logits.as_entire_buffer_binding()),
            ("target", target.as_entire_buffer_binding()),
        ],
        value: Some(loss.as_entire_buffer_binding()),
        gradients: &[("input", gradient.as_entire_buffer_binding())],
        ..Bindings::default()
    };

    let progress = ProgressBar::new(STEPS);
    for step in (0..STEPS).step_by(50) {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        for _ in 0..50 {
            network.forward(&mut encoder);
            plan.encode(&mut encoder, &bindings)?;
            network.backward(&mut encoder);
        }
        gpu.queue().submit([encoder.finish()]);
        let loss = plan.read(&bindings).wait()?.scalar().unwrap_or(f32::NAN);
        progress.inc(50);
        // The loss that the last of these steps started from.
        progress.suspend(|| println!("step {:3}  loss {loss:.4}", step + 50));
    }
    progress.finish_and_clear();

    let logits = read(&gpu, logits)?;
    let rows = logits.chunks(DIGITS).zip(&labels).skip(training);
    let right = u16::try_from(rows.filter(|(row, label)| largest(row) == **label).count())?;
    let held_out = u16::try_from(labels.len() - training)?;
    let accuracy = f32::from(right) / f32::from(held_out);
    println!("accuracy {accuracy:.4} ({right} of {held_out} held-out images)");
    Ok(())
}

/// The images, pixels from 0 to 1, and their labels; the first so many are for training, and every
/// fifth, at the end, is held out.
fn digits() -> Result<(Vec<f32>, Vec<i64>, usize)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.npz");
    let mut archive = zip::ZipArchive::new(File::open(path)?)?;
    let images: Vec<u8> = npyz::NpyFile::new(archive.by_name("images.npy")?)?.into_vec()?;
    let labels: Vec<i64> = npyz::NpyFile::new(archive.by_name("labels.npy")?)?.into_vec()?;
    let (held_out, training): (Vec<_>, Vec<_>) = (0..labels.len()).partition(|i| i % 5 == 4);
    let rows = || training.iter().chain(&held_out);
    let pixels = rows().flat_map(|&i| &images[i * PIXELS..(i + 1) * PIXELS]);
    let pixels = pixels.map(|&pixel| f32::from(pixel) / 16.0).collect();
    Ok((pixels, rows().map(|&i| labels[i]).collect(), training.len()))
}

/// The class with the largest logit.
fn largest(logits: &[f32]) -> i64 {
    let classes = (0..).zip(logits);
    classes.max_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(-1, |(class, _)| class)
}
