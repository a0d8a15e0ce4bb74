//! From WGSL to SPIR-V, as wgpu does it for Vulkan.

use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ShaderStage};

/// A kernel that a driver can take.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(crate) words: Vec<u32>,
    /// The bindings, and whether each is a uniform.
    pub(crate) bindings: Vec<(u32, bool)>,
}

/// What the device says of itself, on which the translation depends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abilities {
    /// It checks accesses to buffers itself.
    pub(crate) robust: bool,
    /// The version of SPIR-V that it takes.
    pub(crate) version: (u8, u8),
}

/// Translates with all the checks that wgpu adds to texts that it does not trust. wgloss has it leave
/// workgroups' memory as it is.
pub(crate) fn translate(wgsl: &str, abilities: Abilities) -> Result<Translated, String> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|error| error.emit_to_string(wgsl))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all());
    let info = validator.validate(&module).map_err(|error| error.emit_to_string(wgsl))?;
    let mut bindings = Vec::new();
    let mut binding_map = spv::BindingMap::default();
    for (_, variable) in module.global_variables.iter() {
        let Some(place) = variable.binding else { continue };
        bindings.push((place.binding, variable.space == AddressSpace::Uniform));
        let place_there = spv::BindingInfo {
            descriptor_set: place.group,
            binding: place.binding,
            binding_array_size: None,
        };
        binding_map.insert(place, place_there);
    }
    let buffer =
        if abilities.robust { BoundsCheckPolicy::Unchecked } else { BoundsCheckPolicy::Restrict };
    let options = spv::Options {
        lang_version: abilities.version,
        flags: spv::WriterFlags::LABEL_VARYINGS,
        binding_map,
        capabilities: None,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer,
            ..BoundsCheckPolicies::default()
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: true,
        emit_int_div_checks: true,
        ..spv::Options::default()
    };
    let pipeline =
        spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into() };
    let words = spv::write_vec(&module, &info, &options, Some(&pipeline))
        .map_err(|error| error.to_string())?;
    Ok(Translated { words, bindings })
}
