//! How a row's lanes join what they have gathered.

use super::Spec;
use crate::kernel::Header;

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
        header.constant("SUBGROUP", format!("{size}u"));
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
