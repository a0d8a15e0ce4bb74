//! The gradients of inputs that broadcast, and of weights.

use super::kernel::Spec;
use super::shape::{Access, Axis};
use super::windows::{self, GatherWindow};
use crate::dispatch::{Builder, index, narrow};
use crate::error::Result;
use crate::request::{Slot, Upstream};

/// Some axes: each size, and the distance between its neighbours in the output.
type Steps = Vec<(u64, u64)>;

fn product(steps: &[(u64, u64)]) -> u64 {
    steps.iter().map(|step| step.0).product()
}

/// A gradient that is gathered from the places that its input was broadcast to.
struct Gather<'a> {
    spec: &'a Spec<'a>,
    axes: &'a [Axis],
    input: usize,
    /// The axes of the input, and those that it was broadcast along.
    own: Steps,
    summed: Steps,
}

pub(super) fn push(
    builder: &mut Builder<'_>,
    spec: &Spec<'_>,
    axes: &[Axis],
    input: usize,
) -> Result<()> {
    let mut flat = 1;
    let (mut own, mut summed) = (Vec::new(), Vec::new());
    for axis in axes {
        let steps = if axis.strides[input] == 0 { &mut summed } else { &mut own };
        steps.push((axis.size, flat));
        flat *= axis.size;
    }
    Gather { spec, axes, input, own, summed }.push(builder, flat)
}

impl Gather<'_> {
    fn push(&self, builder: &mut Builder<'_>, flat: u64) -> Result<()> {
        if self.is_strided() || self.spec.counted.is_some() {
            narrow("the broadcast inputs", flat)?;
        }
        let (segments, places) = (self.width() * product(&self.own), product(&self.summed));
        let serial = self.spec.serial();
        let rows = places.div_ceil(serial);
        let direct = rows == 1;
        let matrix = if direct { 0 } else { builder.reserve(segments * rows)? };
        let kernel = self.spec.gather(self.input, direct);
        // Cut along the outermost axis, of which a unit has so many elements.
        let outer = self.axes.last().map_or(1, |axis| axis.size);
        let unit = flat / outer;
        let by_own = self.axes.last().is_some_and(|axis| axis.strides[self.input] != 0);
        let most = self.most_units(builder, unit, by_own, direct).min(outer);
        let mut first = 0;
        while first < outer {
            let units = most.min(outer - first);
            let share = |all: u64, cut: bool| if cut { all / outer * units } else { all };
            let before = |all: u64, cut: bool| if cut { all / outer * first } else { 0 };
            let (columns, summed) = (share(segments, by_own), share(places, !by_own));
            let earlier = before(segments, by_own) + before(places, !by_own) / serial * segments;
            // The gradient itself is cut with the window.
            let destination = if direct { 0 } else { matrix + earlier };
            let outputs = columns * summed.div_ceil(serial);
            let groups = outputs.div_ceil(64);
            let strided = if self.is_strided() { self.axes } else { &[] };
            let placed = self.is_strided() || self.spec.counted.is_some();
            let place = if placed { first * unit } else { 0 };
            #[expect(clippy::cast_precision_loss, reason = "float32 divides by a float32")]
            let window = GatherWindow {
                outputs: index(outputs)?,
                segments: index(columns)?,
                places: index(summed)?,
                destination: index(destination)?,
                width: builder.width(groups)?,
                divisor: builder.divisor(),
                scale: builder.resolved.scale(),
                rank: index(strided.len() as u64)?,
                own_rank: index(self.own.len() as u64)?,
                summed_rank: index(self.summed.len() as u64)?,
                first: index(place)?,
                // Without further rows of sums there is no distance between them.
                columns: index(if direct { columns } else { segments })?,
                all_places: places as f32,
                axes: windows::axes(strided)?,
                own: windows::steps(&self.own)?,
                summed: windows::steps(&self.summed)?,
                ..GatherWindow::default()
            };
            let regions: Vec<_> = self
                .cut_slots(builder, by_own && direct)
                .into_iter()
                .map(|(slot, size)| {
                    let size = size
                        * if slot == Slot::Gradient(self.input) { segments / outer } else { unit };
                    (slot, first * size, (units * size).next_multiple_of(4))
                })
                .collect();
            builder.push(kernel.clone(), &window, &regions, groups)?;
            first += units;
        }
        if direct { Ok(()) } else { builder.push_columns(matrix, segments, rows, self.input) }
    }

    /// The numbers of an element of the input.
    fn width(&self) -> u64 {
        self.spec.definition.inputs[self.input].role.width() as u64
    }

    fn is_strided(&self) -> bool {
        self.spec.inputs.iter().flatten().any(|(_, access)| *access == Access::Strided)
    }

    /// What is cut with the output's elements, or with the gradient's, and its bytes an element.
    fn cut_slots(&self, builder: &Builder<'_>, gradient: bool) -> Vec<(Slot, u64)> {
        let dense = |(i, input): (usize, &Option<_>)| match input {
            Some((dtype, Access::Dense)) => {
                let width = self.spec.definition.inputs[i].role.width() as u64;
                Some((Slot::Input(i), width * element_size(*dtype)))
            }
            _ => None,
        };
        let mut slots: Vec<_> = self.spec.inputs.iter().enumerate().filter_map(dense).collect();
        slots.extend((self.spec.upstream == Upstream::Terms).then_some((Slot::Upstream, 4)));
        let narrow = builder.resolved.gradient_dtype(self.input);
        slots.extend(gradient.then_some((Slot::Gradient(self.input), element_size(narrow))));
        slots
    }

    /// The units of a window: all, if they cannot be cut where a binding may start and where the
    /// sums of an invocation's places begin.
    fn most_units(&self, builder: &Builder<'_>, unit: u64, by_own: bool, direct: bool) -> u64 {
        if direct && !by_own {
            return u64::MAX;
        }
        let alignment: u64 = builder.limits.min_storage_buffer_offset_alignment.into();
        let slots = self.cut_slots(builder, by_own && direct);
        let inner = self.own.split_last().map_or(1, |(_, inner)| product(inner)) * self.width();
        let bytes = |&(slot, size): &(Slot, u64)| {
            size * if slot == Slot::Gradient(self.input) { inner } else { unit }
        };
        let places = self.summed.split_last().map_or(1, |(_, inner)| product(inner));
        let of_places = if by_own { 1 } else { multiple(self.spec.serial(), places) };
        let steps = slots.iter().map(|slot| multiple(alignment, bytes(slot)));
        let step = steps.chain([of_places]).max().unwrap_or(1);
        let widest = slots.iter().map(bytes).max().unwrap_or(4);
        let limit = builder.limits.max_storage_buffer_binding_size.min(1 << 31);
        match limit / widest / step * step {
            0 => u64::MAX,
            most => most,
        }
    }
}

/// The least count of this many that is a multiple of a power of two.
fn multiple(power: u64, of: u64) -> u64 {
    power >> of.trailing_zeros().min(power.trailing_zeros())
}

fn element_size(dtype: crate::tensor::DType) -> u64 {
    dtype.size() as u64
}
