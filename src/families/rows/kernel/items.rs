//! How a lane gets at its part of a row.

use super::Spec;
use crate::families::rows::shape::{RowWeight, Target};
use crate::kernel::Header;

const MEMBERS: [&str; 4] = ["x", "y", "z", "w"];

impl Spec<'_> {
    /// `load(r, quad)`: what is in memory for four classes of a row; `items_of(loaded, row, quad)`:
    /// what that means.
    pub(super) fn declare_items(&self, header: &mut Header) {
        let weight_rows = match self.shape.weight {
            RowWeight::Rows(i) => Some(i),
            _ => None,
        };
        let inputs = self.shape.with_slopes().chain(weight_rows).chain(self.shape.mask);
        let inputs: Vec<usize> = inputs.collect();
        let mut fields: String = inputs
            .iter()
            .map(|&i| format!("    {}_: vec4<{}>,\n", self.name(i), self.kind(i)))
            .collect();
        let mut loads: Vec<String> = inputs.iter().map(|&i| self.four(i)).collect();
        if self.shape.list.is_some() {
            fields += "    listed: Listed,\n";
            loads.push("listed_in(r, quad)".into());
        }
        let by_class = matches!(self.shape.weight, RowWeight::Classes(_));
        if by_class {
            fields += "    class_weights: vec4<f32>,\n";
            let at = |k: u32| self.weight_at(&format!("class_{k}"), "");
            loads.push(format!("vec4({}, {}, {}, {})", at(0), at(1), at(2), at(3)));
        }
        let start = self.quad_start();
        let classes: String = (0..4).map(|k| self.class(k)).collect();
        header.line(&format!(
            "struct Loaded {{
{fields}}}
fn load(r: u32, quad: u32) -> Loaded {{
    let start = {start};
{classes}    return Loaded({});
}}",
            loads.join(", ")
        ));

        let mut body = classes;
        let whole_quads = self.shape.whole_quads();
        if whole_quads && matches!(self.shape.target, Target::Index(_)) {
            body += "    let own = row.index - i32(4u * quad);\n";
        }
        for (k, member) in MEMBERS.into_iter().enumerate() {
            let held = |i: usize| format!("loaded.{}_.{member}", self.name(i));
            if self.derived_row().is_some() {
                let numbers = self.numbers(self.shape.over, held);
                body += &format!("    let item_{k} = Item({numbers}, class_{k});\n");
                continue;
            }
            let mask = self.shape.mask.map(held);
            // What a mask leaves out counts as 0, and its first input as that of no class.
            let or_else = |other: &str, number: String| match &mask {
                Some(mask) => format!("select({number}, {other}, {mask} == 0.0)"),
                None => number,
            };
            let of = |i: usize| or_else("0.0", held(i));
            let mut members: Vec<String> = self.shape.over().map(of).collect();
            // Past the last class, that one again.
            let listed = |what: &str| format!("loaded.listed.{what}[class_{k} - 4u * quad]");
            if self.shape.list.is_some() {
                members.push(listed("numbers"));
            }
            if let Some(first) = self.shape.over().next() {
                members[0] = or_else("-infinity()", held(first));
            }
            members.resize(3, "0.0".into());
            members.push(match self.shape.target {
                Target::None if self.shape.list.is_some() => listed("there"),
                Target::None => "0.0".into(),
                Target::Index(_) if whole_quads => format!("select(0.0, 1.0, own == {k})"),
                Target::Index(_) => format!("select(0.0, 1.0, i32(class_{k}) == row.index)"),
                Target::Rows(i) => of(i),
            });
            members.push(match self.shape.weight {
                RowWeight::Rows(i) => of(i),
                RowWeight::Classes(_) => format!("loaded.class_weights.{member}"),
                RowWeight::One => "1.0".into(),
            });
            body += &format!("    let item_{k} = Item({});\n", members.join(", "));
        }
        body += "    return Items(item_0, item_1, item_2, item_3);";
        header.line(&format!(
            "fn items_of(loaded: Loaded, row: Row, quad: u32) -> Items {{\n{body}\n}}"
        ));
    }

    /// Where a quad of a row lies, or the row if its classes are read one by one.
    pub(super) fn quad_start(&self) -> &'static str {
        if self.shape.whole_quads() { "row_start(r) / 4u + quad" } else { "row_start(r)" }
    }

    /// The class of a quad's member; past the last one, that one again.
    pub(super) fn class(&self, k: u32) -> String {
        if self.shape.whole_quads() {
            return format!("    let class_{k} = 4u * quad + {k}u;\n");
        }
        format!("    let class_{k} = min(4u * quad + {k}u, window.classes - 1u);\n")
    }

    /// Four elements of a row input.
    pub(super) fn four(&self, i: usize) -> String {
        let name = self.name(i);
        let is_shared = self.shape.is_shared(i);
        if self.shape.whole_quads() {
            return format!("{name}_quad({})", if is_shared { "quad" } else { "start" });
        }
        let at = |k: u32| match is_shared {
            true => format!("{name}_at(class_{k})"),
            false => format!("{name}_at(start + class_{k} * window.inner)"),
        };
        format!("vec4({}, {}, {}, {})", at(0), at(1), at(2), at(3))
    }

    /// How many quads of a row a lane has, if it can keep what they hold.
    pub(super) fn held_quads(&self) -> Option<u64> {
        if self.sections.is_some() {
            return None;
        }
        let quads = self.lanes.quads(self.shape.classes.div_ceil(4));
        let all = quads * self.shape.inputs();
        (1..=self.lanes.most_held).contains(&all).then_some(quads)
    }

    /// The functions over a part for a lane that keeps its quads: written out for each of
    /// them, as compilers do not put arrays into registers.
    pub(super) fn held_part(&self, quads: u64) -> String {
        // A step for each quad before the end, by its number and its place.
        let each = |part: &str, step: &dyn Fn(u64, &str) -> String| -> String {
            let guarded = |k| {
                let place = format!("{part}first + {k}u * TEAM");
                let body = step(k, &place);
                format!("    if ({place} < {part}end) {{\n        {body}\n    }}\n")
            };
            (0..quads).map(guarded).collect()
        };
        let items = |k, place: &str| format!("items_of(part.quad_{k}, row, {place})");
        let fields: String = (0..quads).map(|k| format!("    quad_{k}: Loaded,\n")).collect();
        let loads = each("", &|k, place| format!("part.quad_{k} = load(r, {place});"));
        let peaks = each("part.", &|k, place| {
            format!("peak = max(peak, quad_peaks({}, row));", items(k, place))
        });
        let sums = each("part.", &|k, place| {
            format!("total += quad_sums({}, row, peak, 4u * ({place}));", items(k, place))
        });
        let second = each("part.", &|k, place| {
            let items = items(k, place);
            format!("second += quad_second_sums({items}, row, peak, total, 4u * ({place}));")
        });
        let gradients = each("part.", &|k, place| {
            let items = items(k, place);
            format!("store_gradients(part.r, row, {items}, peak, total, {place}, scale);")
        });
        format!(
            "struct Part {{
    r: u32,
    first: u32,
    end: u32,
{fields}}}
fn part_at(r: u32, first: u32, end: u32) -> Part {{
    var part: Part;
    part.r = r;
    part.first = first;
    part.end = end;
{loads}    return part;
}}
fn part_gathered(part: Part, row: Row) -> Gathered {{
    return Gathered();
}}
fn part_peaks(part: Part, row: Row) -> Peaks {{
    var peak = Peaks(LOWEST);
{peaks}    return peak;
}}
fn part_sums(part: Part, row: Row, peak: Peaks) -> Sums {{
    var total = Sums();
{sums}    return total;
}}
fn part_second_sums(part: Part, row: Row, peak: Peaks, total: Sums) -> Sums {{
    var second = Sums();
{second}    return second;
}}
fn store_part_gradients(part: Part, row: Row, peak: Peaks, total: Sums, scale: f32) {{
{gradients}}}"
        )
    }
}
