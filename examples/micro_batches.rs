//! Gradient accumulation that equals the large batch, ignored rows and class weights included: the
//! totals of the micro-batches add up to the same bits, and give each the whole batch's denominator.

use wgloss::{Batch, Evaluator, Gpu, LinearCrossEntropy, Part, Request, Result, Tensor};

const ROWS: usize = 16_384;
const FEATURES: usize = 16;
const CLASSES: usize = 100;

/// A language model's last layer: hidden states, the layer's weights, and the next tokens.
struct Model {
    hidden: Vec<f32>,
    layer: Vec<f32>,
    tokens: Vec<i64>,
    weight: Vec<f32>,
}

impl Model {
    /// The inputs of some of the rows.
    fn rows(&self, rows: std::ops::Range<usize>) -> Result<Vec<(&'static str, Tensor<'_>)>> {
        let count = rows.len();
        let hidden = &self.hidden[rows.start * FEATURES..rows.end * FEATURES];
        Ok(vec![
            ("input", Tensor::from_slice(hidden, [count, FEATURES])?),
            ("linear_weight", Tensor::from_slice(&self.layer, [CLASSES, FEATURES])?),
            ("target", Tensor::from_slice(&self.tokens[rows], [count])?),
            ("weight", Tensor::from_slice(&self.weight, [CLASSES])?),
        ])
    }
}

fn main() -> Result<()> {
    let backend = Evaluator::Gpu(Gpu::new_blocking()?);
    let loss = LinearCrossEntropy::default();
    let number = |i: usize| i.wrapping_mul(2_654_435_761).to_le_bytes()[1];
    let floats = |count: usize| (0..count).map(|i| f32::from(number(i)) / 64.0 - 2.0).collect();
    let token = |i| if i % 7 == 0 { loss.ignore_index } else { i64::from(number(i) % 100) };
    let model = Model {
        hidden: floats(ROWS * FEATURES),
        layer: floats(CLASSES * FEATURES),
        tokens: (0..ROWS).map(token).collect(),
        weight: (0..CLASSES).map(|i| f32::from(number(i)) / 100.0 + 0.1).collect(),
    };
    let gradients = &["linear_weight"][..];
    let inputs = model.rows(0..ROWS)?;
    let large =
        Batch { inputs: &inputs, request: Request::with_gradients(gradients), ..Batch::default() };
    let large = backend.evaluate_blocking(&loss, &large)?;
    println!("the large batch: loss {}", large.scalar().unwrap_or(f32::NAN));

    for micro in [4096, 8192, 1000] {
        let parts = || (0..ROWS).step_by(micro).map(|first| first..(first + micro).min(ROWS));
        // First the losses: what the mean divides by is known when all rows have been seen.
        let mut totals = None;
        for rows in parts() {
            let inputs = model.rows(rows.clone())?;
            let batch = Batch {
                inputs: &inputs,
                part: Some(Part { first: rows.start as u64, of: Some(ROWS as u64) }),
                request: Request { totals: true, ..Request::default() },
                ..Batch::default()
            };
            let part = backend.evaluate_blocking(&loss, &batch)?.totals;
            match (&mut totals, part) {
                (None, part) => totals = part,
                (Some(totals), part) => part.iter().try_for_each(|part| totals.merge(part))?,
            }
        }
        // Then the gradients, which add up.
        let mut sum = vec![0f32; CLASSES * FEATURES];
        for rows in parts() {
            let inputs = model.rows(rows)?;
            let batch = Batch {
                inputs: &inputs,
                request: Request { gradients, value: false, ..Request::default() },
                ..Batch::default()
            };
            let batch = Batch { denominator: totals.as_ref(), ..batch };
            let part = backend.evaluate_blocking(&loss, &batch)?;
            sum.iter_mut().zip(&*part.gradients[0].1.to_f32()).for_each(|(sum, g)| *sum += g);
        }
        let value = totals.map_or(f32::NAN, |totals| totals.value());
        let want = large.gradients[0].1.to_f32();
        let apart = sum.iter().zip(&*want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = want.iter().fold(0f32, |largest, g| largest.max(g.abs()));
        let apart = apart / largest;
        println!("micro-batches of {micro} rows: loss {value}, gradients within {apart:.0e}");
    }
    Ok(())
}
