//! The functions of a formula over rows, which kernels call: they call the derived ones.

use super::compose::Functions;
use super::writing::Function;
use crate::custom::items::{By, From, Number, Signature, Step};
use crate::custom::signature::Kind;
use crate::families::rows::rounds;

/// The text for kernels.
pub(super) fn glue(signature: &Signature, functions: &Functions) -> String {
    Glue { signature, functions, totals: functions.totals() }.text()
}

struct Glue<'s> {
    signature: &'s Signature,
    functions: &'s Functions,
    totals: Vec<Number>,
}

/// Numbers that WGSL adds up at once.
fn kind_of(count: usize) -> String {
    match count {
        0 | 1 => "f32".into(),
        2..=4 => format!("vec{count}<f32>"),
        _ => {
            let (columns, rows) = shape(count);
            format!("mat{columns}x{rows}<f32>")
        }
    }
}

/// The columns and rows of the smallest matrix of so many numbers.
fn shape(count: usize) -> (usize, usize) {
    match count {
        5..=6 => (2, 3),
        7..=8 => (2, 4),
        9 => (3, 3),
        10..=12 => (3, 4),
        _ => (4, 4),
    }
}

/// How a number of these is written behind their name.
fn behind(place: usize, count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2..=4 => format!("[{place}]"),
        _ => {
            let (_, rows) = shape(count);
            format!("[{}][{}]", place / rows, place % rows)
        }
    }
}

/// The slopes that are wanted, each with those before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slopes {
    None,
    OfItems,
    OfRows,
}

impl Slopes {
    /// Those for which slopes by this are gathered.
    fn by(by: By) -> Self {
        if let By::Row(_) = by { Self::OfRows } else { Self::OfItems }
    }
}

/// All numbers of a kind, in their order, with zeros behind them.
fn filled(mut numbers: Vec<String>, count: usize) -> String {
    let size = match count {
        5.. => shape(count).0 * shape(count).1,
        _ => count.max(1),
    };
    numbers.resize(size, "0.0".into());
    numbers.join(", ")
}

impl Glue<'_> {
    fn peaks(&self) -> &[Number] {
        self.functions.peaks.as_ref().map_or(&[], |own| &own.gives)
    }

    fn parameters(&self) -> &'static str {
        if self.signature.passes_parameters() { ", c: Parameters" } else { "" }
    }

    /// A number where all is known that `finished` says.
    fn number(&self, number: Number, knows_peaks: bool) -> String {
        let (signature, peaks) = (self.signature, self.peaks());
        let row = signature.derived_row();
        let kind = signature.kind(number);
        let of_integer = |x: &str| format!("{}({x})", kind.written());
        // An input of integers or booleans is among the words.
        let of_input = |numbers: &str, words: &str, place: usize| match kind {
            Kind::Float => format!("{numbers}{}", row.behind(place)),
            _ => of_integer(&format!("{words}{}", row.behind(place))),
        };
        let total = |number: Number| {
            let place = self.totals.iter().position(|own| *own == number).unwrap_or_default();
            format!("total{}", behind(place, self.totals.len()))
        };
        let peak = |number: Number| {
            let place = peaks.iter().position(|own| *own == number).unwrap_or_default();
            format!("peak{}", behind(place, peaks.len()))
        };
        match number {
            Number::Of(By::Item(i)) => match signature.place(i) {
                Some(input) => of_input("item.numbers", "item.words", input),
                None => of_integer("item.class_"),
            },
            Number::Of(By::Picked(i)) => match signature.place(i) {
                Some(input) => of_input("row.picked", "row.picked_words", input),
                None => of_integer("row.index"),
            },
            Number::IsPicked => "i32(item.class_) == row.index".into(),
            Number::Of(By::Row(i)) => match signature.label(i) {
                (From::Target, _) => of_integer("row.index"),
                (From::Classes, _) => of_integer("row.classes"),
                (_, label) => of_input("row.numbers", "row.words", label),
            },
            Number::Of(By::Peak(j)) => {
                match self.totals.contains(&Number::Ties(j)) && knows_peaks {
                    true => format!("peak_of({}, {})", peak(number), total(Number::Ties(j))),
                    false => peak(number),
                }
            }
            Number::Shift(_) | Number::GivenUp(Step::Peaks) => peak(number),
            Number::Known(_) | Number::GivenUp(Step::Row) => {
                format!("known.{}", number.name(signature))
            }
            Number::Of(By::RunningSum(_)) | Number::RunningSumBy(..) => {
                let running =
                    self.functions.running_sums.as_ref().map_or(&[][..], |own| &own.gives);
                let place = running.iter().position(|own| *own == number).unwrap_or_default();
                format!("running_here{}", behind(place, running.len()))
            }
            Number::Later(k) => {
                let count = self.functions.running_sums.as_ref().map_or(0, |own| own.gives.len());
                format!("later_here{}", behind(k, count))
            }
            Number::Rounds => "most_rounds(row.classes)".into(),
            _ => total(number),
        }
    }

    fn call(&self, function: &Function, knows_peaks: bool) -> String {
        let mut all: Vec<String> =
            function.takes.iter().map(|&number| self.number(number, knows_peaks)).collect();
        if function.takes_parameters {
            all.push("c".into());
        }
        format!("{}({})", function.name, all.join(", "))
    }

    /// A function that gives some of all sums, or of all running ones, those of slopes only where there are gradients.
    fn gathered(
        &self,
        name: &str,
        (kind, numbers): (&str, &[Number]),
        known: &str,
        function: &Option<Function>,
    ) -> String {
        let c = self.parameters();
        let Some(function) = function else {
            return format!(
                "fn {name}(item: Item, row: Row, peak: Peaks{known}{c}) -> {kind} {{\n    return {kind}();\n}}\n\n"
            );
        };
        let all = |slopes: Slopes| {
            let is_asked =
                |number: &Number| number.slope().is_none_or(|by| slopes >= Slopes::by(by));
            let own = numbers.iter().map(|number| {
                match is_asked(number) && function.gives.contains(number) {
                    true => format!("own.{}", number.name(self.signature)),
                    false => "0.0".into(),
                }
            });
            filled(own.collect(), numbers.len())
        };
        let call = self.call(function, !known.is_empty());
        let (without, of_items, of_rows) =
            (all(Slopes::None), all(Slopes::OfItems), all(Slopes::OfRows));
        let mut body = format!("    let own = {call};\n");
        for (asked, with, less) in
            [("ROW_SLOPES", &of_rows, &of_items), ("SLOPES", &of_items, &without)]
        {
            if with != less {
                body += &format!("    if ({asked}) {{\n        return {kind}({with});\n    }}\n");
            }
        }
        format!(
            "fn {name}(item: Item, row: Row, peak: Peaks{known}{c}) -> {kind} {{
{body}    return {kind}({without});
}}

"
        )
    }

    /// The sums up to each item, and the slopes of the loss by these.
    fn running(&self) -> String {
        let (functions, c) = (self.functions, self.parameters());
        let Some(running) = &functions.running_sums else { return String::new() };
        let numbers = &running.gives;
        let kind = kind_of(numbers.len());
        let known = ", total: Sums";
        let own =
            self.gathered("running_sums", ("Running", numbers), known, &functions.running_sums);
        let later = numbers.iter().map(|number| match (number, &functions.later) {
            (Number::Of(By::RunningSum(k)), Some(later))
                if later.gives.contains(&Number::Later(*k)) =>
            {
                format!("own.{}", Number::Later(*k).name(self.signature))
            }
            _ => "0.0".into(),
        });
        let later = filled(later.collect(), numbers.len());
        let call = functions
            .later
            .as_ref()
            .map_or(String::new(), |later| format!("    let own = {};\n", self.call(later, true)));
        format!(
            "alias Running = {kind};

// The sums up to the item that is looked at, and from it on those of the slopes of the loss by these.
var<private> running_here: Running;
var<private> later_here: Running;

{own}fn later_sums(item: Item, row: Row, peak: Peaks{known}{c}) -> Running {{
{call}    return Running({later});
}}

"
        )
    }

    fn text(&self) -> String {
        let (functions, c) = (self.functions, self.parameters());
        let (peaks, totals) = (self.peaks().len(), self.totals.len());
        let mut text = format!(
            "const HAS_PEAKS = {};
const HAS_SUMS = {};
alias Peaks = {};
alias Sums = {};

",
            peaks > 0,
            functions.sums.is_some(),
            kind_of(peaks),
            kind_of(totals)
        );
        if self.signature.loops() {
            text += &format!("{}\n", rounds::declare_most(functions.turns()));
        }
        let of_peaks = match &functions.peaks {
            Some(function) => {
                let own = function.gives.iter();
                let all: Vec<String> =
                    own.map(|number| format!("own.{}", number.name(self.signature))).collect();
                let call = self.call(function, false);
                format!("    let own = {call};\n    return Peaks({});\n", all.join(", "))
            }
            None => "    return 0.0;\n".into(),
        };
        text += &format!("fn peaks(item: Item, row: Row{c}) -> Peaks {{\n{of_peaks}}}\n\n");
        let all = ("Sums", &*self.totals);
        text += &self.gathered("sums", all, "", &functions.sums);
        text += &self.running();
        if functions.second_sums.is_some() {
            text += "const TWICE = true;\n\n";
            text += &self.gathered("second_sums", all, ", total: Sums", &functions.second_sums);
        }
        text += &format!(
            "fn value(row: Row, peak: Peaks, total: Sums{c}) -> f32 {{
    return {};
}}

// The slopes by what all items of a row share.
var<private> known: Known;

fn finished(row: Row, peak: Peaks, total: Sums{c}) -> Sums {{
    if (GRADIENTS) {{
        known = {};
    }}
    return total;
}}

",
            self.call(&functions.loss, true),
            self.call(&functions.known, true)
        );
        let count = self.signature.derived_row().room();
        let mut slopes = vec!["0.0".to_string(); count];
        for number in &functions.slopes.gives {
            let Number::Of(By::Item(member)) = *number else { continue };
            if let Some(place) = self.signature.place(member) {
                slopes[place] = format!("own.{}", number.name(self.signature));
            }
        }
        let mut row_slopes = vec!["0.0".to_string(); count];
        for number in &functions.known.gives {
            let Number::Known(By::Row(member)) = *number else { continue };
            let (_, place) = self.signature.label(member);
            row_slopes[place] = format!("known.{}", number.name(self.signature));
        }
        text + &format!(
            "fn gradient(item: Item, row: Row, peak: Peaks, total: Sums{c}) -> Slopes {{
    let own = {};
    return Slopes({});
}}

fn row_slopes(row: Row, peak: Peaks, total: Sums{c}) -> Slopes {{
    return Slopes({});
}}
",
            self.call(&functions.slopes, true),
            slopes.join(", "),
            row_slopes.join(", ")
        )
    }
}
