//! Kernel texts: a header of bindings and accessors made for one plan, joined with the shared
//! WGSL, a family's skeleton and the loss's own file.

mod declared;
pub(crate) mod packed;
mod parameters;
pub(crate) mod reduce;
mod shared;
pub(crate) mod status;
pub(crate) mod storage;
mod uniform;

pub(crate) use declared::{Declared, OPTIONS, TABLE, WINDOW};
pub(crate) use parameters::Parameters;
pub(crate) use shared::IN_PLACE;
pub use uniform::Member;
pub(crate) use uniform::{Uniform, uniform};

use crate::request::{Losses, Slot, Upstream};
use crate::tensor::DType;
use std::fmt::Write as _;
use storage::{Stores, stores};

pub(crate) const NUMERIC: &str = include_str!("../../shaders/numeric.wgsl");
pub(crate) const NARROW: &str = include_str!("../../shaders/narrow.wgsl");
pub(crate) const LABELS: &str = include_str!("../../shaders/labels.wgsl");
pub(crate) const CHECK_LABELS: &str = include_str!("../../shaders/check_labels.wgsl");
pub(crate) const NOTE_LABELS: &str = include_str!("../../shaders/note_labels.wgsl");
pub(crate) const REDUCE: &str = include_str!("../../shaders/reduce.wgsl");

/// How a kernel uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    Uniform,
    Read,
    Write,
}

impl Use {
    fn space(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Read => "storage, read",
            Self::Write => "storage, read_write",
        }
    }
}

/// A binding in group 0: what it is connected with, and how it is declared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Binding {
    pub(crate) slot: Slot,
    pub(crate) used: Use,
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// A kernel: its bindings, in the order of their numbers, and the rest of its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kernel {
    pub(crate) label: String,
    pub(crate) bindings: Vec<Binding>,
    /// The extensions of WGSL that the text needs: they come first.
    pub(crate) directives: &'static str,
    pub(crate) body: String,
}

impl Kernel {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        let mut text = self.directives.to_string();
        for (number, Binding { used, name, kind, .. }) in self.bindings.iter().enumerate() {
            let space = used.space();
            let _ = writeln!(text, "@group(0) @binding({number}) var<{space}> {name}: {kind};");
        }
        text + &self.body
    }

    pub(crate) fn binding(&self, slot: Slot) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.slot == slot)
    }

    /// The number of storage buffers that are bound at once.
    pub(crate) fn storage_buffers(&self) -> usize {
        self.bindings.iter().filter(|binding| binding.used != Use::Uniform).count()
    }

    /// The same kernel, which adds to the outputs.
    pub(crate) fn adding(mut self) -> Self {
        self.body = self.body.replace(ADDS, "const ADDS = true;");
        self
    }

    /// The invocations of a workgroup: a product of numbers and constants.
    pub(crate) fn invocations(&self) -> u64 {
        let size =
            self.body.split_once("@workgroup_size(").and_then(|(_, rest)| rest.split_once(')'));
        let factor = |factor: &str| {
            let number = |text: &str| text.trim().trim_end_matches('u').parse().ok();
            let constant = || {
                let (_, rest) = self.body.split_once(&format!("const {factor}"))?;
                number(rest.split_once('=')?.1.split_once(';')?.0)
            };
            number(factor).or_else(constant).unwrap_or(1)
        };
        size.map_or(1, |(size, _)| size.split('*').map(|part| factor(part.trim())).product())
    }

    /// The same text with its bindings connected otherwise: pairs of old slot and new slot.
    pub(crate) fn with_slots(mut self, slots: &[(Slot, Slot, u64)]) -> Self {
        for binding in &mut self.bindings {
            if let Some(&(_, new, _)) = slots.iter().find(|(old, _, _)| *old == binding.slot) {
                binding.slot = new;
            }
        }
        self
    }
}

/// A kernel while its header is being written.
#[derive(Debug, Default)]
pub(crate) struct Header {
    /// The extensions of WGSL that the kernel needs.
    pub(crate) directives: &'static str,
    text: String,
    bindings: Vec<Binding>,
    /// WGSL that the accessors call.
    shared: Vec<&'static str>,
    /// The lines that are there already.
    once: Vec<&'static str>,
}

impl Header {
    /// The header of a kernel without parameters.
    pub(crate) fn new() -> Self {
        let mut header = Self::default();
        header.uniform(Slot::Window, "window", "Window");
        header
    }

    /// The header of a loss's kernel: `options()` gives its parameters, of the struct that the
    /// shader declares.
    pub(crate) fn of_loss(parameters: &Parameters) -> Self {
        let mut header = Self::new();
        parameters.declare(&mut header);
        header
    }

    pub(crate) fn uniform(&mut self, slot: Slot, name: &str, kind: &str) {
        self.bind(slot, Use::Uniform, name, kind);
    }

    pub(crate) fn read(&mut self, slot: Slot, name: &str, kind: &str) {
        self.bind(slot, Use::Read, name, kind);
    }

    pub(crate) fn write(&mut self, slot: Slot, name: &str, kind: &str) {
        self.bind(slot, Use::Write, name, kind);
    }

    fn bind(&mut self, slot: Slot, used: Use, name: &str, kind: &str) {
        if !self.bindings.iter().any(|binding| binding.slot == slot) {
            self.bindings.push(Binding { slot, used, name: name.into(), kind: kind.into() });
        }
    }

    pub(crate) fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    /// A line that several declarations need.
    pub(crate) fn once(&mut self, text: &'static str) {
        if !self.once.contains(&text) {
            self.once.push(text);
            self.line(text);
        }
    }

    /// Joins the kernel with WGSL that what was declared calls.
    pub(crate) fn call(&mut self, shared: &'static str) {
        if !self.shared.contains(&shared) {
            self.shared.push(shared);
        }
    }

    pub(crate) fn constant(&mut self, name: &str, value: impl std::fmt::Display) {
        self.line(&format!("const {name} = {value};"));
    }

    pub(crate) fn join(self, label: String, parts: &[&str]) -> Kernel {
        let parts = [&self.text[..]].into_iter().chain(self.shared).chain(parts.iter().copied());
        let body = parts.collect::<Vec<_>>().join("\n");
        Kernel { label, bindings: self.bindings, directives: self.directives, body }
    }
}

/// Where the sum of a block, or of everything, goes: the body of `store_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Into the scratch, for the next level or as a total.
    Scratch,
    /// It is the sum of all losses: kept, divided and written as the value.
    Value { scratch_divisor: bool },
}

impl Destination {
    pub(crate) fn declare(self, header: &mut Header) {
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let body = match self {
            Self::Scratch => "scratch[window.destination + block] = total;".to_string(),
            Self::Value { scratch_divisor } => {
                header.write(Slot::Value, "value_out", "array<f32>");
                let divisor = divisor(scratch_divisor);
                let value = format!("quotient(total, {divisor}) * window.weight");
                format!("scratch[0] = total;\n    {}", store_loss(header, "value_out[0]", &value))
            }
        };
        // An exact sum of nothing has no sign either.
        let total = "let total = select(sum, 0.0, sum == 0.0);";
        header
            .line(&format!("fn store_total(block: u32, sum: f32) {{\n    {total}\n    {body}\n}}"));
    }
}

/// The constant that tells a kernel that what it writes into the outputs is added to what they hold.
pub(crate) const ADDS: &str = "const ADDS = false;";

/// `is_item(term)`: whether there is the item that a term is of; items of so many terms are counted in a
/// buffer.
pub(crate) fn declare_items(header: &mut Header, terms: Option<u64>) {
    let mut there = "true".to_string();
    if let Some(terms) = terms {
        header.read(Slot::Count, "count", "array<u32>");
        there = format!("term / {}u < count[0]", terms.max(1));
    }
    header.line(&format!("fn is_item(term: u32) -> bool {{ return {there}; }}"));
}

/// A loss put into its place in an output.
pub(crate) fn store_loss(header: &mut Header, place: &str, loss: &str) -> String {
    header.once(ADDS);
    format!(
        "var own_loss = {loss};
    if (ADDS) {{ own_loss += {place}; }}
    {place} = own_loss;"
    )
}

/// `store_loss(TERM, loss)` puts a term's loss where it goes: to this place of the output, or to that of the
/// scratch.
pub(crate) fn declare_store_loss(
    header: &mut Header,
    losses: Losses,
    term: &str,
    [output, scratch]: [&str; 2],
) {
    let body = match losses {
        Losses::Nowhere => String::new(),
        Losses::Value => {
            header.write(Slot::Value, "losses", "array<f32>");
            store_loss(header, &format!("losses[{output}]"), "loss * window.weight")
        }
        Losses::Scratch => {
            header.write(Slot::Scratch, "scratch", "array<f32>");
            format!("scratch[{scratch}] = loss;")
        }
    };
    header.line(&format!("fn store_loss({term}: u32, loss: f32) {{\n    {body}\n}}"));
}

/// The divisor of the mean: from the shapes, or the total of the weights.
pub(crate) fn divisor(scratch_divisor: bool) -> &'static str {
    if scratch_divisor { "scratch[1]" } else { "window.divisor" }
}

impl Upstream {
    /// Declares what gradients need of it, of the loss scale and of the divisor, and says what the
    /// common factor is.
    pub(crate) fn declare(self, header: &mut Header, scratch_divisor: bool) -> String {
        if scratch_divisor {
            header.write(Slot::Scratch, "scratch", "array<f32>");
        }
        let divisor = divisor(scratch_divisor);
        match self {
            Self::One | Self::Terms => format!("window.scale / {divisor}"),
            Self::Scalar => {
                header.read(Slot::Upstream, "upstream", "array<f32>");
                format!("window.scale * upstream[0] / {divisor}")
            }
        }
    }
}

/// `store(i, sum)`: writes the gradient of an input, or what a further level of column sums reads.
pub(crate) fn declare_store(header: &mut Header, gradient: Option<(usize, DType)>) {
    let body = match gradient {
        Some((input, dtype)) => {
            stores(header, Slot::Gradient(input), "gradient", dtype, Stores::Singles);
            "store_gradient(i, sum);"
        }
        None => {
            header.write(Slot::Scratch, "scratch", "array<f32>");
            "scratch[window.destination + i] = sum;"
        }
    };
    header.line(&format!("fn store(i: u32, sum: f32) {{\n    {body}\n}}"));
}
