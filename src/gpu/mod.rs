//! Adapters, devices and the cache of compiled kernels.

mod checked;
mod clock;
mod exchange;
mod kernels;
mod known;
mod staging;
mod transfer;

pub use clock::Clock;
pub(crate) use clock::Stamps;
pub(crate) use exchange::{ReadBack, Upload};
pub(crate) use transfer::{Download, buffer, flush, submit, upload, write};

use crate::error::{Error, Result, listed, meant};
use crate::kernel::{Binding, Kernel, Use};
use crate::tuning::{Subgroup, Tuning};
use kernels::Once;
use std::fmt;
use std::sync::Arc;

const HINT: &str = "install a Vulkan, Metal or DirectX 12 driver (on Debian and Ubuntu \
                    `apt-get install mesa-vulkan-drivers` brings one that runs on the CPU), \
                    or use the CPU backend";

/// What subgroup operations need.
const SUBGROUPS: wgpu::Features = wgpu::Features::SUBGROUP.union(wgpu::Features::SUBGROUP_BARRIER);
/// What cooperative matrices of float16 need.
const COOPERATIVE: wgpu::Features = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SUBGROUP);
/// The features that are used where an adapter has them.
const WANTED: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY.union(SUBGROUPS);
/// Used where host and device have one memory; elsewhere kernels would read it over the bus.
const SHARED: wgpu::Features = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;

/// A device with its queue and the kernels compiled for it. All of one device share them, clones and
/// those that [`Gpu::from_device`] makes: each kernel is compiled once, and kept as long as one of
/// them or of their plans lives.
#[derive(Clone)]
pub struct Gpu {
    inner: Arc<Inner>,
    tuning: Tuning,
    /// The size of the device's subgroups, if it can use them.
    subgroup: Option<Subgroup>,
    /// The side of the matrices that its subgroups multiply, where that was asked for.
    cooperative: Option<u32>,
    /// Where the driver looks for what it has compiled before, if the caller has such a place.
    cache: Option<wgpu::PipelineCache>,
    /// The most bytes of tensors that one evaluation holds on the device, where it can be cut.
    memory: u64,
}

/// Enough for a device to be busy while the host copies.
const MEMORY: u64 = 256 << 20;

struct Inner {
    // First, since its thread works with the device.
    shared: staging::Shared,
    device: wgpu::Device,
    queue: wgpu::Queue,
    limits: wgpu::Limits,
    pipelines: Once<Kernel, Pipeline>,
    /// What living devices refuse to write to.
    #[cfg(not(target_arch = "wasm32"))]
    probe: std::sync::OnceLock<wgpu::Buffer>,
}

impl Inner {
    fn new(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let limits = device.limits();
        Self {
            shared: staging::Shared::default(),
            device,
            queue,
            limits,
            pipelines: Once::default(),
            #[cfg(not(target_arch = "wasm32"))]
            probe: Default::default(),
        }
    }
}

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) compute: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gpu").field(&self.adapter_info().name).finish()
    }
}

impl Gpu {
    /// A device of the adapter that the environment names (`WGPU_ADAPTER_NAME`,
    /// `WGPU_BACKEND`), or else of the fastest one, with all the limits that it has, and with timestamps
    /// and subgroups if it has them.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if there is none, [`Error::Refused`] if it gives no device.
    pub async fn new() -> Result<Self> {
        let name = std::env::var("WGPU_ADAPTER_NAME").ok();
        Self::with_adapter_named(name.as_deref()).await
    }

    /// As [`Gpu::new`], but of an adapter that is hardware, unless the environment names one.
    ///
    /// # Errors
    /// As [`Gpu::new`].
    pub(crate) async fn hardware() -> Result<Self> {
        let name = std::env::var("WGPU_ADAPTER_NAME").ok();
        Self::chosen(name.as_deref(), name.is_some()).await
    }

    /// As [`Gpu::new`], of the first adapter whose name contains `name`, in any case.
    ///
    /// # Errors
    /// As [`Gpu::new`].
    pub async fn with_adapter_named(name: Option<&str>) -> Result<Self> {
        Self::chosen(name, true).await
    }

    async fn chosen(name: Option<&str>, software: bool) -> Result<Self> {
        let adapters = all_adapters().await;
        let adapter = adapters.iter().filter(|adapter| usable(adapter)).find(|adapter| {
            let info = adapter.get_info();
            let own = info.name.to_lowercase();
            name.is_none_or(|name| own.contains(&name.to_lowercase()))
                && (software || info.device_type != wgpu::DeviceType::Cpu)
        });
        let Some(adapter) = adapter else {
            let names = || adapters.iter().map(|adapter| adapter.get_info().name);
            let wanted = match name {
                Some(name) => asked_for(name, names()),
                None if software => String::new(),
                None => " that is hardware".into(),
            };
            return Err(Error::NoAdapter { wanted, found: listed_or_none(names()), hint: HINT });
        };
        let wanted = match adapter.get_info().device_type {
            wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::Cpu => WANTED | SHARED,
            _ => WANTED,
        };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("wgloss"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| {
            Error::Refused { what: "a device".into(), reason: error.to_string() }
        })?;
        Ok(Self::from_device(device, queue))
    }

    /// [`Gpu::new`], waiting for it.
    ///
    /// # Errors
    /// As [`Gpu::new`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new_blocking() -> Result<Self> {
        pollster::block_on(Self::new())
    }

    /// Works on the caller's device and queue, within that device's limits. Neither its error
    /// callback nor its device-lost callback is touched. Lanes join sums by subgroup operations if it was
    /// made with the features `SUBGROUP` and `SUBGROUP_BARRIER`.
    pub fn from_device(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let info = device.adapter_info();
        let tuning = Tuning::of(info.device_type);
        let (least, most) = (info.subgroup_min_size, info.subgroup_max_size);
        let usable = device.features().contains(SUBGROUPS) && least.is_power_of_two();
        let subgroup = usable.then_some(Subgroup { least, varies: least != most });
        let inner = known::inner_of(device, queue);
        Self { inner, tuning, subgroup, cooperative: None, cache: None, memory: MEMORY }
    }

    /// The same device, whose kernels are compiled with a cache of the caller's from now on: on a
    /// driver that has none of its own, as on Android, they need not be compiled each time that a
    /// program starts. The cache is of the same device, which has the feature `PIPELINE_CACHE`; what
    /// is compiled already does not go through it.
    pub fn with_pipeline_cache(mut self, cache: wgpu::PipelineCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// The same device, on which the logits of losses behind a linear layer are products of cooperative matrices, as
    /// tensor cores multiply them, where `input` and `linear_weight` are float16: products of float16, sums of float32.
    /// Their order is the driver's, so that other devices give other last digits; everything else stays as it is.
    /// Gradients are products of float32 as before.
    ///
    /// The device is of this adapter, and was made with the features `EXPERIMENTAL_COOPERATIVE_MATRIX`, `SHADER_F16`
    /// and `SUBGROUP`; wgpu gives the first one only to a program that says in `unsafe` code that it wants
    /// [`wgpu::ExperimentalFeatures`], which this library does not.
    ///
    /// # Errors
    /// [`Error::Refused`] if a feature is missing, or if the adapter has no such matrices of 8 by 8 or 16 by 16.
    pub fn with_cooperative_matrices(mut self, adapter: &wgpu::Adapter) -> Result<Self> {
        let refused = |reason| Error::Refused { what: "cooperative matrices".into(), reason };
        let missing = COOPERATIVE.difference(self.device().features());
        if !missing.is_empty() {
            return Err(refused(format!("the device was made without {missing}")));
        }
        let all = adapter.cooperative_matrix_properties();
        let side = |own: &wgpu::CooperativeMatrixProperties| {
            let types = [own.ab_type, own.cr_type];
            let fits =
                types == [wgpu::CooperativeScalarType::F16, wgpu::CooperativeScalarType::F32];
            let square = own.m_size == own.n_size && own.n_size == own.k_size;
            let side = own.m_size;
            (fits && square && !own.saturating_accumulation && [8, 16].contains(&side))
                .then_some(side)
        };
        // The larger ones are read less often.
        self.cooperative = all.iter().filter_map(side).max();
        if self.cooperative.is_none() {
            let expected = "8 by 8 or 16 by 16 of float16 with sums of float32";
            return Err(refused(format!("the adapter has {all:?}, expected {expected}")));
        }
        Ok(self)
    }

    /// The same device, on which an evaluation of tensors in host memory takes about so many bytes at
    /// most, where its batch can be cut: larger ones go through that memory piece by piece, the next
    /// one's upload beside the kernels of the one before, with the same bits. 256 MiB by default.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// The bytes that an evaluation takes, as [`Gpu::with_memory`] says.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Whether host and kernels can use the same memory, so that nothing is copied between them.
    pub(crate) fn shares_memory(&self) -> bool {
        let kind = self.adapter_info().device_type;
        let shared = matches!(kind, wgpu::DeviceType::IntegratedGpu | wgpu::DeviceType::Cpu);
        shared && self.device().features().contains(SHARED)
    }

    /// The same device, for which plans are made with another tuning.
    pub fn with_tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// How kernels share their work: by default what suits the kind of adapter.
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// The device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// The adapter that the device is of.
    pub fn adapter_info(&self) -> wgpu::AdapterInfo {
        self.inner.device.adapter_info()
    }

    /// The size of the device's subgroups, if it can use them.
    pub(crate) fn subgroup(&self) -> Option<Subgroup> {
        self.subgroup
    }

    /// The side of the matrices that the device's subgroups multiply, where that was asked for.
    pub(crate) fn cooperative(&self) -> Option<u32> {
        self.cooperative
    }

    /// The same device, as if its subgroups had another size.
    #[cfg(test)]
    pub(crate) fn with_subgroup(mut self, subgroup: Subgroup) -> Self {
        self.subgroup = Some(subgroup);
        self
    }

    pub(crate) fn limits(&self) -> &wgpu::Limits {
        &self.inner.limits
    }

    /// What an evaluation's commands are recorded into.
    pub(crate) fn encoder(&self) -> wgpu::CommandEncoder {
        let descriptor = wgpu::CommandEncoderDescriptor { label: Some("wgloss evaluation") };
        self.device().create_command_encoder(&descriptor)
    }

    /// The compiled kernel, compiled now if this is its first use.
    pub(crate) fn pipeline(&self, kernel: &Kernel) -> Result<Arc<Pipeline>> {
        self.inner.pipelines.get(kernel, |kernel| self.compile(kernel))
    }

    fn compile(&self, kernel: Arc<Kernel>) -> Result<Pipeline> {
        let make = |device: &wgpu::Device| {
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(&kernel.label),
                source: wgpu::ShaderSource::Wgsl(kernel.text().into()),
            });
            let entries: Vec<_> = kernel.bindings.iter().zip(0..).map(layout_entry).collect();
            let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some(&kernel.label),
                entries: &entries,
            });
            let whole = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(&kernel.label),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let compute = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&kernel.label),
                layout: Some(&whole),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Every kernel writes its workgroup memory before it reads it.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: self.cache.as_ref(),
            });
            (layout, compute)
        };
        let (layout, compute) = match &self.cache {
            Some(_) => self.caught(&kernel.label, make)?,
            None => self.checked(&kernel.label, make)?,
        };
        Ok(Pipeline { kernel, compute, layout })
    }
}

fn layout_entry((bound, binding): (&Binding, u32)) -> wgpu::BindGroupLayoutEntry {
    let ty = match bound.used {
        Use::Uniform => wgpu::BufferBindingType::Uniform,
        Use::Read => wgpu::BufferBindingType::Storage { read_only: true },
        Use::Write => wgpu::BufferBindingType::Storage { read_only: false },
    };
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}

/// The adapters that can run the kernels, of the backends that `WGPU_BACKEND` allows, the fastest
/// kind first: [`Gpu::new`] takes the first one.
pub async fn adapters() -> Vec<wgpu::Adapter> {
    let mut adapters = all_adapters().await;
    adapters.retain(usable);
    adapters
}

async fn all_adapters() -> Vec<wgpu::Adapter> {
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let backends = descriptor.backends;
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = instance.enumerate_adapters(backends).await;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

fn usable(adapter: &wgpu::Adapter) -> bool {
    let compute = wgpu::DownlevelFlags::COMPUTE_SHADERS;
    let info = adapter.get_info();
    info.backend != wgpu::Backend::Noop
        && adapter.get_downlevel_capabilities().flags.contains(compute)
}

/// The name that was asked for, and what of the adapters' names is near it.
fn asked_for(name: &str, adapters: impl Iterator<Item = String>) -> String {
    let separators = |c: char| !c.is_alphanumeric();
    let words = |own: String| own.split(separators).map(String::from).collect::<Vec<_>>();
    let meant = meant(name, &adapters.flat_map(words).collect::<Vec<_>>());
    let meant = meant.map(|meant| format!(" ({meant})")).unwrap_or_default();
    format!(" whose name has {name:?}{meant}")
}

fn listed_or_none(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "none".into() } else { listed(names.iter().map(String::as_str)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_with_a_near_word_are_suggested() {
        let adapters = || ["llvmpipe (LLVM 15.0.6, 256 bits)", "AMD Radeon"].map(String::from);
        let asked = |name: &str| asked_for(name, adapters().into_iter());
        assert_eq!(asked("lvmpype"), " whose name has \"lvmpype\" (did you mean llvmpipe?)");
        assert_eq!(asked("radeom"), " whose name has \"radeom\" (did you mean Radeon?)");
        assert_eq!(asked("nvidia"), " whose name has \"nvidia\"");
    }
}
