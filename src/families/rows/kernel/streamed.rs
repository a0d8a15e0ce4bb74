//! A lane's part of a row, read again for each step.

use super::Spec;
use std::fmt::Write as _;

impl Spec<'_> {
    /// How many quads a lane asks for before it waits for the first: half as many where it knows all sums, as
    /// what follows from them takes twice the registers.
    pub(super) fn ahead(&self, knows_sums: bool) -> u64 {
        let quads = self.lanes.most_ahead / self.shape.inputs().max(1);
        (if knows_sums { quads / 2 } else { quads }).max(1)
    }

    /// The functions over a part, for a lane that reads it again.
    pub(super) fn streamed_part(&self) -> String {
        let mut text = String::from(
            "struct Part {
    r: u32,
    first: u32, // its first quad; the next one is TEAM further on
    end: u32,   // of its team's quads
}
fn part_at(r: u32, first: u32, end: u32) -> Part {
    return Part(r, first, end);
}
",
        );
        let (ahead, half) = (self.ahead(false), self.ahead(true));
        let functions = [
            (
                "part_gathered(part: Part, row: Row) -> Gathered",
                "var gathered = Gathered(Peaks(LOWEST), Sums());",
                "gathered",
                ahead,
                &gathered as &dyn Fn(u64) -> String,
            ),
            (
                "part_peaks(part: Part, row: Row) -> Peaks",
                "var peak = Peaks(LOWEST);",
                "peak",
                ahead,
                &|quads| format!("peak = max(peak, {});", highest(quads)),
            ),
            (
                "part_sums(part: Part, row: Row, peak: Peaks) -> Sums",
                "var total = Sums();",
                "total",
                ahead,
                &|quads| format!("total += {};", added(quads, "quad_sums", "peak")),
            ),
            (
                "part_second_sums(part: Part, row: Row, peak: Peaks, total: Sums) -> Sums",
                "var second = Sums();",
                "second",
                half,
                &|quads| format!("second += {};", added(quads, "quad_second_sums", "peak, total")),
            ),
        ];
        for (signature, start, result, quads, step) in functions {
            let loops = loops(quads, step);
            let _ =
                write!(text, "fn {signature} {{\n    {start}\n{loops}    return {result};\n}}\n");
        }
        let loops = loops(half, &|quads| {
            let one = |k| {
                let quad = quad(k);
                format!("store_gradients(part.r, row, items_{k}, peak, total, {quad}, scale);")
            };
            (0..quads).map(one).collect::<Vec<_>>().join("\n        ")
        });
        text + &format!(
            "fn store_part_gradients(part: Part, row: Row, peak: Peaks, total: Sums, scale: f32) {{
{loops}}}
"
        )
    }
}

/// Steps over so many quads at once, as long as there are so many, and then over each that is left.
fn loops(ahead: u64, step: &dyn Fn(u64) -> String) -> String {
    let mut text = String::from("    var quad = part.first;\n");
    let mut counts = vec![1];
    if ahead > 1 {
        counts.insert(0, ahead);
    }
    for quads in counts {
        let loads: String = (0..quads)
            .map(|k| format!("        let loaded_{k} = load(part.r, {});\n", quad(k)))
            .collect();
        let items: String = (0..quads)
            .map(|k| format!("        let items_{k} = items_of(loaded_{k}, row, {});\n", quad(k)))
            .collect();
        let _ = write!(
            text,
            "    for (; {} < part.end; quad += {quads}u * TEAM) {{\n{loads}{items}        {}\n    }}\n",
            quad(quads - 1),
            step(quads)
        );
    }
    text
}

/// The place of one of the quads of a round.
fn quad(k: u64) -> String {
    if k == 0 { "quad".into() } else { format!("quad + {k}u * TEAM") }
}

fn gathered(quads: u64) -> String {
    format!(
        "let higher = max(gathered.peak, {});
        let total = moved(gathered.total, gathered.peak, higher);
        gathered = Gathered(higher, total + {});",
        highest(quads),
        added(quads, "quad_sums", "higher")
    )
}

fn highest(quads: u64) -> String {
    let of = |k| format!("quad_peaks(items_{k}, row)");
    (1..quads).fold(of(0), |all, k| format!("max({all}, {})", of(k)))
}

/// The sum over a round's quads, by pairs.
fn added(quads: u64, function: &str, known: &str) -> String {
    let mut sums: Vec<String> = (0..quads)
        .map(|k| format!("{function}(items_{k}, row, {known}, 4u * ({}))", quad(k)))
        .collect();
    while sums.len() > 1 {
        sums = sums
            .chunks(2)
            .map(|pair| match pair {
                [one, other] => format!("({one} + {other})"),
                _ => pair[0].clone(),
            })
            .collect();
    }
    sums.remove(0)
}
