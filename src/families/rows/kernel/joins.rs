//! How a row's lanes, and the workgroups that share a long row, join what they have gathered.

use super::Spec;
use super::sections::{Stage, held};
use crate::kernel::Header;
use crate::request::Slot;

impl Spec<'_> {
    /// What the joins' shader needs, and that shader. Lanes are joined in groups and then the groups,
    /// both in pairs of neighbours: one tree, whatever the size of a group.
    pub(super) fn declare_joins(&self, header: &mut Header) -> &'static str {
        let threads = self.lanes.threads;
        let Some(size) = self.lanes.subgroup else {
            let groups = self.lanes.groups();
            header.constant("GROUPS", format!("{groups}u"));
            declare_joined(header, "joined_lanes", "totals_of_lanes", threads / groups);
            declare_joined(header, "joined_groups", "totals_of_groups", groups);
            return include_str!("../../../../shaders/lanes_by_barriers.wgsl");
        };
        let groups = threads.div_ceil(size.into());
        header.constant("GROUPS", format!("{groups}u"));
        declare_joined(header, "joined_groups", "totals_of_groups", groups);
        header.line(&format!(
            "fn other_sums(sums: Sums, step: u32) -> Sums {{
    return {};
}}",
            self.exchanged_sums()
        ));
        include_str!("../../../../shaders/lanes_by_subgroups.wgsl")
    }

    /// The part of a workgroup, and what is known of sections.
    pub(super) fn declare_sections(&self, header: &mut Header, stage: Stage) -> &'static str {
        let count = self.sections.map_or(1, |sections| sections.count);
        header.constant("SECTIONS", format!("{count}u"));
        header.constant("GATHERS_PEAKS", stage == Stage::Peaks);
        header.constant("GATHERS_SUMS", stage == Stage::Sums);
        header.constant("GATHERS_SECOND_SUMS", stage == Stage::SecondSums);
        let (Some(sections), true) = (self.sections, stage != Stage::Whole) else {
            header.line(
                "const KNOWS_PEAKS = false;
const KNOWS_SUMS = false;
fn first_quad(section: u32) -> u32 { return 0u; }
fn keep_section_peaks(r: u32, section: u32, row: Row, peak: Peaks) {}
fn keep_section_sums(r: u32, section: u32, total: Sums) {}
fn keep_second_sums(r: u32, section: u32, total: Sums) {}
fn joined_row(r: u32, row: Row) -> Row { return row; }
fn joined_peak(r: u32) -> Peaks { return Peaks(); }
fn joined_total(r: u32, peak: Peaks) -> Sums { return Sums(); }
fn joined_second_sums(r: u32) -> Sums { return Sums(); }
fn end_quad(section: u32) -> u32 { return (window.classes + 3u) / 4u; }",
            );
            return "";
        };
        let declared = self.declared();
        header.write(Slot::Scratch, "scratch", "array<f32>");
        let knows_sums = matches!(stage, Stage::SecondSums | Stage::Joined);
        header.constant("KNOWS_SUMS", knows_sums);
        let after_peaks = stage == Stage::Sums && self.gathers_peaks_apart();
        header.constant("KNOWS_PEAKS", knows_sums || after_peaks);
        header.constant("QUADS", format!("{}u", sections.quads));
        header.constant("KNOWN", format!("{}u", self.known_of_section()));
        self.declare_picked(header);
        let peaks = self.picked_numbers().len();
        let sums = peaks + declared.peaks.len();
        held(header, "peaks", peaks, &declared.peaks);
        held(header, "sums", sums, &declared.sums);
        held(header, "second", sums + declared.sums.len(), &declared.sums);
        include_str!("../../../../shaders/row_sections.wgsl")
    }

    /// Whether sections need the maxima of whole rows before they gather sums.
    pub(crate) fn gathers_peaks_apart(&self) -> bool {
        self.declared().has_peaks && !self.declared().defines("moved")
    }

    /// How many numbers are known of a section: the inputs at the target class, the maxima, the sums and the second
    /// sums.
    pub(crate) fn known_of_section(&self) -> u64 {
        let declared = self.declared();
        (self.picked_numbers().len() + declared.peaks.len() + 2 * declared.sums.len()) as u64
    }

    /// How each number of `Row`'s `picked` is written behind it.
    fn picked_numbers(&self) -> Vec<String> {
        match self.derived_row() {
            Some(row) => (0..self.shape.over().count()).map(|place| row.behind(place)).collect(),
            None => vec![String::new()],
        }
    }

    /// `keep_picked(place, row)` and `with_picked(place, row)`: the inputs at the target class.
    fn declare_picked(&self, header: &mut Header) {
        let numbers = self.picked_numbers();
        let lines = |line: &dyn Fn(usize, &str) -> String| -> String {
            numbers.iter().enumerate().map(|(i, member)| line(i, member)).collect()
        };
        let kept = lines(&|i, member| format!("    scratch[place + {i}u] = row.picked{member};\n"));
        let with =
            lines(&|i, member| format!("    joined.picked{member} = scratch[place + {i}u];\n"));
        header.line(&format!(
            "fn keep_picked(place: u32, row: Row) {{
{kept}}}
fn with_picked(place: u32, row: Row) -> Row {{
    var joined = row;
{with}    return joined;
}}"
        ));
    }

    /// Another lane's sums: matrices are exchanged by columns.
    fn exchanged_sums(&self) -> String {
        match self.declared().sum_columns {
            Some(columns) => {
                let column = |i| format!("subgroupShuffleXor(sums[{i}], step)");
                format!("Sums({})", (0..columns).map(column).collect::<Vec<_>>().join(", "))
            }
            None => "subgroupShuffleXor(sums, step)".into(),
        }
    }
}

/// A function for the sum of `count` neighbours, a power of 2, of an array.
fn declare_joined(header: &mut Header, name: &str, array: &str, count: u64) {
    let sum = pairs(array, 0, count);
    header.line(&format!("fn {name}(first: u32) -> Sums {{\n    return {sum};\n}}"));
}

fn pairs(array: &str, start: u64, count: u64) -> String {
    if count == 1 {
        return format!("{array}[first + {start}u]");
    }
    let half = count / 2;
    format!("({} + {})", pairs(array, start, half), pairs(array, start + half, half))
}
