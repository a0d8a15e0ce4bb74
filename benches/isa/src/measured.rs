//! What there is to know of a compiled kernel.

use crate::chips::Chip;
use crate::run::Kernel;

/// The driver's numbers, and those of what is done again and again with memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) registers: u64,
    /// AMD: how many subgroups can be on a unit at once, of 32 lanes each; Intel: the lanes of one.
    pub(crate) waves: u64,
    pub(crate) spills: u64,
    pub(crate) scratch: u64,
    pub(crate) instructions: u64,
    pub(crate) barriers: u64,
    /// Of the loop that multiplies most: how much of its arithmetic that is, in percent.
    pub(crate) share: u64,
    /// In loops that reach memory, as the two below: arithmetic, and what moves one to four words.
    pub(crate) slots: u64,
    pub(crate) loads: [u64; 4],
    pub(crate) stores: [u64; 4],
}

impl Measured {
    fn fields(&self) -> [u64; 16] {
        let [l1, l2, l3, l4] = self.loads;
        let [s1, s2, s3, s4] = self.stores;
        let own = [self.registers, self.waves, self.spills, self.scratch, self.instructions];
        let [a, b, c, d, e] = own;
        [a, b, c, d, e, self.barriers, self.share, self.slots, l1, l2, l3, l4, s1, s2, s3, s4]
    }

    /// As a line that [`Measured::from_fields`] reads.
    pub(crate) fn to_fields(&self) -> String {
        self.fields().map(|field| field.to_string()).join(" ")
    }

    pub(crate) fn from_fields(line: &str) -> Option<Self> {
        let fields =
            line.split(' ').map(|field| field.parse().ok()).collect::<Option<Vec<u64>>>()?;
        let [registers, waves, spills, scratch, instructions, rest @ ..] = &fields[..] else {
            return None;
        };
        let [barriers, share, slots, l1, l2, l3, l4, s1, s2, s3, s4] = *rest else { return None };
        Some(Self {
            registers: *registers,
            waves: *waves,
            spills: *spills,
            scratch: *scratch,
            instructions: *instructions,
            barriers,
            share,
            slots,
            loads: [l1, l2, l3, l4],
            stores: [s1, s2, s3, s4],
        })
    }

    /// The bytes that a lane reads and writes in a round of all such loops, of so many words at once or more.
    fn bytes(&self, least: usize) -> u64 {
        let both = self.loads.iter().zip(self.stores).map(|(loads, stores)| loads + stores);
        both.zip([4, 8, 12, 16]).skip(least - 1).map(|(count, bytes)| count * bytes).sum()
    }

    /// A lane's arithmetic for every 16 bytes that it reads or writes.
    pub(crate) fn per_16_bytes(&self) -> u64 {
        (16 * self.slots).checked_div(self.bytes(1)).unwrap_or(0)
    }

    /// Whether less than a half moves in pieces of so many words.
    pub(crate) fn is_narrow(&self, words: usize) -> bool {
        2 * self.bytes(words) < self.bytes(1)
    }

    pub(crate) const HEAD: &str = "chip    registers waves spills scratch instructions  \
        /16 B  FMA  loads of 1 to 4  stores  barriers  kernel";

    pub(crate) fn line(&self, chip: &Chip, kernel: &Kernel) -> String {
        let list = |of: [u64; 4]| of.map(|one| one.to_string()).join(" ");
        format!(
            "{:7} {:9} {:5} {:6} {:7} {:12} {:6} {:3}% {:>16} {:>7} {:9}  {} {}",
            chip.name,
            self.registers,
            chip.waves(self.waves),
            self.spills,
            self.scratch,
            self.instructions,
            self.per_16_bytes(),
            self.share,
            list(self.loads),
            list(self.stores),
            self.barriers,
            kernel.kind,
            kernel.name,
        )
    }
}
