//! Dense layers in plain wgpu: their buffers, and the dispatches of both passes.

use super::Result;
use super::buffers::storage;
use wgloss::{Gpu, wgpu};

/// Layers one after the other, with everything in buffers on the GPU.
pub(crate) struct Network {
    layers: Vec<Layer>,
    /// The last layer's output and its gradient.
    output: [wgpu::Buffer; 2],
    /// The entry points of `layer.wgsl`.
    forward: wgpu::ComputePipeline,
    backward: wgpu::ComputePipeline,
    update: wgpu::ComputePipeline,
}

struct Layer {
    buffers: wgpu::BindGroup,
    rows: u32,
    training: u32,
    inputs: u32,
    outputs: u32,
}

impl Network {
    /// Layers between these widths, for rows of which the first `training` are learnt from.
    pub(crate) fn new(gpu: &Gpu, widths: &[usize], rows: &[f32], training: usize) -> Result<Self> {
        let device = gpu.device();
        let module = device.create_shader_module(wgpu::include_wgsl!("layer.wgsl"));
        let entries: Vec<_> = (0..7).map(layout_entry).collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &entries,
        });
        let whole = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = |entry| {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry),
                layout: Some(&whole),
                module: &module,
                entry_point: Some(entry),
                compilation_options: Default::default(),
                cache: None,
            })
        };

        let zeros = |length| storage(gpu, &vec![0f32; length]);
        let count = rows.len() / widths[0];
        let mut value = [storage(gpu, rows), zeros(rows.len())];
        let (mut layers, mut random) = (Vec::new(), random());
        for (i, width) in widths.windows(2).enumerate() {
            let (inputs, outputs) = (width[0], width[1]);
            let output = [zeros(count * outputs), zeros(count * outputs)];
            let length = (inputs + 1) * outputs;
            let weights: Vec<f32> = random.by_ref().take(length).collect();
            let hidden = usize::from(i + 2 < widths.len());
            let sizes = [count, training, inputs, outputs, hidden].map(u32::try_from);
            let sizes = sizes.into_iter().collect::<std::result::Result<Vec<u32>, _>>()?;
            let own = [storage(gpu, &sizes), storage(gpu, &weights), zeros(length)];
            let buffers = own.iter().chain(&value).chain(&output);
            layers.push(Layer {
                buffers: bind_group(device, &layout, buffers),
                rows: sizes[0],
                training: sizes[1],
                inputs: sizes[2],
                outputs: sizes[3],
            });
            value = output;
        }
        let [forward, backward, update] = ["forward", "backward", "update"].map(pipeline);
        Ok(Self { layers, output: value, forward, backward, update })
    }

    /// The last layer's output, and where its gradient is to be written.
    pub(crate) fn output(&self) -> &[wgpu::Buffer; 2] {
        &self.output
    }

    /// Computes the layers' outputs.
    pub(crate) fn forward(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for layer in &self.layers {
            layer.dispatch(&mut pass, &self.forward, layer.rows * layer.outputs);
        }
    }

    /// Passes the gradient back through the layers and changes their weights.
    pub(crate) fn backward(&self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (i, layer) in self.layers.iter().enumerate().rev() {
            if i > 0 {
                layer.dispatch(&mut pass, &self.backward, layer.training * layer.inputs);
            }
            layer.dispatch(&mut pass, &self.update, (layer.inputs + 1) * layer.outputs);
        }
    }
}

impl Layer {
    fn dispatch(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        kernel: &wgpu::ComputePipeline,
        threads: u32,
    ) {
        pass.set_pipeline(kernel);
        pass.set_bind_group(0, &self.buffers, &[]);
        pass.dispatch_workgroups(threads.div_ceil(64), 1, 1);
    }
}

fn layout_entry(binding: u32) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: false },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

fn bind_group<'a>(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    buffers: impl Iterator<Item = &'a wgpu::Buffer>,
) -> wgpu::BindGroup {
    let entry = |(binding, buffer): (u32, &'a wgpu::Buffer)| wgpu::BindGroupEntry {
        binding,
        resource: buffer.as_entire_binding(),
    };
    let entries: Vec<_> = (0..).zip(buffers).map(entry).collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

/// Small numbers of both signs, the same every time.
fn random() -> impl Iterator<Item = f32> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let number = |state: u32| f32::from(state.to_be_bytes()[0]) / 1024.0 - 0.125;
    std::iter::successors(Some(1), next).map(number)
}
