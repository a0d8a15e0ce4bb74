//! Sizes past what 32 bits count, on the host alone.

use super::build;
use crate::dispatch::{Builder, Region};
use crate::family::{Loss, resolve};
use crate::losses::{CrossEntropy, KlDiv, LinearCrossEntropy, Mse};
use crate::reduction::Reduction;
use crate::request::{Request, Slot};
use crate::tensor::{DType, TensorKind};

/// Plans a request for a device with WebGPU's default limits and checks every dispatch.
fn check(loss: &dyn Loss, inputs: &[(&str, DType, &[usize])], gradients: &[&str]) {
    let kinds: Vec<_> = inputs
        .iter()
        .map(|(name, dtype, shape)| (*name, TensorKind::new(*dtype, *shape)))
        .collect();
    for reduction in [Reduction::Mean, Reduction::None] {
        let totals = reduction != Reduction::None;
        let request = Request { reduction, gradients, totals, ..Request::default() };
        let resolved = resolve(loss, &kinds, &request).expect("shapes that fit");
        let limits = wgpu::Limits::default();
        let mut builder = Builder::with_limits(&limits, &resolved, &loss.parameters());
        build(loss, &mut builder).expect("within the limits");
        let what = format!("{} {:?} {reduction}", loss.definition().name, inputs[0].2);
        check_dispatches(&builder, &what);
    }
}

/// Offsets and sizes.
type Regions = Vec<(u64, u64)>;

fn check_dispatches(builder: &Builder<'_>, what: &str) {
    let limits = builder.limits;
    let mut seen: Vec<(usize, Slot, Regions)> = Vec::new();
    for draft in &builder.drafts {
        let [width, rows] = draft.groups;
        assert!(width.max(rows) <= limits.max_compute_workgroups_per_dimension, "{what}: groups");
        let regions = builder.regions(draft).unwrap_or_else(|e| panic!("{what}: {e}"));
        for Region { slot, offset, size } in regions {
            let alignment = limits.min_storage_buffer_offset_alignment;
            assert!(offset.is_multiple_of(alignment.into()), "{what}: {slot:?} at {offset}");
            if !matches!(slot, Slot::Input(_) | Slot::Gradient(_) | Slot::Value) {
                continue;
            }
            let whole = builder.resolved.bytes(slot);
            assert!(offset + size <= whole, "{what}: {slot:?} ends at {offset} + {size}");
            match seen.iter_mut().find(|s| s.0 == draft.kernel && s.1 == slot) {
                Some((_, _, regions)) => regions.push((offset, size)),
                None => seen.push((draft.kernel, slot, vec![(offset, size)])),
            }
        }
    }
    for (kernel, slot, regions) in &mut seen {
        let end = end_without_gap(regions);
        assert!(end.is_some(), "{what}: kernel {kernel} misses a part of {slot:?}");
    }
    // A part of a block has a kernel of its own.
    for slot in seen.iter().map(|s| s.1).collect::<Vec<_>>() {
        let mut all: Vec<_> =
            seen.iter().filter(|s| s.1 == slot).flat_map(|s| s.2.clone()).collect();
        let end = end_without_gap(&mut all);
        assert_eq!((all[0].0, end), (0, Some(builder.resolved.bytes(slot))), "{what}: {slot:?}");
    }
}

/// Where the regions end, if there is no gap between them.
fn end_without_gap(regions: &mut [(u64, u64)]) -> Option<u64> {
    regions.sort_unstable();
    regions.iter().try_fold(regions[0].0, |end, (offset, size)| {
        (*offset <= end).then_some(end.max(offset + size))
    })
}

#[test]
fn tensors_of_up_to_2_to_the_40() {
    let (f, h) = (DType::F32, DType::F16);
    for count in [1 << 32, (1 << 32) + 1, (1 << 40) - 1, 1 << 40] {
        let shape: &[usize] = &[count];
        check(&Mse, &[("input", f, shape), ("target", h, shape)], &["input"]);
    }
    let shape: &[usize] = &[1 << 20, 1 << 20];
    check(&KlDiv::default(), &[("input", f, shape), ("target", f, shape)], &["input", "target"]);
    let rows: &[usize] = &[1 << 20];
    let loss = CrossEntropy::default();
    for integer in [DType::U8, DType::I64] {
        check(&loss, &[("input", h, shape), ("target", integer, rows)], &["input"]);
    }
    // As many rows as 32 bits count, and a part of a block of them.
    let shape: &[usize] = &[(1 << 32) - 4097, 256];
    check(&loss, &[("input", f, shape), ("target", DType::U8, &shape[..1])], &["input"]);
    // The gradients of weights, and items of many rows each, an odd number among them.
    let shape: &[usize] = &[1 << 33];
    let inputs = [("input", f, shape), ("target", f, shape), ("weight", f, shape)];
    check(&Mse, &inputs, &["input", "weight"]);
    let shape: &[usize] = &[40, 2, 1001, 1001];
    let rows: &[usize] = &[40, 1001, 1001];
    check(&loss, &[("input", f, shape), ("target", DType::I64, rows)], &["input"]);
    let shape: &[usize] = &[1 << 8, 4, 1 << 11, 1 << 11];
    let rows: &[usize] = &[1 << 8, 1 << 11, 1 << 11];
    check(&loss, &[("input", f, shape), ("target", DType::I64, rows)], &["input"]);
}

#[test]
fn logits_that_would_be_2_to_the_33() {
    let (f, rows): (_, &[usize]) = (DType::F32, &[1 << 16]);
    let inputs = [
        ("input", f, &[1 << 16, 1 << 8][..]),
        ("linear_weight", f, &[1 << 17, 1 << 8]),
        ("target", DType::I64, rows),
    ];
    check(&LinearCrossEntropy::default(), &inputs, &["input", "linear_weight"]);
}
