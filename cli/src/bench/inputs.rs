//! Inputs as files, for other programs to run the same workloads.

use crate::error::{Error, Result};
use npyz::{AutoSerialize, WriterBuilder};
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use wgloss::{DType, Tensor};
use wgloss_bench::{Data, Workload};

/// Writes the inputs of workloads, each to a folder of its own.
pub(super) fn write(folder: &Path, workloads: &[Workload]) -> Result<()> {
    for workload in workloads {
        let folder = folder.join(workload.name);
        let problem = |error| Error::file("--write-inputs", &folder.to_string_lossy(), error);
        fs::create_dir_all(&folder).map_err(problem)?;
        let data = Data::new(workload, DType::F32);
        for (name, tensor) in data.tensors()? {
            array(&folder.join(format!("{name}.npy")), &tensor).map_err(problem)?;
        }
        let inputs: Vec<_> = workload.inputs.iter().map(|input| input.name).collect();
        let asked = json!({
            "workload": workload.name,
            "loss": workload.loss.definition().name,
            "inputs": inputs,
            "gradients": workload.gradients,
            "reduction": workload.reduction.name(),
        });
        fs::write(folder.join("workload.json"), format!("{asked}\n")).map_err(problem)?;
    }
    Ok(())
}

fn array(path: &Path, tensor: &Tensor<'_>) -> io::Result<()> {
    match tensor.dtype() {
        DType::I64 => {
            let integers = tensor.to_integers();
            numbers(path, tensor, integers.into_iter().map(|x| i64::try_from(x).unwrap_or(0)))
        }
        _ => numbers(path, tensor, tensor.to_f32().iter().copied()),
    }
}

fn numbers<T: AutoSerialize>(
    path: &Path,
    tensor: &Tensor<'_>,
    numbers: impl Iterator<Item = T>,
) -> io::Result<()> {
    let shape: Vec<u64> = tensor.shape().iter().map(|&size| size as u64).collect();
    let mut buffered = BufWriter::new(File::create(path)?);
    let options = npyz::WriteOptions::<T>::new().default_dtype().shape(&shape);
    let mut writer = options.writer(&mut buffered).begin_nd()?;
    writer.extend(numbers)?;
    writer.finish()?;
    buffered.flush()
}
