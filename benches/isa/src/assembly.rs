//! What is in a kernel's instructions: of the whole and of its loops.
//!
//! It reads what Mesa's drivers print: LLVM's text for AMD's, their own for Intel's and NVIDIA's.

mod amd;
mod intel;
mod nvidia;

use std::ops::AddAssign;

/// How much there is of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Arithmetic of each lane, where one that takes four times as long counts as four.
    pub(crate) slots: u32,
    /// Instructions that multiply and add, among those.
    pub(crate) products: u32,
    /// Loads and stores of one to four words.
    pub(crate) loads: [u32; 4],
    pub(crate) stores: [u32; 4],
    pub(crate) barriers: u32,
}

/// What an instruction is to a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Arithmetic,
    Product,
    /// At a quarter of the rate.
    Slow,
    /// Of so many words.
    Load(usize),
    Store(usize),
    Barrier,
    /// What is done once for all lanes, or not counted.
    Other,
}

/// A line of the text.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// Instructions follow that others go to by this name.
    Label(&'a str),
    Instruction(Kind),
    /// One that may go to a label.
    Branch(&'a str),
    /// The instruction before, so many times more.
    Again(u32),
    Nothing,
}

impl Counts {
    fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Arithmetic => self.slots += 1,
            Kind::Product => {
                self.slots += 1;
                self.products += 1;
            }
            Kind::Slow => self.slots += 4,
            Kind::Load(words) => self.loads[words - 1] += 1,
            Kind::Store(words) => self.stores[words - 1] += 1,
            Kind::Barrier => self.barriers += 1,
            Kind::Other => {}
        }
    }

    /// The bytes that a lane reads and writes.
    pub(crate) fn bytes(&self) -> u32 {
        let all = self.loads.iter().zip(&self.stores).zip([4, 8, 12, 16]);
        all.map(|((loads, stores), bytes)| (loads + stores) * bytes).sum()
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.slots += other.slots;
        self.products += other.products;
        self.barriers += other.barriers;
        for words in 0..4 {
            self.loads[words] += other.loads[words];
            self.stores[words] += other.stores[words];
        }
    }
}

/// What a kernel's instructions are.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) all: Counts,
    /// Of each loop, without the loops in it.
    pub(crate) loops: Vec<Counts>,
}

impl Counted {
    /// What is done again and again with memory: all loops that reach it, as if they had equally many
    /// rounds, or the whole kernel where none does.
    pub(crate) fn hot(&self) -> Counts {
        let mut hot = Counts::default();
        self.loops.iter().filter(|own| own.bytes() > 0).for_each(|own| hot += *own);
        if hot.bytes() > 0 { hot } else { self.all }
    }

    /// How much of the arithmetic of the loop with the most products they are, in percent.
    pub(crate) fn share_of_products(&self) -> u64 {
        let most = self.loops.iter().max_by_key(|own| own.products).unwrap_or(&self.all);
        (100 * u64::from(most.products)).checked_div(most.slots.into()).unwrap_or(0)
    }
}

/// Counts.
pub(crate) fn count(text: &str) -> Counted {
    let read = if text.trim_start().starts_with("block") {
        nvidia::line
    } else if text.contains("{ align") {
        intel::line
    } else {
        amd::line
    };
    // A block is what lies between two places that branches go from or to.
    let mut blocks = vec![("", Counts::default())];
    let mut branches = Vec::new();
    let mut last = Kind::Other;
    for line in text.lines() {
        let at = blocks.len() - 1;
        match read(line.trim()) {
            Line::Label(name) => blocks.push((name, Counts::default())),
            Line::Instruction(kind) => {
                blocks[at].1.add(kind);
                last = kind;
            }
            Line::Branch(target) => {
                branches.push((at, target));
                blocks.push(("", Counts::default()));
            }
            Line::Again(times) => (0..times).for_each(|_| blocks[at].1.add(last)),
            Line::Nothing => {}
        }
    }
    // A branch back ends a loop, of all between: drivers lay out blocks in the order of the text.
    let mut ends = std::collections::BTreeMap::new();
    for (from, name) in branches {
        let to = blocks.iter().position(|(label, _)| !name.is_empty() && *label == name);
        if let Some(to) = to.filter(|to| *to <= from) {
            let end = ends.entry(to).or_insert(from);
            *end = from.max(*end);
        }
    }
    let ranges: Vec<_> = ends.into_iter().map(|(start, end)| start..=end).collect();
    let mut counted =
        Counted { loops: vec![Counts::default(); ranges.len()], ..Counted::default() };
    for (at, (_, counts)) in blocks.iter().enumerate() {
        counted.all += *counts;
        let around = ranges.iter().enumerate().filter(|(_, range)| range.contains(&at));
        if let Some((own, _)) = around.min_by_key(|(_, range)| range.end() - range.start()) {
            counted.loops[own] += *counts;
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::{Counts, count};

    #[test]
    fn loops_are_counted_apart() {
        let text = "\
BB0:
\ts_mov_b32 s0, s1                    ; BE800301
\tbuffer_load_dword v9, v8, s[0:3], 0 offen ; E0301000 80000908
BB1:
\tbuffer_load_dwordx4 v[0:3], v8, s[0:3], 0 offen ; E0381000 80000008
\tv_exp_f32_e32 v0, v0                ; 7E004B00
\t(then repeated 2 times)
BB2:
\tv_fma_f32 v1, v1, v2, v3            ; D54B0001 040E0501
\ts_cbranch_scc1 BB2                  ; BF85FFFD
\tbuffer_store_dwordx2 v[0:1], v8, s[0:3], 0 offen ; E0741000 80000008
\ts_branch BB1                        ; BF82FFF0
BB3:
\ts_barrier                           ; BF8A0000
\tv_add_f32_e32 v0, v0, v1            ; 06000300
";
        let counted = count(text);
        let outer =
            Counts { slots: 12, loads: [0, 0, 0, 1], stores: [0, 1, 0, 0], ..Counts::default() };
        let inner = Counts { slots: 1, products: 1, ..Counts::default() };
        assert_eq!(counted.loops, [outer, inner]);
        assert_eq!((counted.hot(), counted.hot().bytes()), (outer, 24));
        assert_eq!(counted.share_of_products(), 100);
        assert_eq!(
            (counted.all.slots, counted.all.barriers, counted.all.loads),
            (14, 1, [1, 0, 0, 1])
        );
    }

    #[test]
    fn other_makers_are_read_too() {
        let intel = "\
LABEL0:
mad(16)         g10<1>F  g12<8,8,1>F     g14<8,8,1>F     g16<1,1,1>F     { align1 1H };
math log(16)    g10<1>F  g12<8,8,1>F     null<8,8,1>F    { align1 1H };
send(16)        g20UD    g18UD           nullUD          0x00000000  0x00000000
                            ugm MsgDesc: ( load, a32, d32, V4, L1STATE_L3MOCS dst_len = 8 bti )  BTI 2 { align1 1H };
while(16)       JIP:  LABEL0             { align1 1H };
";
        let [own] = count(intel).loops[..] else { panic!("one loop: {:?}", count(intel)) };
        assert_eq!((own.slots, own.products, own.loads), (5, 1, [0, 0, 0, 1]));
        let nvidia = "\
block 0 L0 [] {
    r0 = ldc.b32 c[0x0][0x0]
} -> {1}
block 1 L1 [0, 1] {
    r4..8 = ld.global.b128 [r0..2]
    r4 = ffma r4 r5 r6
    @p0 bra L1
} -> {1, 2}
";
        let [own] = count(nvidia).loops[..] else { panic!("one loop: {:?}", count(nvidia)) };
        assert_eq!((own.slots, own.products, own.loads), (1, 1, [0, 0, 0, 1]));
    }
}
