//! What a device must have.

use crate::error::{Error, Result};
use crate::kernel::Kernel;

/// The most invocations of a workgroup.
pub(crate) fn invocations(limits: &wgpu::Limits) -> u64 {
    limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x).into()
}

/// The uniform buffers of a kernel: its window and its parameters.
const UNIFORMS: u32 = 2;

/// The most storage buffers that a kernel may have, and what limits them: on Metal all buffers share their places.
pub(crate) fn storage_buffers(limits: &wgpu::Limits) -> (u32, &'static str) {
    let own = limits.max_storage_buffers_per_shader_stage;
    let all = limits.max_buffers_and_acceleration_structures_per_shader_stage;
    match all.saturating_sub(UNIFORMS) {
        // 0 is that of a device that only counts what WebGPU does.
        rest if all > 0 && rest < own => {
            (rest, "max_buffers_and_acceleration_structures_per_shader_stage")
        }
        _ => (own, "max_storage_buffers_per_shader_stage"),
    }
}

/// Refuses a device without what every kernel needs.
pub(crate) fn check(limits: &wgpu::Limits) -> Result<()> {
    let (buffers, buffers_limit) = storage_buffers(limits);
    let least: [(&'static str, u64, u64, &'static str); 6] = [
        ("max_compute_invocations_per_workgroup", invocations(limits), 64, "invocations"),
        (
            "max_compute_workgroups_per_dimension",
            limits.max_compute_workgroups_per_dimension.into(),
            1,
            "workgroups",
        ),
        (buffers_limit, buffers.into(), 2, "storage buffers"),
        (
            "max_uniform_buffers_per_shader_stage",
            limits.max_uniform_buffers_per_shader_stage.into(),
            UNIFORMS.into(),
            "uniform buffers",
        ),
        (
            "max_storage_buffer_binding_size",
            limits.max_storage_buffer_binding_size,
            1 << 14,
            "bytes in one binding",
        ),
        (
            "max_compute_workgroup_storage_size",
            limits.max_compute_workgroup_storage_size.into(),
            1 << 12,
            "bytes of a workgroup's memory",
        ),
    ];
    for (name, limit, got, unit) in least {
        if limit < got {
            return Err(Error::Limit { argument: "the device".into(), got, unit, limit, name });
        }
    }
    Ok(())
}

/// Refuses what an invocation would need too many rounds of a loop for.
pub(crate) fn check_rounds(
    argument: &'static str,
    got: u64,
    unit: &'static str,
    limit: u64,
) -> Result<()> {
    if got <= limit {
        return Ok(());
    }
    let argument = argument.into();
    Err(Error::Limit { argument, got, unit, limit, name: "rounds of a loop" })
}

/// What every device can bind at once.
const BINDING: u64 = 128 << 20;

/// The largest size, halved from `most` on, of which each has so many bytes, that can be bound.
pub(crate) fn bindable(most: u64, fewest: u64, bytes: u64) -> u64 {
    let mut size = most;
    while size > fewest && size.saturating_mul(bytes) > BINDING {
        size /= 2;
    }
    size
}

/// Refuses a kernel whose workgroups are too large.
pub(super) fn check_workgroup(limits: &wgpu::Limits, kernel: &Kernel) -> Result<()> {
    let (got, limit) = (kernel.invocations(), invocations(limits));
    if got <= limit {
        return Ok(());
    }
    Err(Error::Limit {
        argument: kernel.label.clone(),
        got,
        unit: "invocations of a workgroup",
        limit,
        name: "max_compute_invocations_per_workgroup",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::Builder;
    use crate::family::resolve;
    use crate::losses::catalogue;
    use crate::request::Request;

    /// As naga reads it.
    fn workgroup(kernel: &Kernel) -> u64 {
        let module = naga::front::wgsl::parse_str(&kernel.text()).expect("a valid kernel");
        module.entry_points[0].workgroup_size.iter().map(|&size| u64::from(size)).product()
    }

    #[test]
    fn kernels_say_how_many_invocations_they_have() {
        for loss in catalogue() {
            let example = loss.example();
            let inputs = loss.definition().inputs.iter();
            let names = inputs.filter(|input| input.differentiable).map(|input| input.name);
            let given =
                |name: &&str| example.iter().any(|(own, k)| own == name && k.dtype.is_float());
            let gradients: Vec<&str> = names.filter(given).collect();
            let request = Request::with_gradients(&gradients);
            let resolved = resolve(loss.as_ref(), &example, &request).expect("an example");
            let limits = wgpu::Limits::default();
            let mut builder = Builder::with_limits(&limits, &resolved, &loss.parameters());
            loss.family().dispatch(&mut builder).expect("a small batch");
            for (kernel, _) in builder.kernels() {
                assert_eq!(kernel.invocations(), workgroup(&kernel), "{}", kernel.label);
            }
        }
    }

    #[test]
    fn all_buffers_together_leave_room_for_uniforms() {
        let of = |storage, all| {
            storage_buffers(&wgpu::Limits {
                max_storage_buffers_per_shader_stage: storage,
                max_buffers_and_acceleration_structures_per_shader_stage: all,
                ..Default::default()
            })
        };
        let together = "max_buffers_and_acceleration_structures_per_shader_stage";
        assert_eq!(of(32, 28), (26, together));
        assert_eq!(of(8, 28), (8, "max_storage_buffers_per_shader_stage"));
        // It does not count them together.
        assert_eq!(of(8, 0), (8, "max_storage_buffers_per_shader_stage"));
    }
}
