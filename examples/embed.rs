//! Cross entropy and its gradient in a program's own wgpu device, buffers and encoder.

use wgloss::wgpu::{self, util::DeviceExt as _};
use wgloss::{Bindings, CrossEntropy, DType, Gpu, Plan, Request, TensorKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What a program that uses wgpu has anyway: a device, a queue, tensors in buffers, an encoder.
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let buffer = |contents: &[u8]| {
        let descriptor = wgpu::util::BufferInitDescriptor { label: None, contents, usage };
        device.create_buffer_init(&descriptor)
    };
    let logits = buffer(bytemuck::cast_slice(&[2.0f32, 0.5, -1.0, 0.1, 0.2, 0.3]));
    let labels = buffer(bytemuck::cast_slice(&[0i64, 2]));
    let (loss, gradient) = (buffer(&[0; 4]), buffer(&[0; 24]));
    let mut encoder = device.create_command_encoder(&Default::default());

    // What wgloss adds: a plan, made once, and its commands, recorded as often as wanted.
    let gpu = Gpu::from_device(device.clone(), queue.clone());
    let request = Request::with_gradients(&["input"]);
    let plan = Plan::new(
        &gpu,
        &CrossEntropy::default(),
        &[
            ("input", TensorKind::new(DType::F32, [2, 3])),
            ("target", TensorKind::new(DType::I64, [2])),
        ],
        &request,
    )?;
    let bindings = Bindings {
        inputs: &[
            ("input", logits.as_entire_buffer_binding()),
            ("target", labels.as_entire_buffer_binding()),
        ],
        value: Some(loss.as_entire_buffer_binding()),
        gradients: &[("input", gradient.as_entire_buffer_binding())],
        ..Bindings::default()
    };
    plan.encode(&mut encoder, &bindings)?;
    queue.submit([encoder.finish()]);

    // The results are on the GPU; reading them is only for show.
    let outcome = plan.read(&bindings).wait()?;
    println!("loss {}", outcome.scalar().unwrap_or(f32::NAN)); // 0.6216...
    Ok(())
}
