//! Inputs: the same numbers on every machine, with the same bits in every run.

use crate::paged::Paged;
use crate::workload::{Input, Numbers, Workload};
use half::{bf16, f16};
use rayon::prelude::*;
use wgloss::{DType, Result, Tensor};

/// The inputs of a workload in host memory.
#[derive(Debug)]
pub struct Data {
    columns: Vec<(&'static str, Vec<usize>, Column)>,
}

#[derive(Debug)]
enum Column {
    F32(Paged<f32>),
    F16(Paged<f16>),
    BF16(Paged<bf16>),
    I64(Paged<i64>),
}

impl Data {
    /// Makes the inputs; floats are rounded to float16 or bfloat16 if `dtype` is that.
    pub fn new(workload: &Workload, dtype: DType) -> Self {
        let columns = workload.inputs.iter().zip(1..).map(|(input, seed)| {
            let column = match dtype {
                _ if input.kind(dtype).dtype == DType::I64 => {
                    Column::I64(integers(input, seed).into())
                }
                DType::F16 => Column::F16(rounded(&floats(input, seed), f16::from_f32).into()),
                DType::BF16 => Column::BF16(rounded(&floats(input, seed), bf16::from_f32).into()),
                _ => Column::F32(floats(input, seed).into()),
            };
            (input.name, input.shape.clone(), column)
        });
        Self { columns: columns.collect() }
    }

    /// The inputs by name.
    ///
    /// # Errors
    /// None: there are as many numbers as the shapes have.
    pub fn tensors(&self) -> Result<Vec<(&'static str, Tensor<'_>)>> {
        let columns = self.columns.iter();
        columns.map(|(name, shape, column)| Ok((*name, column.tensor(shape)?))).collect()
    }
}

impl Column {
    fn tensor(&self, shape: &[usize]) -> Result<Tensor<'_>> {
        match self {
            Self::F32(numbers) => Tensor::from_slice(numbers, shape),
            Self::F16(numbers) => Tensor::from_slice(numbers, shape),
            Self::BF16(numbers) => Tensor::from_slice(numbers, shape),
            Self::I64(numbers) => Tensor::from_slice(numbers, shape),
        }
    }
}

fn rounded<T: Send>(floats: &[f32], round: fn(f32) -> T) -> Vec<T> {
    floats.par_iter().map(|&x| round(x)).collect()
}

fn integers(input: &Input, seed: u64) -> Vec<i64> {
    each(input, |i| match input.numbers {
        Numbers::Within(first, end) => {
            first + i64::try_from(word(seed, i) % first.abs_diff(end)).unwrap_or(0)
        }
        Numbers::All(number) => number,
        _ => 0,
    })
}

fn floats(input: &Input, seed: u64) -> Vec<f32> {
    match input.numbers {
        Numbers::Weights(features) => {
            #[expect(clippy::cast_precision_loss, reason = "a factor in float32 arithmetic")]
            let factor = (features as f32).sqrt().recip();
            each(input, |i| factor * normal(word(seed, i)))
        }
        Numbers::Uniform => each(input, |i| uniform(word(seed, i))),
        Numbers::Boxes => each(input, |i| {
            let low = uniform(word(seed, i & !2));
            if i & 2 == 0 { low } else { low + uniform(word(seed, i)) }
        }),
        Numbers::Signs => each(input, |i| if word(seed, i) & 1 == 0 { 1.0 } else { -1.0 }),
        Numbers::Softmax => softmax(input, seed, f64::exp),
        Numbers::LogSoftmax => softmax(input, seed, |x| x),
        _ => each(input, |i| normal(word(seed, i))),
    }
}

fn each<T: Send>(input: &Input, number: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let count: usize = input.shape.iter().product();
    (0..count).into_par_iter().map(|i| number(i as u64)).collect()
}

/// The logarithms of probabilities over the last dimension, or what `of` makes of them.
fn softmax(input: &Input, seed: u64, of: fn(f64) -> f64) -> Vec<f32> {
    let mut numbers = each(input, |i| normal(word(seed, i)));
    let classes = input.shape.last().copied().unwrap_or(1);
    numbers.par_chunks_mut(classes).for_each(|row| {
        let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
        let logarithm = sum.ln();
        #[expect(clippy::cast_possible_truncation, reason = "rounding to float32 is the purpose")]
        row.iter_mut().for_each(|x| *x = of(f64::from(*x) - logarithm) as f32);
    });
    numbers
}

/// The sum of four numbers that are even within 16 bits, of mean 0 and variance 1. It is exact but
/// for one rounding.
fn normal(word: u64) -> f32 {
    let parts = bytemuck::cast::<u64, [u16; 4]>(word).map(f32::from);
    let sum: f32 = parts.iter().sum();
    // Each has the mean 65535 / 2 and the variance (65536^2 - 1) / 12.
    (sum - 2.0 * 65535.0) * (1.732_050_8 / 65536.0)
}

fn uniform(word: u64) -> f32 {
    let [part, ..] = bytemuck::cast::<u64, [u16; 4]>(word);
    (f32::from(part) + 0.5) / 65536.0
}

/// The random word at a place: splitmix64.
fn word(seed: u64, i: u64) -> u64 {
    let mut x = (seed << 40 | i).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(numbers: Numbers, shape: [usize; 2]) -> Vec<f64> {
        let input = Input { name: "input", shape: shape.to_vec(), numbers };
        floats(&input, 1).into_iter().map(f64::from).collect()
    }

    #[test]
    fn normals_are_normal() {
        let numbers = made(Numbers::Normal, [256, 256]);
        let mean = |power: i32| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / 65536.0;
        assert!(mean(1).abs() < 0.02 && (mean(2) - 1.0).abs() < 0.02, "{} {}", mean(1), mean(2));
        assert!(numbers.iter().any(|x| x.abs() > 3.0) && numbers.iter().all(|x| x.abs() < 4.0));
        // Neighbours, and the same place of another seed, have nothing to do with each other.
        let product: f64 = numbers.windows(2).map(|pair| pair[0] * pair[1]).sum();
        assert!(product.abs() / 65536.0 < 0.02, "{product}");
    }

    #[test]
    fn targets_are_in_range() {
        let numbers = made(Numbers::Uniform, [64, 64]);
        assert!(numbers.iter().all(|&x| 0.0 < x && x < 1.0));
        for (numbers, sum) in [(Numbers::Softmax, 1.0), (Numbers::LogSoftmax, 0.0)] {
            let rows = made(numbers, [8, 100]);
            let total: f64 = rows.iter().map(|x| if sum == 0.0 { x.exp() } else { *x }).sum();
            assert!((total - 8.0).abs() < 1e-4, "{numbers:?}: {total}");
        }
        let input = Input { name: "", shape: vec![1000], numbers: Numbers::Within(1, 64) };
        let classes = integers(&input, 1);
        assert_eq!(classes.iter().min().zip(classes.iter().max()), Some((&1, &63)));
    }
}
