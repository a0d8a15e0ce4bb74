//! Long rows that several workgroups share: each gathers a part, and what they have gathered is joined in the order of
//! the sections, whoever does it.

use crate::kernel::Header;

/// How a row is cut. It depends on the shape and the tuning alone, so that sums are the same however the work is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sections {
    /// How many times four classes are in a part.
    pub(crate) quads: u64,
    /// How many sections there are.
    pub(crate) count: u64,
    /// Where in the scratch what is known of the sections is.
    pub(crate) place: u64,
    /// Of how many rows at a time.
    pub(crate) rows: u64,
}

/// What a pass over the rows does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// All of it.
    Whole,
    /// It gathers the maxima of sections, where sums cannot follow higher ones.
    Peaks,
    /// It gathers the sums of sections, and their maxima where no stage has before.
    Sums,
    /// It gathers the second sums of sections.
    SecondSums,
    /// It joins what sections have gathered.
    Joined,
}

/// `NAME_at(place)` and `keep_NAME(place, NAME)`: maxima or sums, which lie so far behind the start of a row's
/// statistics.
pub(crate) fn held(header: &mut Header, name: &str, first: usize, members: &[String]) {
    let alias = match name {
        "peaks" => "Peaks",
        _ => "Sums",
    };
    let place = |i: usize| format!("scratch[place + {}u]", first + i);
    let all: Vec<String> = (0..members.len()).map(place).collect();
    header.line(&format!(
        "fn {name}_at(place: u32) -> {alias} {{\n    return {alias}({});\n}}",
        all.join(", ")
    ));
    let mut body = String::new();
    for (member, place) in members.iter().zip(&all) {
        body += &format!("    {place} = numbers{member};\n");
    }
    header.line(&format!("fn keep_{name}(place: u32, numbers: {alias}) {{\n{body}}}"));
}
