//! Times one of Burn's losses on wgpu, with the inputs that `wgloss bench --write-inputs` wrote to a
//! folder, and prints a JSON object.

mod inputs;
mod losses;

use burn::tensor::{Device, Tensor};
use inputs::Inputs;
use losses::Loss;
use std::error::Error;
use std::time::{Duration, Instant};

/// As `wgloss bench` has them.
const WARM_UPS: usize = 2;
const RUNS: usize = 7;
const SPAN: Duration = Duration::from_millis(300);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: wgloss-burn-bench FOLDER")?;
    let device = Device::wgpu_options().init()?;
    let inputs = Inputs::read(folder.as_ref(), &device.clone().autodiff())?;
    let loss = Loss::new(&inputs)?;
    let run = || -> Result<(f64, Tensor<1>), Box<dyn Error>> {
        let start = Instant::now();
        let value = loss.run();
        // Gradients that nobody reads are computed all the same: the device runs what was recorded.
        let gradients = loss.has_gradients().then(|| value.clone().backward());
        device.sync()?;
        let time = start.elapsed().as_secs_f64() * 1e3;
        drop(gradients);
        Ok((time, value))
    };
    for _ in 0..WARM_UPS {
        run()?;
    }
    let (mut times, mut value) = (Vec::new(), None);
    let start = Instant::now();
    while times.len() < RUNS || start.elapsed() < SPAN {
        let (time, loss) = run()?;
        times.push(time);
        value = Some(loss);
    }
    times.sort_by(f64::total_cmp);
    let value = value.ok_or("no run")?.try_to_vec_as::<f32>()?[0];
    let report = serde_json::json!({
        "median_ms": times[times.len() / 2],
        "min_ms": times[0],
        "runs": times.len(),
        "value": value,
    });
    println!("{report}");
    Ok(())
}
