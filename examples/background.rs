//! A loop of 60 frames a second that goes on while losses are planned: the first frames are drawn
//! without them, and none waits for a compiler.

use std::error::Error;
use std::time::{Duration, Instant};
use wgloss::wgpu::{self, util::DeviceExt as _};
use wgloss::{Bindings, CrossEntropy, DType, Gpu, Plan, Request, TensorKind};

const FRAME: Duration = Duration::from_micros(16_667);
const ROWS: usize = 256;
const CLASSES: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::new_blocking()?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let buffer = |contents: &[u8]| {
        let descriptor = wgpu::util::BufferInitDescriptor { label: None, contents, usage };
        gpu.device().create_buffer_init(&descriptor)
    };
    let logits = buffer(bytemuck::cast_slice(&vec![0.0f32; ROWS * CLASSES]));
    let labels = buffer(bytemuck::cast_slice(&vec![3i64; ROWS]));
    let (loss, gradient) = (buffer(&[0; 4]), buffer(&vec![0; 4 * ROWS * CLASSES]));
    let whole = wgpu::Buffer::as_entire_buffer_binding;
    let bindings = Bindings {
        inputs: &[("input", whole(&logits)), ("target", whole(&labels))],
        value: Some(whole(&loss)),
        gradients: &[("input", whole(&gradient))],
        ..Bindings::default()
    };

    let kinds = [
        ("input", TensorKind::new(DType::F32, [ROWS, CLASSES])),
        ("target", TensorKind::new(DType::I64, [ROWS])),
    ];
    let request = Request::with_gradients(&["input"]);
    let mut planning = Some(Plan::prepare(&gpu, CrossEntropy::default(), &kinds, &request));
    let (mut plan, mut reading) = (None, None);
    let mut longest = Duration::ZERO;
    for frame in 0.. {
        let start = Instant::now();
        if let Some(planned) = planning.take_if(|planning| planning.is_finished()) {
            println!("planned before frame {frame}");
            plan = Some(planned.wait()?);
        }
        if let (Some(plan), None) = (&plan, &reading) {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            plan.encode(&mut encoder, &bindings)?;
            gpu.queue().submit([encoder.finish()]);
            reading = Some(plan.read(&bindings));
        }
        longest = longest.max(start.elapsed());
        if reading.as_mut().is_some_and(|reading| reading.is_finished()) {
            break;
        }
        std::thread::sleep(FRAME.saturating_sub(start.elapsed()));
    }
    let outcome = reading.expect("it has just finished").wait()?.checked()?;
    println!("the longest frame took {} ms", longest.as_secs_f64() * 1e3);
    println!("loss {}", outcome.scalar().unwrap_or(f32::NAN)); // ln 1000
    Ok(())
}
