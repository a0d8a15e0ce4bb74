//! A driver that compiles kernels and tells of the result. Nothing is run: no GPU is needed.

#![expect(unsafe_code, reason = "Vulkan has no other functions")]

use crate::chips::UNCHECKED;
use crate::translate::{Abilities, Translated};
use ash::vk::{self, PipelineExecutableStatisticFormatKHR as Format};
use ash::{ext::robustness2, khr::pipeline_executable_properties};
use std::ffi::{CStr, c_char};

/// A device that is never used but to compile.
pub(crate) struct Driver {
    device: ash::Device,
    instance: ash::Instance,
    executables: pipeline_executable_properties::Device,
    // Last, as the others' functions are its library's.
    _entry: ash::Entry,
    pub(crate) name: String,
    pub(crate) abilities: Abilities,
}

/// What a driver says of a kernel.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// Numbers, by the names that the driver gives them.
    pub(crate) statistics: Vec<(String, u64)>,
    /// The instructions, as text.
    pub(crate) assembly: String,
}

type Result<T, E = vk::Result> = std::result::Result<T, E>;

impl Driver {
    /// The driver that the environment names.
    pub(crate) fn open() -> Result<Self, String> {
        // SAFETY: the library is the system's loader of drivers, which nothing here unloads.
        let entry = unsafe { ash::Entry::load() }.map_err(|error| error.to_string())?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let wanted = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: what is pointed to lives until the call returns, as in all calls of this file.
        let instance = unsafe { entry.create_instance(&wanted, None) };
        let instance = instance.map_err(|error| format!("no driver of Vulkan: {error}"))?;
        // SAFETY: the instance is alive.
        let devices = unsafe { instance.enumerate_physical_devices() };
        let found = devices.unwrap_or_default().into_iter().find_map(|physical| {
            let extensions = extensions(&instance, physical);
            let tells = extensions.iter().any(|name| name == pipeline_executable_properties::NAME);
            tells.then_some((physical, extensions))
        });
        let (physical, extensions) = found.ok_or("no driver tells what it compiles")?;
        let checks = std::env::var_os(UNCHECKED).is_none();
        let robust = checks && extensions.iter().any(|name| name == robustness2::NAME);
        let device =
            device(&instance, physical, checks, robust).map_err(|error| error.to_string())?;
        let executables = pipeline_executable_properties::Device::new(&instance, &device);
        let mut driver = vk::PhysicalDeviceDriverProperties::default();
        let mut all = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
        // SAFETY: the physical device is of this instance.
        unsafe { instance.get_physical_device_properties2(physical, &mut all) };
        let version =
            if all.properties.api_version >= vk::API_VERSION_1_3 { (1, 6) } else { (1, 5) };
        let name = text(&all.properties.device_name);
        let name = format!("{name}, {} {}", text(&driver.driver_name), text(&driver.driver_info));
        let abilities = Abilities { robust: robust || !checks, version };
        Ok(Self { device, instance, executables, _entry: entry, name, abilities })
    }

    /// Compiles a kernel as wgpu has it compiled on a device with subgroups.
    pub(crate) fn compile(&self, kernel: &Translated) -> Result<Compiled> {
        let shader = vk::ShaderModuleCreateInfo::default().code(&kernel.words);
        let bindings: Vec<_> = kernel.bindings.iter().map(layout_binding).collect();
        let set = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        // SAFETY: all that is made is the device's, is used before it is destroyed, and is destroyed once.
        unsafe {
            let shader = self.device.create_shader_module(&shader, None)?;
            let sets = [self.device.create_descriptor_set_layout(&set, None)?];
            let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = self.device.create_pipeline_layout(&layout, None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .flags(vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE)
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(shader)
                .name(c"main");
            let wanted = [vk::ComputePipelineCreateInfo::default()
                .flags(
                    vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                        | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR,
                )
                .stage(stage)
                .layout(layout)];
            let none = vk::PipelineCache::null();
            let made = self.device.create_compute_pipelines(none, &wanted, None);
            let compiled = made.map_err(|(_, error)| error).and_then(|made| {
                let compiled = self.tell(made[0]);
                self.device.destroy_pipeline(made[0], None);
                compiled
            });
            self.device.destroy_pipeline_layout(layout, None);
            self.device.destroy_descriptor_set_layout(sets[0], None);
            self.device.destroy_shader_module(shader, None);
            compiled
        }
    }

    /// Of the last of a pipeline's programs: Intel's driver makes one for each size of subgroups, and
    /// the largest last.
    fn tell(&self, pipeline: vk::Pipeline) -> Result<Compiled> {
        let of = vk::PipelineInfoKHR::default().pipeline(pipeline);
        // SAFETY: the pipeline is the device's.
        let programs = unsafe { self.executables.get_pipeline_executable_properties(&of) }?;
        let last = u32::try_from(programs.len().saturating_sub(1)).unwrap_or(0);
        let of = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(last);
        // SAFETY: there is such a program.
        let numbers = unsafe { self.executables.get_pipeline_executable_statistics(&of) }?;
        let statistics = numbers.iter().map(|one| (text(&one.name), number(one))).collect();
        let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        let handle = self.device.handle();
        let mut count = 0;
        // SAFETY: without a place for texts, only their number is told.
        unsafe { get(handle, &of, &mut count, std::ptr::null_mut()) }.result()?;
        let mut texts =
            vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
        // SAFETY: there is room for so many; without places of their own, their sizes are told.
        unsafe { get(handle, &of, &mut count, texts.as_mut_ptr()) }.result()?;
        let Some(last) = texts.last_mut() else {
            return Ok(Compiled { statistics, assembly: String::new() });
        };
        let mut bytes = vec![0_u8; last.data_size];
        last.p_data = bytes.as_mut_ptr().cast();
        // SAFETY: the last text has a place of its size now, and the others still have none.
        unsafe { get(handle, &of, &mut count, texts.as_mut_ptr()) }.result()?;
        let assembly = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_string();
        Ok(Compiled { statistics, assembly })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // SAFETY: nothing that was made of them is left.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

fn extensions(instance: &ash::Instance, physical: vk::PhysicalDevice) -> Vec<std::ffi::CString> {
    // SAFETY: the physical device is of this instance.
    let all = unsafe { instance.enumerate_device_extension_properties(physical) };
    let name = |one: &vk::ExtensionProperties| one.extension_name_as_c_str().map(CStr::to_owned);
    all.unwrap_or_default().iter().filter_map(|one| name(one).ok()).collect()
}

fn device(
    instance: &ash::Instance,
    physical: vk::PhysicalDevice,
    checks: bool,
    robust: bool,
) -> Result<ash::Device> {
    let queue =
        [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
    let mut names = vec![pipeline_executable_properties::NAME.as_ptr()];
    let core = vk::PhysicalDeviceFeatures::default().robust_buffer_access(checks);
    let mut tells = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
        .pipeline_executable_info(true);
    let mut sizes =
        vk::PhysicalDeviceSubgroupSizeControlFeatures::default().subgroup_size_control(true);
    let mut checks =
        vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(true);
    let mut wanted = vk::DeviceCreateInfo::default()
        .queue_create_infos(&queue)
        .enabled_features(&core)
        .push_next(&mut tells)
        .push_next(&mut sizes);
    if robust {
        names.push(robustness2::NAME.as_ptr());
        wanted = wanted.push_next(&mut checks);
    }
    // SAFETY: the physical device is of this instance.
    unsafe { instance.create_device(physical, &wanted.enabled_extension_names(&names), None) }
}

fn layout_binding(&(binding, uniform): &(u32, bool)) -> vk::DescriptorSetLayoutBinding<'static> {
    let kind = if uniform {
        vk::DescriptorType::UNIFORM_BUFFER
    } else {
        vk::DescriptorType::STORAGE_BUFFER
    };
    vk::DescriptorSetLayoutBinding::default()
        .binding(binding)
        .descriptor_type(kind)
        .descriptor_count(1)
        .stage_flags(vk::ShaderStageFlags::COMPUTE)
}

fn number(one: &vk::PipelineExecutableStatisticKHR<'_>) -> u64 {
    // SAFETY: the format says which member was written.
    unsafe {
        match one.format {
            Format::UINT64 => one.value.u64,
            Format::INT64 => u64::try_from(one.value.i64).unwrap_or(0),
            // None that is asked for.
            _ => 0,
        }
    }
}

fn text(characters: &[c_char]) -> String {
    let bytes = characters.iter().take_while(|c| **c != 0).map(|c| c.cast_unsigned()).collect();
    String::from_utf8(bytes).unwrap_or_default()
}
