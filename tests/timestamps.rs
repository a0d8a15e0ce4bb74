//! Timestamps of a plan's pass, in the program's own query set, and of an evaluation; the features of
//! the library's own device.

use crate::common::buffers::{device, empty};
use crate::common::recorded::{Case, encoder};
use crate::common::{self, read, tensor};
use std::time::Instant;
use wgloss::{Batch, Bindings, Clock, DType, Evaluator, Gpu, Mse};

fn queries(gpu: &Gpu, ty: wgpu::QueryType, count: u32) -> wgpu::QuerySet {
    gpu.device().create_query_set(&wgpu::QuerySetDescriptor { label: None, ty, count })
}

#[test]
fn timestamps_are_the_callers() {
    let gpu = device(wgpu::Features::TIMESTAMP_QUERY);
    assert!(gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY), "an adapter's");
    let case = Case::new(&gpu);
    let set = queries(&gpu, wgpu::QueryType::Timestamp, 4);
    let writes = |begin, end| {
        Some(wgpu::ComputePassTimestampWrites {
            query_set: &set,
            beginning_of_pass_write_index: begin,
            end_of_pass_write_index: end,
        })
    };
    let mut encoder = encoder(&gpu);
    let mut encode = |timestamps| {
        let with = |b: Bindings<'_>| case.plan.encode(&mut encoder, &Bindings { timestamps, ..b });
        case.bound(with)
    };
    encode(writes(Some(1), Some(3))).expect("valid timestamps");
    let mut refused = |timestamps| encode(timestamps).expect_err("wrong timestamps").to_string();
    assert_eq!(
        refused(writes(None, None)),
        "timestamps: None for begin and end is not valid, expected two indices, or one and none"
    );
    assert_eq!(
        refused(writes(Some(2), Some(2))),
        "timestamps: Some(2) for begin and end is not valid, expected two indices, or one and none"
    );
    assert_eq!(
        refused(writes(None, Some(4))),
        "timestamps: index 4 is not valid, expected one below 4"
    );
    let mut pass = encoder.begin_compute_pass(&Default::default());
    let timestamps = writes(Some(0), None);
    let error = case
        .bound(|b| case.plan.encode_pass(&mut pass, &Bindings { timestamps, ..b }))
        .expect_err("a pass has its own");
    assert_eq!(
        error.to_string(),
        "timestamps: a query set is not valid, expected none for an open pass, whose descriptor \
         has its own"
    );
    drop(pass);
    let resolved = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    encoder.resolve_query_set(&set, 1..2, &resolved, 0);
    let ends = empty(&gpu, 16);
    encoder.copy_buffer_to_buffer(&resolved, 0, &ends, 0, 8);
    encoder.resolve_query_set(&set, 3..4, &resolved, 0);
    encoder.copy_buffer_to_buffer(&resolved, 0, &ends, 8, 8);
    gpu.queue().submit([encoder.finish()]);
    let times: Vec<u64> = read(&gpu, &ends);
    assert!(0 < times[0] && times[0] < times[1], "{times:?}");
    case.assert_right(&gpu);
}

#[test]
fn timestamps_need_their_feature() {
    let gpu = device(wgpu::Features::empty());
    let case = Case::new(&gpu);
    let theirs = device(wgpu::Features::TIMESTAMP_QUERY);
    let set = queries(&theirs, wgpu::QueryType::Timestamp, 2);
    let timestamps = Some(wgpu::ComputePassTimestampWrites {
        query_set: &set,
        beginning_of_pass_write_index: Some(0),
        end_of_pass_write_index: Some(1),
    });
    let error = case
        .bound(|b| case.plan.encode(&mut encoder(&gpu), &Bindings { timestamps, ..b }))
        .expect_err("no timestamps");
    assert_eq!(
        error.to_string(),
        "timestamps: a query set is not valid, expected none on a device without TIMESTAMP_QUERY"
    );
}

#[test]
fn evaluations_say_which_clock_timed_them() {
    let stamped = device(wgpu::Features::TIMESTAMP_QUERY);
    let cases = [
        (Evaluator::Gpu(stamped), Clock::Timestamps),
        (Evaluator::Gpu(device(wgpu::Features::empty())), Clock::Wall),
        (Evaluator::Cpu, Clock::Wall),
    ];
    let x = tensor(DType::F32, &[1 << 18], &vec![0.5; 1 << 18]);
    let inputs = [("input", x.clone()), ("target", x)];
    let batch = Batch { inputs: &inputs, ..Batch::default() };
    for (backend, clock) in cases {
        let start = Instant::now();
        let timings = backend.evaluate_blocking(&Mse, &batch).expect("valid inputs").timings;
        let whole = start.elapsed();
        assert_eq!(timings.clock, clock, "{backend:?}");
        let parts = timings.plan + timings.upload + timings.kernels + timings.read_back;
        assert!(
            !timings.kernels.is_zero() && parts <= whole,
            "{backend:?}: {timings:?}, {whole:?}"
        );
    }
}

/// The library's own device has timestamps and subgroups where its adapter has them, and memory that
/// host and kernels share where there is but one.
#[test]
fn own_devices_have_what_their_adapter_has() {
    let gpu = common::gpu();
    let adapter = &pollster::block_on(wgloss::adapters())[0];
    let used = wgpu::Features::TIMESTAMP_QUERY
        | wgpu::Features::SUBGROUP
        | wgpu::Features::SUBGROUP_BARRIER;
    let one = [wgpu::DeviceType::IntegratedGpu, wgpu::DeviceType::Cpu];
    let shared = match one.contains(&adapter.get_info().device_type) {
        true => wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
        false => wgpu::Features::empty(),
    };
    let used = used | shared;
    assert_eq!(gpu.device().features(), adapter.features() & used);
}
