//! Kernels with more storage buffers than the device binds at once.

use super::limits::storage_buffers;
use super::{Builder, FEW_BUFFERS, index};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::kernel::packed::{PackWindow, pack};
use crate::request::Slot;

/// The part of a tensor that lies in the scratch.
#[derive(Debug)]
pub(super) struct Packed {
    slot: Slot,
    place: u64,
    /// The words that were taken.
    words: u64,
    /// The bytes of the tensor that were copied last: the first, and how many.
    part: (u64, u64),
}

impl Builder<'_> {
    /// Whether the device binds all buffers of a kernel at once.
    pub(crate) fn binds(&self, kernel: &Kernel) -> bool {
        kernel.storage_buffers() <= storage_buffers(self.limits).0 as usize
    }

    /// The kernel, or one that reads the smallest of its tensors in the scratch, where they are copied
    /// before.
    pub(super) fn bindable(
        &mut self,
        mut kernel: Kernel,
        regions: &[(Slot, u64, u64)],
    ) -> Result<Kernel> {
        if self.binds(&kernel) {
            return Ok(kernel);
        }
        let part = |slot: Slot| {
            let given = regions.iter().find(|region| region.0 == slot);
            given.map_or((0, self.resolved.bytes(slot)), |&(_, offset, size)| (offset, size))
        };
        let mut packable: Vec<_> = kernel.packable().map(|slot| (slot, part(slot))).collect();
        packable.sort_by_key(|&(_, (_, size))| size);
        // The scratch takes a binding itself.
        let scratch = usize::from(kernel.binding(Slot::Scratch).is_none());
        let least = kernel.storage_buffers() - packable.len() + scratch;
        let (limit, name) = storage_buffers(self.limits);
        if least > limit as usize {
            return Err(Error::Limit {
                got: least as u64,
                argument: kernel.label,
                unit: "storage buffers",
                limit: limit.into(),
                name,
            });
        }
        self.in_place = Err(FEW_BUFFERS);
        for (slot, part) in packable {
            if self.binds(&kernel) {
                break;
            }
            let place = self.pack(slot, part)?;
            kernel = kernel.packed(slot, place);
        }
        Ok(kernel)
    }

    /// Has a part of a tensor copied into the scratch, unless it is there, and returns where.
    fn pack(&mut self, slot: Slot, part: (u64, u64)) -> Result<u64> {
        let words = part.1.div_ceil(4);
        let known = self.packed.iter().position(|own| own.slot == slot && own.words >= words);
        let known = match known {
            Some(known) => known,
            None => {
                let place = self.reserve(words)?;
                self.packed.push(Packed { slot, place, words, part: (0, 0) });
                self.packed.len() - 1
            }
        };
        let place = self.packed[known].place;
        if std::mem::replace(&mut self.packed[known].part, part) != part {
            let groups = words.div_ceil(64);
            let window = PackWindow {
                count: index(words)?,
                destination: index(place)?,
                width: self.width(groups)?,
            };
            self.push(pack(slot), &window, &[(slot, part.0, 4 * words)], groups)?;
        }
        Ok(place)
    }
}
