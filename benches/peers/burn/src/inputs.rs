//! The inputs of a workload, from its folder.

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// A workload's folder, and where its tensors are to be.
#[derive(Debug)]
pub(crate) struct Inputs {
    folder: PathBuf,
    asked: Value,
    device: Device,
}

impl Inputs {
    pub(crate) fn read(folder: &Path, device: &Device) -> Result<Self, Box<dyn Error>> {
        let asked = serde_json::from_str(&fs::read_to_string(folder.join("workload.json"))?)?;
        Ok(Self { folder: folder.into(), asked, device: device.clone() })
    }

    /// The loss's name.
    pub(crate) fn loss(&self) -> &str {
        self.asked["loss"].as_str().unwrap_or_default()
    }

    /// Floats, tracked if their gradient is wanted.
    pub(crate) fn floats<const D: usize>(&self, name: &str) -> Result<Tensor<D>, Box<dyn Error>> {
        let (shape, numbers) = self.array::<f32>(name)?;
        let tensor = Tensor::from_data(TensorData::new(numbers, shape), &self.device);
        Ok(if self.wanted(name) { tensor.require_grad() } else { tensor })
    }

    /// Class indices or lengths.
    pub(crate) fn integers<const D: usize>(
        &self,
        name: &str,
    ) -> Result<Tensor<D, Int>, Box<dyn Error>> {
        let (shape, numbers) = self.array::<i64>(name)?;
        let numbers: Vec<i32> = numbers.into_iter().map(i32::try_from).collect::<Result<_, _>>()?;
        Ok(Tensor::from_data(TensorData::new(numbers, shape), &self.device))
    }

    pub(crate) fn has_gradients(&self) -> bool {
        self.asked["gradients"].as_array().is_some_and(|names| !names.is_empty())
    }

    fn wanted(&self, name: &str) -> bool {
        self.asked["gradients"].as_array().is_some_and(|names| names.iter().any(|n| n == name))
    }

    fn array<T: npyz::Deserialize>(
        &self,
        name: &str,
    ) -> Result<(Vec<usize>, Vec<T>), Box<dyn Error>> {
        let bytes = fs::read(self.folder.join(format!("{name}.npy")))?;
        let array = npyz::NpyFile::new(&bytes[..])?;
        let shape = array.shape().iter().map(|&size| usize::try_from(size));
        Ok((shape.collect::<Result<_, _>>()?, array.into_vec()?))
    }
}
